"""One byte flipped in, and the end cut off, each kind of file of a run folder."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.report import rows
from attnlab.train.checkpoint import Checkpoints
from benchmarks.faults.sweeps import ROOT, Bench, Outcome, kill, summary


class Case(NamedTuple):
    """A file of a run, named by its kind, and the way it is damaged."""

    kind: str
    way: str


def flip(content: bytes, moments: random.Random) -> bytes:
    """Content with one bit of one byte turned round; an empty file gets a byte."""
    if not content:
        return b"\x01"
    place = moments.randrange(len(content))
    changed = content[place] ^ (1 << moments.randrange(8))
    return content[:place] + bytes([changed]) + content[place + 1 :]


def cut(content: bytes, moments: random.Random) -> bytes:
    """Content without its end."""
    return content[: moments.randrange(len(content))] if content else b""


WAYS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flipped": flip,
    "cut short": cut,
}


def kinds(folder: Path) -> dict[str, Path]:
    """A file of each kind below a run's folder, by what it is."""
    found = {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.endswith(".tmp")
    }
    checkpoints = Checkpoints(folder / runs.CHECKPOINTS)
    steps = {"best": checkpoints.best_step, "newest": checkpoints.latest_step}
    for name, step in steps.items():
        top = checkpoints.folder / str(step)
        found[f"{name} checkpoint: manifest"] = checkpoints.folder / (
            f"{step}.manifest.json"
        )
        for path in sorted(top.rglob("*")):
            if path.is_file() and (name == "newest" or path.parent.name == "d"):
                inside = path.relative_to(top)
                kind = inside.parent / "*" if inside.parent.name == "d" else inside
                found.setdefault(f"{name} checkpoint: {kind.as_posix()}", path)
    return found


def stop_midway(bench: Bench, name: str) -> Path:
    """A sweep whose runs all were killed in training, with checkpoints behind them."""
    folder = bench.begin(bench.folder / name)
    process = bench.start(folder)
    while len(list(folder.glob(f"*/*/{runs.CONFIG}"))) < 6:
        time.sleep(0.05)
    kill(process)
    for run in sorted(path.parent for path in folder.glob(f"*/*/{runs.CONFIG}")):
        stop_run(bench, run)
    return folder


def stop_run(bench: Bench, run: Path) -> None:
    """Train the run of a folder, and kill it once it has two checkpoints."""
    environment = bench.environment()
    process = subprocess.Popen(
        [sys.executable, "-m", "attnlab.train.run", str(run), "--quiet"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    checkpoints = Checkpoints(run / runs.CHECKPOINTS)
    while len(checkpoints.steps) < 2:
        if process.poll() is not None:
            raise RuntimeError(f"{run} ended before it could be killed")
        time.sleep(0.005)
    kill(process)
    if (run / runs.RESULT).exists():
        raise RuntimeError(f"{run} finished before it could be killed")


def damages(bench: Bench, template: Path, finished: bool, seed: int, most: int | None):
    """Damage every kind of file in every way, a run each, six runs a sweep; then sweep
    again. Yields an Outcome a way, and lines of (kind, way, what became of it)."""
    moments = random.Random(seed)
    places = sorted(path.parent for path in template.glob(f"*/*/{runs.CONFIG}"))
    cases = [Case(kind, way) for way in WAYS for kind in kinds(places[0])]
    moments.shuffle(cases)
    cases = cases[:most]
    told: list[tuple[Case, str]] = []
    for start in range(0, len(cases), len(places)):
        batch = cases[start : start + len(places)]
        folder = bench.copy(template, bench.folder / "damaged")
        bench.log(folder).unlink(missing_ok=True)
        for path in folder.glob("*/*/log.txt"):
            path.write_text("")
        damaged = {}
        for case, place in zip(batch, places, strict=False):
            run = folder / place.relative_to(template)
            path = kinds(run)[case.kind]
            before = path.read_bytes()
            path.write_bytes(WAYS[case.way](before, moments))
            damaged[run.relative_to(folder).as_posix()] = case
        before_resuming = states(bench, folder) if finished else {}
        code = bench.finish(bench.start(folder))
        words = bench.log(folder).read_text(encoding="utf-8", errors="replace")
        wrong = bench.differences(folder)
        for place, case in damaged.items():
            own = [line for line in wrong if line.startswith(f"{place} ")]
            silent = before_resuming.get(place) == "wrong"
            reported = before_resuming.get(place) == "failed" or told_of(
                words, folder, place
            )
            fate = "said, made anew" if reported else "not needed"
            if silent or own:
                fate = f"LOST: {(own or ['the report had another number'])[0]}"
            told.append((case, fate))
        bench.say(
            f"{len(told)} of {len(cases)} files damaged, exit {code}; {wrong[:2]}"
        )
    return told


def told_of(words: str, folder: Path, place: str) -> bool:
    """Whether the sweep or the run's log speaks of damage in the run."""
    marks = ("damaged", "lost", "left out", "not finished", "again from")
    own = (folder / place / "log.txt").read_text(errors="replace")
    lines = [line for line in words.splitlines() if f"{place}:" in line]
    return any(mark in line for line in [*lines, own] for mark in marks)


def states(bench: Bench, folder: Path) -> dict[str, str]:
    """What the report makes of each run before anything is mended: "failed", "right"
    or, where a number is another one and nobody says so, "wrong"."""
    found = rows.group([rows.checked(run) for run in runs.find(folder)])
    (folder / "report").mkdir(exist_ok=True)
    path = folder / "report" / "summary.csv"
    path.write_text(rows.summary_csv(found, folder), encoding="utf-8")
    expected = summary(bench.whole)
    return {
        place: "failed"
        if line["state"] == "failed"
        else ("right" if line == expected[place] else "wrong")
        for place, line in summary(folder).items()
    }


def outcomes(told: list[tuple[Case, str]], run: str) -> list[Outcome]:
    """A line a way of damage."""
    lines = []
    for way, title in (
        ("flipped", "a byte flipped"),
        ("cut short", "a file cut short"),
    ):
        fates = [fate for case, fate in told if case.way == way]
        lost = sum(fate.startswith("LOST") for fate in fates)
        reported = sum(fate.startswith("said") for fate in fates)
        note = f"{len(fates) - reported - lost} in files that nothing read again"
        survived = len(fates) - lost
        title = f"{title}, {run} run"
        lines.append(Outcome(title, len(fates), survived, reported, lost, note))
    return lines
