"""A run and its text: changed under it, moved, and changed back."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from attnlab import runs
from benchmarks.faults import trials
from benchmarks.faults.sweeps import FaultBench, Outcome, kill
from benchmarks.faults.trials import Trial

ROW = "--only=global"  # one row of the bench's sweep, two seeds
SENTENCES = {"de": "das ist ein kleines Haus", "en": "this is a small house"}
PATIENCE = 120.0  # seconds until a run has its list of files


class TextChange(NamedTuple):
    """What happens to the text of a run.

    name: in words. state: how far the run has come: "before the first checkpoint",
    "after it", "finished, to be mended". change: what is done to the text's folder.
    """

    name: str
    state: str
    change: Callable[[Path], None]


def texts(bench: FaultBench, quick: bool) -> list[Outcome]:
    """The outcomes of texts that were changed, and of those that were moved."""
    text = write_text(bench.folder / "text")
    whole = bench.begin(bench.folder / "text-whole")
    if bench.finish(bench.start(whole, *settings(text))) != 0:
        raise RuntimeError(f"the undisturbed sweep failed: see {bench.log(whole)}")
    states = {
        "before the first checkpoint": _begun(bench, text),
        "after it": _unfinished(bench, whole),
        "finished, to be mended": _damaged(bench, whole),
    }
    changes = {
        "a file in place": lambda text: _capitals(text / "a.de"),
        "the other file of the pair": lambda text: _capitals(text / "a.en"),
        "a line more": lambda text: _add_line(text / "a.de"),
    }
    cases = [
        TextChange(f"{name}, {state}", state, change)
        for state in states
        for name, change in changes.items()
    ]
    changed = [
        _changed(bench, case, states[case.state], whole, text)
        for case in cases[: 2 if quick else None]
    ]
    changed.append(_unread(bench, whole, text))
    moved = [
        _moved(bench, state, folder, whole, text)
        for state, folder in [*states.items()][: 1 if quick else None]
    ]
    elsewhere = [_changed_elsewhere(bench, whole, text)]
    return [
        trials.outcome("a run's text is changed, then put back", changed),
        trials.outcome("a run's text is moved", moved),
        trials.outcome("another text at another place", elsewhere),
    ]


def write_text(folder: Path) -> Path:
    """Twenty-four pairs of sentences."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, words in SENTENCES.items():
        lines = [" ".join(words.split()[n % 3 :]) for n in range(24)]
        (folder / f"a.{name}").write_text("\n".join(lines) + "\n")
    return folder


def settings(text: Path) -> list[str]:
    """The words of a command line that learns from a text."""
    pair = f"{text}/a.de,{text}/a.en"
    names = [f"--config.data.files.{name}={pair}" for name in ("train", "dev", "test")]
    return [
        ROW,
        "--processes=2",
        "--config.data.name=files",
        "--config.evaluate.gold=",
        *names,
    ]


def _begun(bench: FaultBench, text: Path) -> Path:
    """A sweep that was killed once its runs had read their text."""
    folder = bench.begin(bench.folder / "text-begun")
    process = bench.start(folder, *settings(text))

    def begun() -> bool:
        return len([*folder.glob(f"*/*/{runs.TEXTS}")]) == 2

    if not trials.wait_for(begun, PATIENCE, process):
        raise RuntimeError(f"the runs have read no text: see {bench.log(folder)}")
    kill(process)
    for run in trials.run_folders(folder):
        if (run / runs.RESULT).exists():  # it was faster than the other one
            trials.unfinish(run)
        shutil.rmtree(run / runs.CHECKPOINTS, ignore_errors=True)
    return folder


def _unfinished(bench: FaultBench, whole: Path) -> Path:
    folder = bench.copy(whole, bench.folder / "text-unfinished")
    for run in trials.run_folders(folder):
        trials.unfinish(run)
    return folder


def _damaged(bench: FaultBench, whole: Path) -> Path:
    folder = bench.copy(whole, bench.folder / "text-damaged")
    for run in trials.run_folders(folder):
        (run / runs.HYPOTHESES).write_text("x\n")
    return folder


def _capitals(path: Path) -> None:
    path.write_text(path.read_text().upper())


def _add_line(path: Path) -> None:
    path.write_text(path.read_text() + "ein Haus\n")


def _changed(
    bench: FaultBench, case: TextChange, state: Path, whole: Path, text: Path
) -> Trial:
    """The runs are refused, each by the name of the file; and go on once it is back."""
    folder = bench.copy(state, bench.folder / "text-changed")
    write_text(text)
    case.change(text)
    ended = trials.sweep(bench, folder, *settings(text))
    reasons = [str((run.error or {}).get("error")) for run in runs.find(folder)]
    named = ["is not what the run was begun with" in reason for reason in reasons]
    reported = ended.status == 1 and all(named)
    learned = [run.folder for run in runs.find(folder) if run.result]
    write_text(text)
    again = trials.sweep(bench, folder, *settings(text))
    wrong = bench.differences(folder, whole=whole)
    bench.say(f"{case.name}: {ended}; then {again.status}; {wrong[:2]}")
    survived = reported and again.status == 0 and not wrong
    return Trial(case.name, survived, reported, len(wrong) + len(learned))


def _unread(bench: FaultBench, whole: Path, text: Path) -> Trial:
    """A finished run has no need of its text, which may be what it is."""
    folder = bench.copy(whole, bench.folder / "text-changed")
    _capitals(text / "a.de")
    ended = trials.sweep(bench, folder, *settings(text))
    write_text(text)
    wrong = bench.differences(folder, whole=whole)
    bench.say(f"finished: {ended}; {wrong[:2]}")
    name = "a file in place, finished"
    return Trial(name, ended.status == 0 and not wrong, False, len(wrong))


def _moved(bench: FaultBench, name: str, state: Path, whole: Path, text: Path) -> Trial:
    """The same files at another place: the sweep goes on to the same numbers."""
    folder = bench.copy(state, bench.folder / "text-moved")
    place = bench.copy(text, bench.folder / "text-elsewhere")
    shutil.rmtree(text)
    ended = trials.sweep(bench, folder, *settings(place))
    wrong = bench.differences(folder, whole=whole)
    write_text(text)
    bench.say(f"moved, {name}: {ended}; {wrong[:2]}")
    return Trial(name, ended.status == 0 and not wrong, False, len(wrong))


def _changed_elsewhere(bench: FaultBench, whole: Path, text: Path) -> Trial:
    """Another text is another sweep's: refused in a line, the runs stay as they are."""
    folder = bench.copy(whole, bench.folder / "text-moved")
    place = bench.copy(text, bench.folder / "text-elsewhere")
    _capitals(place / "a.de")
    before = trials.digests(folder)
    ended = trials.sweep(bench, folder, *settings(place))
    refused = ended.refused("data.files.train", "another configuration")
    touched = trials.changes(before, trials.digests(folder))
    bench.say(f"another text: {ended}; {touched} changed")
    return Trial("finished", refused and not touched, refused)
