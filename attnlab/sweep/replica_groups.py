"""Which runs of a sweep may be replicas of one program, and whether that pays here.

    python -m attnlab.sweep.replica_groups CACHE HARDWARE RUN_FOLDER...

Small steps leave an accelerator idle, so there replicas usually pay; a CPU has nothing
idle. A few steps of both are timed once on a kind of hardware, by a job like those of
the sweep (the command above), and the outcome is stored under the hardware's name
beside the compiled programs.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.settings import TaskSettings
from attnlab.training.replicas import make_vmapped_update, shared, stack_states
from attnlab.training.run_config import read_run_config
from attnlab.training.step import Pytree, TrainState

DECISIONS = "replicas.json"
MOST = 8  # runs in one program
MEASURED = 4  # of them are enough to tell
GAIN = 1.15  # less is noise, and runs of one program also share its crash
ROUNDS, SECONDS = 7, 3.0  # of the measurement; whichever ends first


class Decision(NamedTuple):
    """Whether replicas pay on some hardware, as measured there.

    device: its name. cpu: whether it is a CPU. replicas: how many there were in one
    program. gain: how many times as fast that was as the same runs in turn.
    """

    device: str
    cpu: bool
    replicas: int
    gain: float

    @property
    def pays(self) -> bool:
        """Whether the gain is more than noise."""
        return self.gain >= GAIN


def grouped(folders: Sequence[Path]) -> list[list[Path]]:
    """The runs of a sweep in groups that could share a program.

    Args:
      folders: those of the runs.

    Returns:
      Lists of folders, in the order of each first one.

    Raises:
      ValueError: for a configuration that cannot be read.
    """
    groups: dict[str, list[Path]] = {}
    for folder in folders:
        settings = read_run_config(folder).settings
        groups.setdefault(runs.fingerprint(shared(settings)), []).append(folder)
    return list(groups.values())


def programs(
    groups: Sequence[Sequence[Path]], decision: Decision, processes: int
) -> list[list[Path]]:
    """Which runs share a program: the groups in pieces.

    Args:
      groups: of runs that could.
      decision: on what hardware.
      processes: how many programs run at a time.

    Returns:
      Pieces of at most MOST runs, small enough to give each core of a CPU something to
      do.
    """
    size = MOST
    if decision.cpu:
        total = sum(map(len, groups))
        size = min(MOST, -(-total // processes))  # rounded up; no core stays idle
    return [
        list(group[start : start + size])
        for group in groups
        for start in range(0, len(group), size)
    ]


def recall(cache: Path, hardware: str) -> Decision | None:
    """What was measured on some hardware.

    Args:
      cache: the folder of compiled programs.
      hardware: its name.

    Returns:
      The decision, None where nothing was measured.
    """
    try:
        # TypeError: the fields were others in the version that wrote it.
        return Decision(**runs.read_json(cache / DECISIONS)[hardware])
    except (OSError, ValueError, KeyError, TypeError):  # none, or it is damaged
        return None


def remember(cache: Path, hardware: str, decision: Decision) -> None:
    """Store a decision for the sweeps to come, beside those of other hardware.

    Args:
      cache: the folder of compiled programs.
      hardware: its name.
      decision: what was measured.
    """
    try:
        decisions = runs.read_json(cache / DECISIONS)
    except (OSError, ValueError):
        decisions = {}
    runs.write_json(cache / DECISIONS, decisions | {hardware: decision._asdict()})


def reason(groups: Sequence[Sequence[Path]], decision: Decision | None) -> str:
    """A line on how the runs go, and why.

    Args:
      groups: of runs that could share a program.
      decision: whether replicas pay; None where they could not be measured.

    Returns:
      The line, to be printed.
    """
    if max(map(len, groups)) < 2:
        return "one process a run: no two differ in seed and learning rate alone"
    if decision is None:
        return "one process a run: replicas could not be measured"
    measured = (
        f"{decision.replicas} in one program are {decision.gain:.2f} times as fast as "
        f"in turn on {decision.device}"
    )
    if decision.pays:
        return f"replicas of one program: {measured}"
    return f"one process a run: {measured}, and have to be {GAIN}"


def measure(settings: TaskSettings, replicas: int) -> Decision:
    """Time updates of a run: replicas in one program against one after the other.

    Args:
      settings: of the run.
      replicas: how many.

    Returns:
      The median gain, on the device that JAX uses here.
    """
    # Imported late: the sweep itself must not occupy the accelerator.
    import jax
    import numpy as np

    from attnlab.tasks import make_task
    from attnlab.training.loop import first_state, make_update

    # The task writes vocabularies, which must not get into the run's folder.
    with tempfile.TemporaryDirectory() as folder:
        task = make_task(settings, Path(folder))
    train = settings.train
    first, batch = first_state(task, train), task.batches.at(0)
    rate = np.float32(train.learning_rate)
    rates, going = np.full(replicas, rate), np.ones(replicas, bool)
    batches = jax.tree.map(lambda part: np.stack([part] * replicas), batch)
    # Donated, as training does it: copies would blur the comparison.
    alone = jax.jit(make_update(task, train), donate_argnums=0)
    together = jax.jit(make_vmapped_update(task, train), donate_argnums=0)
    states = [first(seed) for seed in range(replicas)]
    stacked = stack_states(states)

    def in_turn() -> list[TrainState]:
        for k in range(replicas):
            states[k], _ = alone(states[k], batch, rate)
        return states

    def at_once() -> TrainState:
        nonlocal stacked
        stacked, _ = together(stacked, batches, rates, going)
        return stacked

    def seconds(way: Callable[[], Pytree]) -> float:
        start = time.perf_counter()
        jax.block_until_ready(way())
        return time.perf_counter() - start

    for way in (in_turn, at_once):
        seconds(way)  # compiles
    gains, began = [], time.perf_counter()
    while len(gains) < ROUNDS and time.perf_counter() < began + SECONDS:
        gains.append(seconds(in_turn) / seconds(at_once))
    device = jax.devices()[0]
    gain = statistics.median(gains)  # one slow round must not decide
    return Decision(device.device_kind, device.platform == "cpu", replicas, gain)


def main(arguments: Sequence[str]) -> int:
    """Measure whether replicas pay, and store the decision.

    Args:
      arguments: the folder of compiled programs, the hardware's name, run folders.

    Returns:
      The exit status, 0.
    """
    cache, hardware, *places = arguments
    folders = [Path(place) for place in places]
    settings = read_run_config(folders[0]).settings
    decision = measure(settings, min(len(folders), MEASURED))
    remember(Path(cache), hardware, decision)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
