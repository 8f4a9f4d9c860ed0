"""One byte flipped in, and the end cut off, each kind of file of a run folder."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.report import rows
from attnlab.report.summary import summary_csv
from attnlab.training.checkpoint import Checkpoints
from benchmarks.faults.sweeps import ROOT, FaultBench, Outcome, kill, summary


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
    files = {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.endswith(".tmp")
    }
    checkpoints = Checkpoints(folder / runs.CHECKPOINTS)
    steps = {"best": checkpoints.best_step, "newest": checkpoints.latest_step}
    for name, step in steps.items():
        top = checkpoints.folder / str(step)
        files[f"{name} checkpoint: manifest"] = checkpoints.folder / (
            f"{step}.manifest.json"
        )
        for path in sorted(top.rglob("*")):
            if path.is_file() and (name == "newest" or path.parent.name == "d"):
                inside = path.relative_to(top)
                kind = inside.parent / "*" if inside.parent.name == "d" else inside
                files.setdefault(f"{name} checkpoint: {kind.as_posix()}", path)
    return files


def stop_midway(bench: FaultBench, name: str) -> Path:
    """A sweep whose runs all were killed in training, with checkpoints behind them."""
    folder = bench.begin(bench.folder / name)
    process = bench.start(folder)
    while len(list(folder.glob(f"*/*/{runs.CONFIG}"))) < 6:
        time.sleep(0.05)
    kill(process)
    for run in sorted(path.parent for path in folder.glob(f"*/*/{runs.CONFIG}")):
        stop_run(bench, run)
    return folder


def stop_run(bench: FaultBench, run: Path) -> None:
    """Train the run of a folder, and kill it once it has two checkpoints."""
    environment = bench.environment()
    process = subprocess.Popen(
        [sys.executable, "-m", "attnlab.training.run", str(run), "--quiet"],
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


def loads(run: Path, finished: bool, moments: random.Random) -> list[list[Case]]:
    """Every kind of file of a run in every way: what one run of a sweep has to bear.

    One case each, but for the checkpoints of a finished run, which nothing reads again:
    all of their files in one.
    """
    cases = [[Case(kind, way) for kind in kinds(run)] for way in WAYS]
    single = [[case] for same_way in cases for case in same_way]
    if finished:
        single = [[case] for (case,) in single if "checkpoint" not in case.kind]
        single += [
            [c for c in same_way if "checkpoint" in c.kind] for same_way in cases
        ]
    moments.shuffle(single)
    return single


def damages(
    bench: FaultBench,
    template: Path,
    finished: bool,
    seed: int,
    most: int | None = None,
    files: Collection[str] = (),
) -> list[tuple[Case, str]]:
    """Damage runs, six a sweep, then sweep again: what became of each case. `most` are
    the runs to damage, all of `loads` by default; `files` the only kinds."""
    moments = random.Random(seed)
    places = sorted(path.parent for path in template.glob(f"*/*/{runs.CONFIG}"))
    waiting = loads(places[0], finished, moments)[:most]
    if files:
        waiting = [
            cases for cases in waiting if {case.kind for case in cases} & {*files}
        ]
    fates: list[tuple[Case, str]] = []
    for start in range(0, len(waiting), len(places)):
        folder = bench.copy(template, bench.folder / "damaged")
        bench.log(folder).unlink(missing_ok=True)
        for place in places:  # runs in turn have their first one's log
            (folder / place.relative_to(template) / runs.LOG).write_text("")
        batch = dict(zip(places, waiting[start : start + len(places)], strict=False))
        for place, cases in batch.items():
            there = kinds(folder / place.relative_to(template))
            for case in cases:
                path = there[case.kind]
                path.write_bytes(WAYS[case.way](path.read_bytes(), moments))
        before = states(bench, folder) if finished else {}
        code = bench.finish(bench.start(folder))
        wrong = bench.differences(folder)
        for place, cases in batch.items():
            name = place.relative_to(template).as_posix()
            fate = _fate(bench, folder, name, before.get(name, ""), wrong)
            if code != 0:
                fate = f"LOST: the sweep ended with {code}"
            fates += [(case, fate) for case in cases]
        done = min(start + len(places), len(waiting))
        bench.say(f"{done} of {len(waiting)} runs damaged, exit {code}; {wrong[:2]}")
    return fates


def _fate(
    bench: FaultBench, folder: Path, run: str, before: str, wrong: list[str]
) -> str:
    """What became of a damaged run: `before` is how a report saw it at once."""
    lines = [line for line in wrong if line.startswith(f"{run} ")]
    if lines or before == "wrong":
        return f"LOST: {(lines or ['the report had another number'])[0]}"
    words = bench.log(folder).read_text(encoding="utf-8", errors="replace")
    reported = before == "failed" or mentions_damage(words, folder, run)
    return "reported, mended" if reported else "not needed"


def mentions_damage(words: str, folder: Path, place: str) -> bool:
    """Whether the sweep, the run's log or that of the runs before it in its process
    speaks of damage in the run."""
    marks = ("damaged", "lost", "left out", "not finished", "again from")
    log = (folder / place / runs.LOG).read_text(errors="replace")
    others = [
        path.read_text(errors="replace") for path in folder.glob(f"*/*/{runs.LOG}")
    ]
    named = [line for line in words.splitlines() if f"{place}:" in line]
    named += [line for text in others for line in text.splitlines() if place in line]
    return any(mark in line for line in [*named, log] for mark in marks)


def states(bench: FaultBench, folder: Path) -> dict[str, str]:
    """What the report makes of each run before anything is mended: "failed", "right"
    or, where a number is another one and nobody says so, "wrong"."""
    checked = rows.group([rows.checked(run) for run in runs.find(folder)])
    (folder / "report").mkdir(exist_ok=True)
    path = folder / "report" / "summary.csv"
    path.write_text(summary_csv(checked, folder), encoding="utf-8")
    expected = summary(bench.whole)
    return {
        place: "failed"
        if line["state"] == "failed"
        else ("right" if line == expected[place] else "wrong")
        for place, line in summary(folder).items()
    }


def outcomes(results: list[tuple[Case, str]], run: str) -> list[Outcome]:
    """A line a way of damage."""
    lines = []
    for way, title in (
        ("flipped", "a byte flipped"),
        ("cut short", "a file cut short"),
    ):
        fates = [fate for case, fate in results if case.way == way]
        lost = sum(fate.startswith("LOST") for fate in fates)
        reported = sum(fate.startswith("reported") for fate in fates)
        note = f"{len(fates) - reported - lost} in files that nothing read again"
        survived = len(fates) - lost
        title = f"{title}, {run} run"
        lines.append(Outcome(title, len(fates), survived, reported, lost, note=note))
    return lines
