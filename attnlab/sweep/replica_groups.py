"""Which runs of a sweep may be replicas of one program, and whether that pays here.

    python -m attnlab.sweep.replica_groups CACHE HARDWARE SECONDS RUN_FOLDER...

Small steps leave an accelerator idle, so there replicas usually pay. A few steps of
both are timed once on a kind of hardware, by a job like those of the sweep (the command
above), and the outcome is stored under the hardware's name beside the compiled
programs. The job ends itself after so many seconds, and does nothing on a CPU: that has
nothing idle, and whenever it was measured one program was the slower way.
"""

import faulthandler
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.plugins import load_plugins
from attnlab.settings import TaskSettings
from attnlab.training.replicas import make_vmapped_update, shared, stack_states
from attnlab.training.run_config import read_run_config
from attnlab.training.step import Pytree, TrainState

DECISIONS = "replicas.json"
MOST = 8  # runs in one program
MEASURED = 4  # of them are enough to tell
GAIN = 1.15  # less is noise, and runs of one program also share its crash
ROUNDS, SECONDS = 7, 3.0  # of the timing; whichever ends first
LIMIT = 60.0  # seconds of the measurement, compilations among them
GRACE = 5.0  # seconds more, for a process that does not even end itself


class Decision(NamedTuple):
    """Whether replicas pay on some hardware, as measured there.

    device: its name. cpu: whether it is a CPU, on which nothing is measured. replicas:
    how many there were in one program. gain: how many times as fast that was as the
    same runs in turn; 0 where it was not known in time.
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
    groups: Sequence[Sequence[Path]], cpu: bool, processes: int
) -> list[list[Path]]:
    """Which runs share a program: the groups in pieces.

    Args:
      groups: of runs that could.
      cpu: whether every process has cores of its own, and none shall stay idle.
      processes: how many programs run at a time.

    Returns:
      Pieces of at most MOST runs, small enough to give each core of a CPU something to
      do.
    """
    size = MOST
    if cpu:
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
        return "no replicas: no two differ in seed and learning rate alone"
    if decision is None:
        return "no replicas: they could not be measured"
    if decision.cpu:
        return "no replicas: JAX computes on the CPU there"
    if not decision.gain:
        return f"no replicas: they were not measured within {LIMIT:.0f} s"
    measured = (
        f"{decision.replicas} in one program are {decision.gain:.2f} times as fast as "
        f"in turn on {decision.device}"
    )
    if decision.pays:
        return f"replicas of one program: {measured}"
    return f"no replicas: {measured}, and have to be {GAIN}"


def measure(settings: TaskSettings, replicas: int) -> Decision:
    """Time updates of a run: replicas in one program against one after the other.

    Args:
      settings: of the run.
      replicas: how many.

    Returns:
      The median gain, on the device that JAX uses here; on a CPU at once 0.
    """
    # Imported late: the sweep itself must not occupy the accelerator.
    import jax
    import numpy as np

    device = jax.devices()[0]
    if device.platform == "cpu":  # the accelerator's package is not installed
        return Decision(device.device_kind, True, replicas, 0.0)

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
    gain = statistics.median(gains)  # one slow round must not decide
    return Decision(device.device_kind, False, replicas, gain)


def main(arguments: Sequence[str]) -> int:
    """Measure whether replicas pay, and store the decision.

    Args:
      arguments: the folder of compiled programs, the hardware's name, the seconds that
        it may take, run folders.

    Returns:
      The exit status, 0.
    """
    cache, hardware, limit, *places = arguments
    folders = [Path(place) for place in places]
    replicas = min(len(folders), MEASURED)

    def give_up() -> None:
        # Stored, too: the next sweep would not know it in time either.
        remember(Path(cache), hardware, Decision(hardware, False, replicas, 0.0))
        print(f"not measured within {limit} s", file=sys.stderr, flush=True)
        os._exit(0)  # from a thread, while the first one compiles

    timer = threading.Timer(float(limit), give_up)
    timer.daemon = True
    timer.start()
    # Where no thread comes to its turn, as while a driver hangs: the C level's timer.
    faulthandler.dump_traceback_later(float(limit) + GRACE, exit=True)
    try:
        load_plugins()
        settings = read_run_config(folders[0]).settings
        decision = measure(settings, replicas)
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()
    remember(Path(cache), hardware, decision)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
