"""A finished run for the tests of what damages it."""

from pathlib import Path

import pytest

from attnlab.training.run import run
from tests.tiny import tiny_folder


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> tuple[Path, dict]:
    """A tiny run in its sweep's folder, to be copied, and its result."""
    folder = tiny_folder(tmp_path_factory.mktemp("finished") / "whole")
    return folder, run(folder, console=False)
