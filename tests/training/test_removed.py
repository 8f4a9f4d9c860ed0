"""A run whose folder is removed under way ends, and makes no folder anew."""

import shutil

import pytest

from attnlab import runs
from attnlab.training import run as module
from attnlab.training.writers import Writer
from tests.tiny import tiny_folder


@pytest.mark.parametrize("moment", ["begins", "trains", "tests"])
def test_a_run_whose_folder_is_removed_leaves_none(tmp_path, monkeypatch, moment):
    folder = tiny_folder(tmp_path / "sweep")

    def nothing(*_):
        pass

    def remove(*_):
        shutil.rmtree(tmp_path / "sweep", ignore_errors=True)

    def stage(name, step, note=""):
        if name == {"trains": runs.TRAINING, "tests": runs.TESTING}.get(moment):
            remove()

    if moment == "begins":
        monkeypatch.setattr(module, "check_texts", remove)
    shown = Writer(nothing, nothing, nothing, stage=stage)
    monkeypatch.setattr(module, "_progress", lambda *_: shown)
    with pytest.raises(FileNotFoundError):
        module.run(folder, console=False)
    assert not (tmp_path / "sweep").exists()


def test_files_of_a_run_make_no_folder(tmp_path):
    gone = tmp_path / "run"
    for write in (
        lambda: runs.write_lines(gone / runs.SOURCES, ["a"]),
        lambda: runs.write_arrays(gone / runs.EXAMPLES, {}),
        lambda: runs.write_result(gone, {}),
        lambda: runs.list_files(gone, {"a.codec": b""}),
        lambda: runs.write_json(gone / runs.ERROR, {}, folders=False),
    ):
        with pytest.raises(FileNotFoundError):
            write()
    assert not gone.exists()
