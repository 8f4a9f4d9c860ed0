"""Files of others where a run or a report is to go: refused, and left as they are."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from attnlab.runs.lock import LOCK
from attnlab.runs.ownership import NAMES
from benchmarks.faults import trials
from benchmarks.faults.sweeps import FaultBench, Outcome, summary
from benchmarks.faults.trials import ProgramEnd, Trial, changes, digests

Files = Mapping[str, str]  # content by name; names that end in / are folders
RUN = "global/0"  # a run of the bench's sweep

# What others may have left where runs are to go.
PROJECTS: dict[str, Files] = {
    "a model": {"config.json": '{"architectures": ["Bert"]}', "model.bin": "w"},
    "a web project": {"config.json": "{ // of a page\n", "log.txt": "x", "a.js": "x"},
    "results": {"result.json": '{"accuracy": 1}', "metrics.jsonl": "", "a.py": ""},
    "steps": {"checkpoints/1000/params.bin": "w", "notes.md": "x"},
    "digests": {"config.json": "{}", "files.sha256": f"{'0' * 64} *model.bin\n"},
    "a list": {"config.json": "[1, 2]", "sources.txt": "a b\n"},
}
REPORTS: dict[str, Files] = {
    "a page": {"index.html": "<h1>My page</h1>", "style.css": "x"},
    "a table": {"summary.csv": "a,b\n", "table.txt": "x"},
    "photos": {"figures/photo.png": "x"},
    "data": {"data/people.js": "x"},
}
# Beside a run's own files, in its folder and in the sweep's.
BESIDE: Files = {
    f"{RUN}/thesis.tex": "x",
    f"{RUN}/model.safetensors": "w",
    f"{RUN}/notes/a.md": "n",
    f"{RUN}/.draft.tmp": "d",
    f"{RUN}/.config.json.swp": "s",
    f"{RUN}/checkpoints/notes.md": "n",
    "global/plot.py": "p",
    "notes.md": "n",
    "report/notes.md": "n",
    "report/figures/mine.png": "x",
    "report/data/mine.js": "x",
}


class Place(NamedTuple):
    """Files of others, and a program that meets them.

    name: what they are. base: the sweep that they lie in, None: an empty folder. at:
    where in it. files: they. command: called with the bench and the sweep's folder.
    """

    name: str
    base: Path | None
    at: str
    files: Files
    command: Callable[[FaultBench, Path], ProgramEnd]


def ownership(bench: FaultBench, quick: bool) -> list[Outcome]:
    """The outcomes of all such places."""

    def out(bench: FaultBench, folder: Path) -> ProgramEnd:
        return trials.report(bench, folder, f"--out={folder / 'out'}")

    def one(bench: FaultBench, folder: Path) -> ProgramEnd:
        return trials.train(bench, folder / "one" / "0")

    some = slice(2) if quick else slice(None)
    sweep, whole = trials.sweep, bench.whole
    projects = [*PROJECTS.items()][some]
    names = sorted([*NAMES, LOCK, "source.codec"])[some]
    groups = {
        "a workdir with files of others": [
            *(Place(name, None, "", files, sweep) for name, files in projects[:1]),
            Place("a config.json above runs", whole, "", {"config.json": "{}"}, sweep),
            Place("in a row's folder", None, "global", PROJECTS["a model"], sweep),
            *(Place(name, None, RUN, files, sweep) for name, files in projects),
            *(Place(name, None, "one/0", files, one) for name, files in projects),
            Place("runs below a run", whole, "", {}, trials.train),
        ],
        "checkpoints of another program": [
            Place("in a finished run", whole, RUN, PROJECTS["steps"], sweep),
            Place("in an unfinished run", _unfinished(bench), RUN, PROJECTS["steps"],
                  sweep),
        ],
        "a file of others with a run's name": [
            Place(name, None, RUN, {name: "x"}, sweep) for name in names
        ],
        "a folder with the name of a run's file": [
            Place(f"{name}/", None, RUN, {f"{name}/a": "x"}, sweep)
            for name in (runs.CONFIG, runs.RESULT, runs.METRICS, runs.LOG)[some]
        ] + [Place("checkpoints", None, RUN, {"checkpoints": "x"}, sweep)],
        "a report's folder with files of others": [
            *(Place(f"{name}, --out", whole, "out", files, out)
              for name, files in [*REPORTS.items()][some]),
            *(Place(f"{name}, {program.__name__}", whole, "report", files, program)
              for name, files in [*REPORTS.items()][some]
              for program in (trials.report, sweep)),
        ],
    }  # fmt: skip
    results = []
    for fault, places in groups.items():
        refusals = [_refusal(bench, place) for place in places]
        results.append(trials.outcome(fault, refusals))
    beside = [_beside(bench, name) for name in ("report", "goes on", "mended")[some]]
    results.append(trials.outcome("files of others beside a run's", beside))
    return results


def _unfinished(bench: FaultBench) -> Path:
    return trials.unfinished(bench, "unfinished")


def _refusal(bench: FaultBench, place: Place) -> Trial:
    """One line that names the folder, and nothing changed."""
    folder = bench.folder / "others"
    shutil.rmtree(folder, ignore_errors=True)
    if place.base is not None:
        bench.copy(place.base, folder)
    if place.at in ("report", "out"):
        shutil.rmtree(folder / place.at, ignore_errors=True)
    trials.write(folder / place.at, place.files)
    before, numbers = digests(folder), summary(folder)
    ended = place.command(bench, folder)
    touched = changes(before, digests(folder))
    refused = _in_a_line(ended, str(folder / place.at))
    bench.say(
        f"{place.name} in {place.at or 'the workdir'}: {ended}; {touched} touched"
    )
    lost = sum(numbers.get(run) != line for run, line in summary(folder).items())
    return Trial(place.name, refused and not touched, refused, lost, touched)


def _in_a_line(ended: ProgramEnd, place: str) -> bool:
    """A refusal; a sweep that was finished says two more lines before its report's."""
    if "no report was written" in ended.lines[-1]:
        ended = ended._replace(lines=ended.lines[-1:])
    return ended.refused(place)


def _beside(bench: FaultBench, way: str) -> Trial:
    """A sweep that goes on beside files of others, which stay."""
    if way == "goes on":
        folder = bench.copy(_unfinished(bench), bench.folder / "others")
    else:
        folder = bench.copy(bench.whole, bench.folder / "others")
    if way == "mended":
        (folder / RUN / runs.HYPOTHESES).write_text("x\n")
        (folder / RUN / runs.METRICS).write_text("x\n")
    trials.write(folder, BESIDE)
    before = digests(folder, BESIDE)
    program = trials.report if way == "report" else trials.sweep
    ended = program(bench, folder)
    touched = changes(before, digests(folder, BESIDE))
    wrong = bench.differences(folder)
    bench.say(f"files beside a run, {way}: {ended}; {touched} touched; {wrong[:2]}")
    return Trial(way, ended.status == 0 and not wrong, False, len(wrong), touched)
