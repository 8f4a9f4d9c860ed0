"""Sweeps started as users start them, and the processes of their runs."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

from attnlab import runs
from attnlab.runs import LOG
from attnlab.sweep import replica_groups
from attnlab.training.checkpoint import Checkpoints
from tests.cluster.conftest import wait_for

ROOT = Path(__file__).resolve().parents[2]
SIX = "tests/cluster/six.py"
TIMES = {"seconds", "tokens_per_second", "seconds_per_step"}
ENOUGH = 400  # seconds for whatever is waited for


class Sweep:
    """`experiments.sweep` at work; leaving the context ends it, if it still runs."""

    def __init__(
        self, workdir: Path, *words: str, environment=os.environ, config: str = SIX
    ):
        self.workdir = workdir
        self.output = workdir.with_name(f"{workdir.name}.out")
        command = [sys.executable, "-m", "experiments.sweep", f"--config={config}"]
        with open(self.output, "a") as output:
            self.process = subprocess.Popen(
                [*command, f"--workdir={workdir}", *words],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )

    def __enter__(self) -> "Sweep":
        return self

    def __exit__(self, *exception) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=60)

    def said(self) -> str:
        return self.output.read_text()

    def finish(self) -> None:
        """Wait for its end, which has to be a good one."""
        status = self.process.wait(timeout=ENOUGH)
        assert status == 0, self.said()

    def interrupt(self) -> None:
        """As Ctrl-C does it."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout=ENOUGH) == 130, self.said()
        assert "interrupted; the same command goes on" in self.said()

    def learning(self, place: str) -> "Run":
        """The run of a folder, once it has a checkpoint and is not over."""
        run = Run(self.workdir / place)
        wait_for(
            lambda: self.process.poll() is not None or (run.checkpoint and run.process),
            ENOUGH,
            f"a checkpoint of {place}",
        )
        assert self.process.poll() is None, self.said()
        return run

    def learning_now(self) -> list["Run"]:
        """The runs that have a checkpoint and are under way."""
        assert self.process.poll() is None, self.said()
        places = sorted(self.workdir.glob(f"*/*/{runs.CONFIG}"))
        found = [Run(place.parent) for place in places]
        return [run for run in found if run.checkpoint and run.process]


class Run:
    """One run of a sweep, seen from outside."""

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def checkpoint(self) -> int | None:
        return Checkpoints(self.folder / runs.CHECKPOINTS).latest_step

    @property
    def process(self) -> int | None:
        """The process whose output is the run's log; None where there is none."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if os.readlink(entry / "fd/1") == str(self.folder / LOG):
                        return int(entry.name)
                except OSError:  # it has ended, or is not ours
                    continue
        return None

    def environment(self) -> dict[str, str]:
        """Of its process; empty where there is none."""
        try:
            content = Path(f"/proc/{self.process}/environ").read_text()
        except OSError:
            return {}
        lines = [line.partition("=") for line in content.split("\0") if line]
        return {name: value for name, _, value in lines}

    def kill(self) -> bytes:
        """Kill its process with SIGKILL in the middle; returns what it had learned."""
        process = self.process
        assert process
        os.kill(process, signal.SIGKILL)
        wait_for(lambda: self.process != process, 10, "the kill")
        return self.learned()

    def learned(self) -> bytes:
        """Its metrics up to the last checkpoint. Their lines hold seconds, so another
        start would write other bytes."""
        assert not (self.folder / runs.RESULT).exists(), "it was over already"
        step = self.checkpoint
        lines = (self.folder / runs.METRICS).read_bytes().splitlines(True)
        whole = [line for line in lines if line.endswith(b"\n")]
        kept = [r["step"] <= step for r in runs.read_jsonl(self.folder / runs.METRICS)]
        learned = b"".join(x for x, keep in zip(whole, kept, strict=True) if keep)
        assert learned
        return learned

    def went_on(self, learned: bytes) -> bool:
        """Whether it resumed at that checkpoint, and did not start anew."""
        return (self.folder / runs.METRICS).read_bytes().startswith(learned)


def no_replicas(workdir: Path, hardware: str) -> None:
    """Say that they don't pay there. A busy machine may measure otherwise, and in one
    program runs reach the same numbers to rounding only."""
    decision = replica_groups.Decision("not measured", False, 3, 0.9)
    replica_groups.remember(workdir / ".compiled", hardware, decision)


def summary(workdir: Path) -> list[dict[str, str]]:
    """The lines of summary.csv without times, and without settings.

    Which settings vary depends on which rows are there.
    """
    with open(workdir / "report" / "summary.csv", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert set(lines[0]) >= TIMES
    kept = [name for name in lines[0] if name not in TIMES and "." not in name]
    return [{name: line[name] for name in kept} for line in lines]


def differences(found: list[dict[str, str]], wanted: list[dict[str, str]]) -> list[str]:
    """ "row seed column: found, not wanted" for each number that is another."""
    assert len(found) == len(wanted)
    return [
        f"{one['row']} {one['seed']} {name}: {one.get(name)}, not {other.get(name)}"
        for one, other in zip(found, wanted, strict=True)
        for name in one | other
        if one.get(name) != other.get(name)
    ]
