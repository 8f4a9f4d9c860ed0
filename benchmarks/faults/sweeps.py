"""Real sweeps to disturb, and what they have to come to."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.report import rows
from attnlab.sweep import replica_groups
from attnlab.sweep.local import hardware

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "benchmarks/faults/config.py"
TIMES = ("seconds", "tokens_per_second", "seconds_per_step")
PATIENCE = 900.0  # seconds a sweep may take


class Outcome(NamedTuple):
    """What a fault, tried several times, came to.

    fault: its name.
    tried: times that it was tried.
    survived: times that ended with the undisturbed numbers.
    reported: times that the damage or the failure was reported.
    lost: numbers of summary.csv that were other ones, without a word about it.
    touched: files of others that were changed, removed or added; None where there were
      none.
    note: more, in words.
    """

    fault: str
    tried: int
    survived: int
    reported: int
    lost: int
    touched: int | None = None
    note: str = ""


class FaultBench:
    """Sweeps that share their compiled programs, one of them undisturbed; of one run
    instead of six with `one_run`."""

    def __init__(self, folder: Path, say: Callable[[str], None], one_run: bool = False):
        self.folder, self.say, self.one_run = folder, say, one_run
        self.whole = folder / "whole"
        os.environ["JAX_PLATFORMS"] = "cpu"  # of this machine's hardware, and so below
        self.seconds = 0.0  # that an undisturbed sweep takes, its programs compiled

    def prepare(self, again: bool = True) -> None:
        """Run the undisturbed sweep twice: it has to agree with itself. Not `again`
        takes the one that is here, if it is of as many runs."""
        record = self.folder / "seconds.json"
        before = runs.read_json(record) if record.exists() else {}
        if not again and before.get("one_run", False) == self.one_run and before:
            self.seconds = before["seconds"]
            return
        for folder in (self.folder / "first", self.whole):
            began = time.monotonic()
            self.begin(folder)
            if self.finish(self.start(folder)) != 0:
                raise RuntimeError(
                    f"the undisturbed sweep failed: see {self.log(folder)}"
                )
            self.seconds = time.monotonic() - began
        wrong = self.differences(self.folder / "first")
        if wrong:
            raise RuntimeError(f"the undisturbed sweep has no one outcome: {wrong[:3]}")
        measured = {"seconds": self.seconds, "one_run": self.one_run}
        runs.write_json(record, measured)

    def begin(self, folder: Path) -> Path:
        """An empty folder for a sweep. Whether replicas pay is not measured but set:
        their numbers are the same to rounding only."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        no = replica_groups.Decision("not measured", False, 2, 0.0)
        replica_groups.remember(folder / ".compiled", hardware(), no)
        return folder

    def copy(self, source: Path, folder: Path) -> Path:
        """A copy of a sweep's folder, in place of what was there."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        return folder

    def log(self, folder: Path) -> Path:
        """Where a sweep prints: not into its folder, whose disk may be full."""
        return self.folder / f"{folder.name}.log"

    def environment(self) -> dict[str, str]:
        """What the processes of all sweeps find: a CPU, and the compiled programs."""
        return os.environ | {
            "JAX_COMPILATION_CACHE_DIR": str(self.folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "OPENBLAS_NUM_THREADS": "1",
            "ATTNLAB_FAULT_ONE_RUN": "1" if self.one_run else "",
        }

    def start(
        self,
        folder: Path,
        *words: str,
        fault: str = "",
        before: Sequence[str] = (),
        **variables: str,
    ) -> subprocess.Popen:
        """`python -m experiments.sweep` in a process group of its own, with the row
        `fault` beside the others; more words behind the command and `before` it, and
        variables of its shell."""
        words = (f"--config={CONFIG}", f"--workdir={folder}", *words)
        with open(self.log(folder), "ab") as output:
            return subprocess.Popen(
                [*before, sys.executable, "-m", "experiments.sweep", *words],
                cwd=ROOT,
                env=self.environment() | {"ATTNLAB_FAULT": fault} | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_heed_hangups,
            )

    def finish(self, process: subprocess.Popen) -> int:
        """Its exit status; killed where it takes too long."""
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            kill(process)
            raise RuntimeError(
                f"no end after {PATIENCE:.0f} s: {process.args}"
            ) from None

    def differences(
        self, folder: Path, but: Iterable[str] = (), whole: Path | None = None
    ) -> list[str]:
        """Every number of summary.csv, times apart, that is not the undisturbed one:
        "global/0 bleu: 3.1, was 2.9". Rows named in `but` may be what they are;
        `whole` is the undisturbed sweep, if it is another one."""
        expected, results = summary(whole or self.whole), summary(folder)
        wrong = [f"{place}: not expected" for place in results if place not in expected]
        wrong = [line for line in wrong if not line.startswith(tuple(but) or ("\0",))]
        for place, numbers in expected.items():
            other = results.get(place, {})
            wrong += [
                f"{place} {name}: {other.get(name)}, was {value}"
                for name, value in numbers.items()
                if other.get(name) != value
            ]
        return wrong


def _heed_hangups() -> None:
    """SIGHUP ends a sweep, also where the bench itself runs under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def kill(process: subprocess.Popen) -> None:
    """SIGKILL to a sweep and to all processes that it has started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def summary(folder: Path) -> dict[str, dict[str, str]]:
    """{run: its line of summary.csv as text}; {} without the file.

    Without times, and without settings: which vary depends on which rows are there.
    """
    path = folder / "report" / "summary.csv"
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return {
        line["folder"]: {
            name: value
            for name, value in line.items()
            if name not in TIMES and "." not in name
        }
        for line in lines
    }


def half_written(folder: Path) -> list[str]:
    """Files below a sweep's folder that have their final name and are not whole."""
    wrong = []
    for run in runs.find(folder):
        checked = rows.checked(run._replace(error=None))
        if checked.error:
            wrong.append(f"{run.folder}: {checked.error['error']}")
        for codec in run.folder.glob("*.codec"):
            if not runs.intact(run.folder, codec.name):
                wrong.append(str(codec))
    return wrong
