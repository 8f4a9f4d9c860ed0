"""Runs that go one after the other in a process, through the same programs."""

import pytest

import attnlab.tasks as named
from attnlab import runs
from attnlab.training import run as run_module
from tests.tiny import tiny_folder
from tests.training.test_loop import toy
from tests.training.test_replicas import OwnBatches, diverging


@pytest.fixture
def traced(monkeypatch):
    """Toys in place of tasks, and a list that gets the seed of each traced loss."""
    seeds = []

    def maker(settings, folder):
        del folder
        task = toy(loss=diverging)  # of seed 1

        def loss(*arguments):
            seeds.append(settings.seed)
            return task.loss(*arguments)

        return task._replace(batches=OwnBatches(settings.seed), loss=loss)

    monkeypatch.setattr(named, "make_task", maker)
    return seeds


def test_a_run_like_the_one_before_goes_through_its_programs(tmp_path, traced):
    own = [{"seed": 0}, {"seed": 2, "train.learning_rate": 5e-3}]
    folders = [tiny_folder(tmp_path / "turn", **some) for some in own]
    assert run_module.run_in_turn(folders) == {}
    assert set(traced) == {0}
    for folder, some in zip(folders, own, strict=True):
        alone = tiny_folder(tmp_path / "alone", **some)
        run_module.run(alone, console=False)
        ours, theirs = (runs.read_jsonl(f / runs.METRICS) for f in (folder, alone))
        assert [line.get("loss") for line in ours] == [
            line.get("loss") for line in theirs
        ]
        assert {path.name for path in folder.iterdir()} == {
            path.name for path in alone.iterdir()
        }
    assert set(traced) == {0, 2}


def test_a_run_of_other_settings_has_programs_of_its_own(tmp_path, traced):
    changes = ({"seed": 0}, {"seed": 2, "train.clip": 0.5})
    folders = [tiny_folder(tmp_path / str(n), **some) for n, some in enumerate(changes)]
    assert run_module.run_in_turn(folders) == {}
    assert set(traced) == {0, 2}


def test_a_run_that_fails_leaves_the_ones_after_it_alone(tmp_path, traced):
    folders = [tiny_folder(tmp_path, seed=seed) for seed in (1, 2)]
    assert run_module.main([*map(str, folders), "--quiet", "--in-turn"]) == 1
    assert "loss is nan" in runs.read_json(folders[0] / runs.ERROR)["error"]
    assert not (folders[0] / runs.RESULT).exists()
    assert runs.read_json(folders[1] / runs.RESULT)["steps"] == 30


def test_a_folder_that_is_no_run_is_a_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run_module.main([str(tmp_path)])
    assert end.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith(f"error: no config.json in {tmp_path}")
