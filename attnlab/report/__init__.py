"""Tables and figures of a sweep, from its run folders alone."""
