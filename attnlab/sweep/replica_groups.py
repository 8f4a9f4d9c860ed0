"""Which runs of a sweep may be replicas of one program, and whether that pays here.

    python -m attnlab.sweep.replica_groups CACHE HARDWARE RUN_FOLDER...   measures it on these

Small steps leave an accelerator idle, so there replicas usually pay; a CPU has nothing
idle. A few steps of both are timed once on a kind of hardware, by a job like those of
the sweep, and the outcome is kept under its name beside the compiled programs.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from attnlab import runs
from attnlab.training.replicas import make_vmapped_update, shared, stack_states

DECISIONS = "replicas.json"
MOST = 8  # runs in one program
MEASURED = 4  # of them are enough to tell
GAIN = 1.15  # less is noise, and runs of one program also share its crash
ROUNDS, SECONDS = 7, 3.0  # of the measurement; whichever ends first


class Decision(NamedTuple):
    """How many times as fast `replicas` runs are as one program than in turn."""

    device: str
    cpu: bool
    replicas: int
    gain: float

    @property
    def pays(self) -> bool:
        return self.gain >= GAIN


def grouped(folders: Sequence[Path]) -> list[list[Path]]:
    """Runs that could share a program together, in the order of each first one."""
    groups: dict[str, list[Path]] = {}
    for folder in folders:
        config = runs.read_json(folder / runs.CONFIG)
        groups.setdefault(runs.fingerprint(shared(config)), []).append(folder)
    return list(groups.values())


def programs(
    groups: Sequence[Sequence[Path]], decision: Decision, processes: int
) -> list[list[Path]]:
    """The groups in pieces of at most MOST, small enough to give each core of a CPU
    something to do."""
    size = MOST
    if decision.cpu:
        total = sum(map(len, groups))
        size = min(MOST, -(-total // processes))
    return [
        list(group[start : start + size])
        for group in groups
        for start in range(0, len(group), size)
    ]


def recall(cache: Path, hardware: str) -> Decision | None:
    """What was measured on hardware of that name, if it was."""
    try:
        return Decision(**runs.read_json(cache / DECISIONS)[hardware])
    except (OSError, ValueError, KeyError, TypeError):  # none, or it is damaged
        return None


def remember(cache: Path, hardware: str, decision: Decision) -> None:
    """Keep a decision for the sweeps to come, beside those of other hardware."""
    try:
        kept = runs.read_json(cache / DECISIONS)
    except (OSError, ValueError):
        kept = {}
    runs.write_json(cache / DECISIONS, kept | {hardware: decision._asdict()})


def reason(groups: Sequence[Sequence[Path]], decision: Decision | None) -> str:
    """A line that says how the runs go, and why."""
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


def measure(config: Mapping[str, Any], replicas: int) -> Decision:
    """Time updates of a run, `replicas` in one program against one after the other."""
    import jax
    import numpy as np

    from attnlab.tasks import make_task
    from attnlab.training.loop import first_state, make_update

    with tempfile.TemporaryDirectory() as folder:
        task = make_task(config, Path(folder))
    settings = config["train"]
    first, batch = first_state(task, settings), task.batches.at(0)
    rate = np.float32(settings["learning_rate"])
    rates, going = np.full(replicas, rate), np.ones(replicas, bool)
    batches = jax.tree.map(lambda part: np.stack([part] * replicas), batch)
    alone = jax.jit(make_update(task, settings), donate_argnums=0)
    together = jax.jit(make_vmapped_update(task, settings), donate_argnums=0)
    states = [first(seed) for seed in range(replicas)]
    stacked = stack_states(states)

    def in_turn():
        for k in range(replicas):
            states[k], _ = alone(states[k], batch, rate)
        return states

    def at_once():
        nonlocal stacked
        stacked, _ = together(stacked, batches, rates, going)
        return stacked

    def seconds(way) -> float:
        start = time.perf_counter()
        jax.block_until_ready(way())
        return time.perf_counter() - start

    for way in (in_turn, at_once):
        seconds(way)
    gains, began = [], time.perf_counter()
    while len(gains) < ROUNDS and time.perf_counter() < began + SECONDS:
        gains.append(seconds(in_turn) / seconds(at_once))
    device = jax.devices()[0]
    gain = statistics.median(gains)
    return Decision(device.device_kind, device.platform == "cpu", replicas, gain)


def main(arguments: Sequence[str]) -> int:
    cache, hardware, *places = arguments
    folders = [Path(place) for place in places]
    config = runs.read_json(folders[0] / runs.CONFIG)
    decision = measure(config, min(len(folders), MEASURED))
    remember(Path(cache), hardware, decision)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
