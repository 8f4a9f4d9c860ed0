"""What the loop says of itself: shapes that compile, and updates that are done."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from attnlab import runs
from attnlab.nn.losses import Sums
from attnlab.training import stages
from attnlab.training.loop import train
from attnlab.training.stages import Stages, shapes_of
from attnlab.training.writers import Writer
from tests.training.test_loop import settings, toy


class Update:
    """An array of an update that JAX may not have computed yet."""

    def __init__(self, ready: bool):
        self.ready = ready

    def is_ready(self) -> bool:
        return self.ready

    def block_until_ready(self) -> "Update":
        self.ready = True
        return self


def recorder() -> tuple[Writer, list[tuple[str, int, str]]]:
    """A writer, and the stages that it has been told."""
    said: list[tuple[str, int, str]] = []

    def stage(name: str, step: int, note: str = "") -> None:
        said.append((name, step, note))

    nothing: Any = lambda *_: None  # noqa: E731
    return Writer(nothing, nothing, nothing, stage=stage), said


def sums_of(*ready: bool) -> list[Any]:
    return [Sums(Update(state), Update(state)) for state in ready]


@pytest.fixture
def at_once(monkeypatch):
    """Every word is due."""
    monkeypatch.setattr(stages, "SAY_SECONDS", -1.0)


def test_only_updates_that_are_computed_count(at_once):
    writer, said = recorder()
    loop = Stages([SimpleNamespace(writer=writer)], 4)
    loop.begin(100, np.array([True]))
    loop.compiling(2)
    sums = sums_of(True, True, False, False)
    loop.updating(sums[:1])
    loop.updating(sums)
    loop.wait(sums)
    assert said == [
        (runs.COMPILING, 100, "shape 2 of 4"),
        (runs.TRAINING, 101, ""),
        (runs.TRAINING, 102, ""),
        (runs.TRAINING, 103, ""),
        (runs.TRAINING, 104, ""),
    ]


def test_updates_that_follow_fast_are_one_word_and_the_last_is_always_said():
    writer, said = recorder()
    loop = Stages([SimpleNamespace(writer=writer)])
    loop.begin(0, np.array([True]))
    loop.compiling(1)
    sums = sums_of(*[True] * 50)
    for count in range(1, 51):
        loop.updating(sums[:count])
    loop.wait(sums)
    assert said[0] == (runs.COMPILING, 0, "shape 1")
    assert said[1] == (runs.TRAINING, 1, "")  # what compiled is over at once
    assert said[-1] == (runs.TRAINING, 50, "")
    assert len(said) < 50


def test_what_was_updated_before_a_compilation_counts():
    writer, said = recorder()
    loop = Stages([SimpleNamespace(writer=writer)])
    loop.begin(0, np.array([True]))
    sums = sums_of(*[True] * 7)
    for count in range(1, 8):
        loop.updating(sums[:count])
    loop.compiling(2)
    assert said == [(runs.TRAINING, 1, ""), (runs.COMPILING, 7, "shape 2")]


def test_runs_that_wait_say_nothing(at_once):
    pairs = [recorder() for _ in range(2)]
    loop = Stages([SimpleNamespace(writer=writer) for writer, _ in pairs])
    loop.begin(6, np.array([False, True]))
    loop.updating(sums_of(True))
    assert [said for _, said in pairs] == [[], [(runs.TRAINING, 7, "")]]


def test_a_run_names_each_shape_once_and_its_evaluations(tmp_path):
    writer, said = recorder()
    train(toy(), settings(), tmp_path, seed=0, writer=writer)
    compiled = [(step, note) for name, step, note in said if name == runs.COMPILING]
    assert compiled == [(0, "shape 1"), (4, "shape 2")]  # the fifth batch is smaller
    evaluated = [step for name, step, _ in said if name == runs.EVALUATING]
    assert evaluated == [6, 12, 18, 24]
    steps = [step for _, step, _ in said]
    assert steps == sorted(steps) and steps[-1] == 24


def test_shapes_are_counted_where_batches_tell_them():
    assert shapes_of(SimpleNamespace(shapes=[1, 2, 3])) == 3
    assert shapes_of(toy().batches) is None
