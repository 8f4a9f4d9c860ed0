"""A translation configuration that trains in milliseconds."""

import pytest

from tests.tiny import tiny


@pytest.fixture(scope="session")
def tiny_settings():
    """The settings of a tiny run, a record."""
    return tiny()
