"""Programs run once on a sweep, how they end, and what they leave of others' files."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.training.checkpoint import Checkpoints
from benchmarks.faults.sweeps import CONFIG, ROOT, FaultBench, Outcome

HANG = 300.0  # seconds after which a program that should be short counts as hanging
SHOWN = 8  # names of trials in a line of the table, if they are short
LOOK = 0.02  # seconds between two looks at a condition


class ProgramEnd(NamedTuple):
    """How a program ended.

    status: its exit status; None where it hung and was killed.
    lines: of stderr.
    """

    status: int | None
    lines: list[str]

    def refused(self, *names: str) -> bool:
        """Whether it ended at once, in one line that has all of `names`."""
        one = len(self.lines) == 1 and all(name in self.lines[0] for name in names)
        return self.status == 2 and one and "Traceback" not in self.lines[0]

    def __str__(self) -> str:
        return f"exit {self.status}: {' / '.join(self.lines[-3:])[:200]}"


class Trial(NamedTuple):
    """One try of a fault.

    name: what was tried. survived: whether it ended as it should. reported: whether
    the fault was named. lost: numbers that came out different. touched: files of others
    that were changed, removed or added; None where there were none.
    """

    name: str
    survived: bool
    reported: bool = False
    lost: int = 0
    touched: int | None = None


def outcome(fault: str, trials: Sequence[Trial], note: str = "") -> Outcome:
    """The line of a fault; trials that went wrong are named in it."""
    wrong = [
        trial.name
        for trial in trials
        if not trial.survived or trial.lost or trial.touched
    ]
    files = [trial.touched for trial in trials if trial.touched is not None]
    return Outcome(
        fault,
        len(trials),
        sum(trial.survived for trial in trials),
        sum(trial.reported for trial in trials),
        sum(trial.lost for trial in trials),
        sum(files) if files else None,
        f"WRONG: {', '.join(wrong)}" if wrong else note or _names(trials),
    )


def _names(trials: Sequence[Trial]) -> str:
    """What was tried; of "a file, sweep" and "a file, train" once the file."""
    names = dict.fromkeys(trial.name for trial in trials)
    if len(names) > SHOWN:
        names = dict.fromkeys(name.rsplit(", ", 1)[0] for name in names)
    return ", ".join(names)


def run_program(bench: FaultBench, module: str, *words: str) -> ProgramEnd:
    """Run `python -m module`, and see how it ends."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env=bench.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(HANG)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    return ProgramEnd(status, [line for line in text.splitlines() if line.strip()])


def sweep(bench: FaultBench, folder: Path, *words: str) -> ProgramEnd:
    """The bench's sweep in a folder."""
    words = (f"--config={CONFIG}", f"--workdir={folder}", *words)
    return run_program(bench, "experiments.sweep", *words)


def train(bench: FaultBench, folder: Path, *words: str) -> ProgramEnd:
    """One run of the bench's settings in a folder."""
    words = (f"--config={CONFIG}", f"--workdir={folder}", *words)
    return run_program(bench, "experiments.train", *words)


def report(bench: FaultBench, folder: Path, *words: str) -> ProgramEnd:
    """The report of a sweep's folder."""
    return run_program(bench, "experiments.report", f"--runs={folder}", *words)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder; names that end in / are folders."""
    for name, content in files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def digests(folder: Path, names: Iterable[str] = ()) -> dict[str, str]:
    """sha256 of the files below a folder by name, all or those named; of what is no
    file, what it is. Names of files that are not there are left out."""
    paths = [folder / name for name in names] or [*folder.rglob("*")]
    return {
        path.relative_to(folder).as_posix(): _digest(path)
        for path in paths
        if os.path.lexists(path)
    }


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    if path.is_dir():
        return "folder"
    return runs.digest(path.read_bytes()) if path.is_file() else "no file"


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    """How many files were changed, removed or added."""
    return sum(before.get(name) != after.get(name) for name in {*before, *after})


def run_folders(folder: Path) -> list[Path]:
    """The run folders of a sweep, in order."""
    return sorted(path.parent for path in folder.glob(f"*/*/{runs.CONFIG}"))


def unfinish(run: Path) -> None:
    """Make a finished run one that was killed before its last checkpoint."""
    (run / runs.RESULT).unlink()
    saved = Checkpoints(run / runs.CHECKPOINTS)
    newest = saved.latest_step
    shutil.rmtree(saved.folder / str(newest))
    (saved.folder / f"{newest}.manifest.json").unlink()


def unfinished(bench: FaultBench, name: str) -> Path:
    """A copy of the undisturbed sweep whose runs all have to go on."""
    folder = bench.copy(bench.whole, bench.folder / name)
    for run in run_folders(folder):
        unfinish(run)
    return folder


def wait_for(
    condition: Callable[[], object], seconds: float, process: subprocess.Popen
) -> bool:
    """Whether a condition came true before the process ended and the time was up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        if condition():
            return True
        time.sleep(LOOK)
    return bool(condition())


def processes_of(folder: Path) -> dict[int, str]:
    """The processes whose command line names a folder, or what is below it."""
    commands = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (
                (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            )
        except OSError:  # it has just ended
            continue
        if any(word.split("=")[-1].startswith(str(folder)) for word in words):
            commands[int(entry.name)] = " ".join(words)
    return commands
