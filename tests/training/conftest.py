"""A translation configuration that trains in milliseconds."""

import pytest

from tests.tiny import tiny


@pytest.fixture(scope="session")
def tiny_config():
    """The resolved settings of a tiny run, as its config.json has them."""
    return tiny()
