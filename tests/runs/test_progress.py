"""progress.json: whole at any time, and never in the way of a run."""

import threading

import pytest

from attnlab import runs
from attnlab.runs import RunProgress

PROGRESS = RunProgress(runs.COMPILING, "shape 2 of 4", 1, 600, 3.5, None, {"loss": 2.5})


def test_progress_is_read_back(tmp_path):
    assert runs.read_progress(tmp_path) is None
    runs.write_progress(tmp_path, PROGRESS)
    assert runs.read_progress(tmp_path) == PROGRESS
    runs.write_progress(tmp_path, PROGRESS._replace(numbers={"loss": float("nan")}))
    assert runs.read_progress(tmp_path).numbers == {"loss": None}
    runs.remove_progress(tmp_path)
    runs.remove_progress(tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"stage": "a", "new": 1}'])
def test_what_is_not_progress_is_none(tmp_path, content):
    (tmp_path / runs.PROGRESS).write_text(content)
    assert runs.read_progress(tmp_path) is None


def test_a_reader_never_sees_a_half_written_file(tmp_path):
    """Long and short ones in turn: a part, or a mixture, would be no JSON."""
    written = [
        PROGRESS._replace(step=step, note="x" * (step % 2 * 20_000))
        for step in range(400)
    ]
    runs.write_progress(tmp_path, written[0])
    over = threading.Event()

    def write():
        for progress in written:
            runs.write_progress(tmp_path, progress)
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not over.is_set():
        seen.append(runs.read_progress(tmp_path))
    writer.join()
    assert seen and None not in seen
    assert all(progress == written[progress.step] for progress in seen)


def test_a_folder_that_cannot_be_written_costs_no_run(tmp_path):
    runs.write_progress(tmp_path / "none", PROGRESS)
    assert runs.read_progress(tmp_path / "none") is None


def test_a_disk_that_is_full_leaves_no_progress_of_the_past(tmp_path, monkeypatch):
    runs.write_progress(tmp_path, PROGRESS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    runs.write_progress(tmp_path, PROGRESS._replace(step=2))
    assert not [*tmp_path.iterdir()]
