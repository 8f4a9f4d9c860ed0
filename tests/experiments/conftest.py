"""Programs that the tests of this folder run."""

import subprocess

import pytest

from tests.programs import run_program


@pytest.fixture
def program(tmp_path_factory):
    """Runs a program of that name; returns its exit status and what it printed."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess:
        folder = tmp_path_factory.mktemp("program")
        return run_program(folder, f"experiments.{name}", *arguments)

    return run
