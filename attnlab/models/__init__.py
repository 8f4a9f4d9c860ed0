"""Models: stateless linen modules used through `init` and `apply`."""
