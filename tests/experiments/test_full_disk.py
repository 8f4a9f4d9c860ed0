"""A full disk is one line on stderr, not a traceback."""

import errno
import os

import pytest
from absl import flags

from experiments.configs import launch


@pytest.fixture
def parsed(monkeypatch):
    """A command line without flags."""
    monkeypatch.setattr("sys.argv", ["sweep"])
    monkeypatch.setattr(flags, "FLAGS", flags.FlagValues())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(parsed, capsys, code):
    def main(arguments):
        raise OSError(code, os.strerror(code), "runs/a/0/.result.json.7.tmp")

    assert launch(main, "sweep") == 2
    said = capsys.readouterr().err
    assert said == (
        "sweep: no space left for runs/a/0/.result.json.7.tmp; make room, and the same "
        "command goes on\n"
    )


def test_other_errors_of_files_keep_their_traceback(parsed):
    def main(arguments):
        raise OSError(errno.EIO, "Input/output error", "runs/a")

    with pytest.raises(OSError, match="Input/output error"):
        launch(main, "sweep")
