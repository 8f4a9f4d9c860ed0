"""The mirror for TensorBoard: its event files hold what metrics.jsonl holds."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs, tasks
from attnlab.parsing import parse
from attnlab.settings import TaskSettings
from attnlab.sweep import rows
from attnlab.training import run as run_module
from attnlab.training import tensorboard_writer as module
from attnlab.training.run_config import learned_fingerprint
from attnlab.training.writers import jsonl_writer, several
from tests.tensorboard.events import event_files, read_events, scalars
from tests.tiny import plan, tiny, tiny_config, tiny_folder
from tests.training.test_loop import Killed, toy
from tests.training.test_replicas import OwnBatches

ON = {"tensorboard": True}


@pytest.fixture
def toy_folder(tmp_path, monkeypatch):
    """toy_folder(task, **settings): a folder that waits; its training is a toy's."""

    def make(task=None, **settings) -> Path:
        task = toy() if task is None else task
        monkeypatch.setattr(tasks, "make_task", lambda settings, folder: task)
        return tiny_folder(tmp_path / "luong", **ON | settings)

    return make


def points(folder: Path) -> list[tuple[int, str, float]]:
    """(step, tag, value) of metrics.jsonl, values as the event file rounds them."""
    return [
        (line["step"], f"{line['kind']}/{name}", float(np.float32(value)))
        for line in runs.read_jsonl(folder / runs.METRICS)
        for name, value in line.items()
        if name not in ("step", "kind") and value is not None
    ]


def test_event_files_hold_metrics_jsonl(toy_folder):
    folder = toy_folder()
    run_module.run(folder, console=False)
    written = scalars(folder)
    assert written == points(folder)
    assert {tag.split("/")[0] for _, tag, _ in written} >= {"train", "dev"}
    assert [step for step, tag, _ in written if tag == "train/loss"] == [*range(1, 31)]
    (file,) = event_files(folder)
    first = read_events(file)[0]
    assert first.file_version == "brain.Event:2"


def test_it_is_off_by_default(toy_folder):
    folder = toy_folder(tensorboard=False)
    run_module.run(folder, console=False)
    assert not (folder / "tensorboard").exists()


def test_a_resumed_run_has_no_point_twice_and_lacks_none(toy_folder):
    evaluations = []

    def validate(params):
        evaluations.append(params)
        if len(evaluations) == 2:
            raise Killed
        return {"bleu": 1.0, "perplexity": 1.0}

    folder = toy_folder(toy(validate))
    with pytest.raises(Killed):
        run_module.run(folder, console=False)
    (killed,) = event_files(folder)
    # Its name has the second it began in, which may not be over.
    killed.rename(killed.with_name("events.out.tfevents.1.host.attnlab"))
    theirs = killed.with_name("events.out.tfevents.1.host")
    theirs.write_bytes(b"of another program")
    assert max(step for step, *_ in points(folder)) == 20
    run_module.run(folder, console=False)
    assert theirs.read_bytes() == b"of another program"
    theirs.unlink()
    assert scalars(folder) == points(folder)
    assert [s for s, tag, _ in scalars(folder) if tag == "train/loss"] == [
        *range(1, 31)
    ]
    # What a TensorBoard has shown of the first file is to be dropped.
    (file,) = event_files(folder)
    (restart,) = [event for event in read_events(file) if event.HasField("session_log")]
    assert (restart.step, restart.session_log.status) == (1, restart.session_log.START)


def test_a_run_that_began_without_it_is_mirrored_from_its_start(toy_folder):
    folder = toy_folder(tensorboard=False, **{"train.steps": 20})
    writer = jsonl_writer(folder)
    for step in (1, 2):
        writer.write(step, "train", {"loss": 2.5, "seconds": 10.0 * step})
    both = several(writer, module.tensorboard_writer(folder, tiny(**ON)))
    both.write(3, "train", {"loss": float("nan"), "seconds": 30.0})
    both.write(3, "dev", {"bleu": 7, "note": "text", "perplexity": None})
    both.close()
    assert scalars(folder) == [
        (1, "train/loss", 2.5),
        (1, "train/seconds", 10.0),
        (2, "train/loss", 2.5),
        (2, "train/seconds", 20.0),
        (3, "train/seconds", 30.0),
        (3, "dev/bleu", 7.0),
    ]
    (file,) = event_files(folder)
    times = {event.step: event.wall_time for event in read_events(file)[1:4]}
    assert times[3] - times[1] == pytest.approx(20.0)


def test_every_write_is_on_the_disk_at_once(toy_folder):
    folder = toy_folder()
    both = several(jsonl_writer(folder), module.tensorboard_writer(folder, tiny(**ON)))
    for step in (1, 2):
        both.write(step, "train", {"loss": 1.0})
        assert len(scalars(folder)) == step
    both.close()


def test_seeds_of_one_program_have_a_file_each(tmp_path, monkeypatch):
    def maker(settings, folder):
        return toy()._replace(batches=OwnBatches(settings.seed))

    monkeypatch.setattr(tasks, "make_task", maker)
    # Replicas may differ in whether they are mirrored.
    folders = [
        tiny_folder(tmp_path / "luong", seed=seed, tensorboard=seed < 2)
        for seed in range(3)
    ]
    assert run_module.run_together(folders) == {}
    for folder in folders[:2]:
        assert scalars(folder) == points(folder)
    assert scalars(folders[0]) != scalars(folders[1])
    assert not event_files(folders[2])


def fails(*arguments):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["_copy", "_add"])
def test_a_mirror_that_fails_stops_nothing(toy_folder, monkeypatch, capsys, name):
    folder = toy_folder()
    monkeypatch.setattr(module, name, fails)
    result = run_module.run(folder, console=False)
    assert result["steps"] == 30
    said = [line for line in capsys.readouterr().err.splitlines() if "tensor" in line]
    (line,) = said
    assert "tensorboard failed (OSError: [Errno 28] No space left" in line
    assert runs.read_json(folder / runs.ENVIRONMENT)["tensorboard"] == line


def test_a_file_in_its_place_stops_nothing(toy_folder, capsys):
    folder = toy_folder()
    (folder / "tensorboard").write_text("mine")
    run_module.run(folder, console=False)
    assert "tensorboard failed (FileExistsError" in capsys.readouterr().err
    assert (folder / "tensorboard").read_text() == "mine"


@pytest.fixture
def not_installed(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == "tensorboardX" else find(name, *more),
    )


def test_without_the_package_a_line_says_how_to_get_it(not_installed):
    with pytest.raises(ValueError) as refused:
        plan(**ON)
    assert str(refused.value).endswith(
        "tensorboard is True, and tensorboardX is not installed: "
        "pip install tensorboardX"
    )
    assert "\n" not in str(refused.value)
    assert plan()


def test_a_run_that_lacks_the_package_where_it_trains_goes_on(
    toy_folder, monkeypatch, capsys, request
):
    folder = toy_folder()
    request.getfixturevalue("not_installed")
    assert run_module.run(folder, console=False)["steps"] == 30
    assert "pip install tensorboardX" in capsys.readouterr().err


def test_a_mirror_changes_nothing_of_what_is_learned(tmp_path, monkeypatch):
    assert learned_fingerprint(tiny_config()) == learned_fingerprint(tiny_config(**ON))
    evaluations = []

    def validate(params):
        evaluations.append(params)
        if len(evaluations) == 2:
            raise Killed
        return {"bleu": 1.0, "perplexity": 1.0}

    monkeypatch.setattr(tasks, "make_task", lambda settings, folder: toy(validate))
    folder = tiny_folder(tmp_path)
    with pytest.raises(Killed):
        run_module.run(folder, console=False)
    # A run that has begun takes the setting, and is mirrored whole.
    assert rows.write_folders(plan(**ON), tmp_path) == [folder]
    assert runs.read_json(folder / runs.CONFIG)["tensorboard"] is True
    run_module.run(folder, console=False)
    assert scalars(folder) == points(folder)


def test_its_value_is_checked():
    with pytest.raises(ValueError, match="tensorboard"):
        parse(TaskSettings, {"task": "ntm", "tensorboard": "yes"})


def test_the_library_is_imported_only_where_it_is_used():
    code = "import attnlab.training.run, sys; print('tensorboardX' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False\n"
