"""A sweep resumed over damaged files: mended, said, and to the same numbers."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from attnlab import runs
from attnlab.sweep import rows
from attnlab.sweep.repair import repair
from attnlab.tasks.translation.data import CODECS
from attnlab.text import vocabularies
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run import BusyRun, run
from tests.tiny import plan

TIMES = ("seconds", "tokens_per_second", "seconds_per_step")


def timeless(result):
    return {key: value for key, value in result.items() if key not in TIMES}


def flip(path: Path, place: int = 40) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


@pytest.fixture
def whole(finished_run):
    """A finished tiny run, and its result without times."""
    return finished_run[0], timeless(finished_run[1])


@pytest.fixture
def copied(whole, tmp_path):
    """The sweep's folder with a copy of that run, and the run's."""
    folder = tmp_path / "general" / "0"
    shutil.copytree(whole[0], folder)
    return tmp_path, folder


def resume(root: Path) -> tuple[list[str], dict]:
    """What write_folders says, and the result of the run that is then resumed."""
    said: list[str] = []
    (folder,) = rows.write_folders(plan(), root, log=said.append)
    return said, timeless(run(folder, console=False))


def test_what_is_whole_is_left_alone(copied, whole):
    root, folder = copied
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert rows.write_folders(plan(), root, log=pytest.fail) == [folder]
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


def test_a_damaged_result_and_its_companions_are_made_again(copied, whole):
    root, folder = copied
    again = (runs.RESULT, runs.LOSSES, runs.CONFIG, "source.codec")
    for name in again:
        flip(folder / name)
    (folder / f".{runs.LOSSES}.7.tmp").write_text("half of it")  # a kill's
    metrics = folder / runs.METRICS
    metrics.write_bytes(metrics.read_bytes()[:-600])
    with pytest.raises(ValueError, match="damaged"):
        runs.check_result(folder)
    with (
        pytest.warns(RuntimeWarning, match="source.codec is damaged and made anew"),
        pytest.warns(RuntimeWarning, match=r"metrics.jsonl has lost \d+ lines up to"),
    ):
        said, result = resume(root)
    assert result == whole[1]
    assert len(said) == 1 and said[0].startswith(f"{folder}: damaged and made anew: ")
    for name in (*again, runs.METRICS):
        assert name in said[0]
        assert (folder / "damaged" / name).exists()
        if name not in (runs.RESULT, runs.METRICS):  # which have times
            assert (folder / name).read_bytes() == (whole[0] / name).read_bytes()
    assert runs.damaged_files(folder) == [] and not list(folder.glob(".*.tmp"))
    lines, before = (runs.read_jsonl(f / runs.METRICS) for f in (folder, whole[0]))
    assert 0 < len(lines) < len(before)  # what was lost, and nothing else
    assert all(timeless(line) in map(timeless, before) for line in lines)


def test_the_best_checkpoint_is_made_again_where_it_is_damaged(copied, whole):
    root, folder = copied
    checkpoints = Checkpoints(folder / runs.CHECKPOINTS)
    best = checkpoints.folder / str(checkpoints.best_step)
    flip(max(best.rglob("d/*"), key=lambda path: path.stat().st_size))
    (folder / runs.RESULT).unlink()
    with (
        pytest.warns(RuntimeWarning, match=r"training is done again from (step|the)"),
        pytest.warns(RuntimeWarning, match=f"step {best.name} is left out"),
    ):
        _, result = resume(root)
    assert result == whole[1]
    assert Checkpoints(folder / runs.CHECKPOINTS).best_step == int(best.name)


@pytest.mark.parametrize("content", [b"", b'{"row": ', None])
def test_an_unfinished_runs_configuration_is_written_anew(copied, content):
    root, folder = copied
    (folder / runs.RESULT).unlink()
    path = folder / runs.CONFIG
    before = path.read_bytes()
    changed = before.replace(b'"steps": 30', b'"steps": 70')
    path.write_bytes(changed if content is None else content)
    said: list[str] = []
    rows.write_folders(plan(), root, log=said.append)
    assert said == [f"{folder}: damaged and made anew: config.json"]
    assert path.read_bytes() == before


def test_a_run_that_another_process_trains_is_not_touched(copied, whole):
    _, folder = copied
    flip(folder / runs.LOSSES)
    config = runs.read_json(folder / runs.CONFIG)
    with runs.only_one(folder):
        assert repair(folder, config) == []
        assert (folder / runs.RESULT).exists()
        with pytest.raises(BusyRun, match=r"another process \(pid"):
            run(folder, console=False)


def test_a_vocabulary_that_the_text_no_longer_gives_is_refused(copied, monkeypatch):
    _, folder = copied
    flip(folder / "source.codec")
    other = vocabularies.load(folder, ["target.codec"])
    with pytest.raises(ValueError, match="source.codec is damaged, and the corpus now"):
        vocabularies.load_or_build(folder, ["source.codec"], lambda: other)
    with pytest.raises(ValueError, match="source.codec is damaged: see files.sha256"):
        vocabularies.load(folder, ["source.codec"])


def test_a_vocabulary_that_is_missing_has_to_be_the_one_there_was(copied):
    root, folder = copied
    sound = (folder / "target.codec").read_bytes()
    (folder / "source.codec").unlink()
    new = [SimpleNamespace(content=content) for content in (b"new", sound)]
    with pytest.raises(ValueError, match="source.codec is missing, and the corpus now"):
        vocabularies.load_or_build(folder, CODECS, lambda: new)
    assert not (folder / "source.codec").exists()


def test_an_unreadable_configuration_is_not_replaced_by_another_one(copied, whole):
    root, folder = copied
    (folder / runs.CONFIG).write_text("{")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    other = plan(**{"train.learning_rate": 0.5})
    with pytest.raises(ValueError, match="saved under another configuration"):
        rows.write_folders(other, root)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before


def test_a_run_without_checkpoints_says_that_it_begins_anew(copied):
    root, folder = copied
    shutil.rmtree(folder / runs.CHECKPOINTS)
    flip(folder / runs.LOSSES)
    (line,) = repair(folder, plan()[0].config)
    assert line.endswith("losses.tsv; without checkpoints it is trained from the start")
