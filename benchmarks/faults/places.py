"""Workdirs that cannot be used or vanish, and pipes in place of files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from attnlab import runs
from benchmarks.faults import trials
from benchmarks.faults.failing import small_disk
from benchmarks.faults.sweeps import CONFIG, PATIENCE, ROOT, FaultBench, Outcome
from benchmarks.faults.texts import settings, write_text
from benchmarks.faults.trials import ProgramEnd, Trial, changes, digests

RUN = "global/0"
# What a sweep, or a run, has come to when its folder is removed.
MOMENTS = (
    runs.CONFIG,
    "source.codec",
    runs.METRICS,
    f"{runs.CHECKPOINTS}/*",
    runs.SOURCES,
    runs.RESULT,
)
TRIES = 5  # of a removal, which may come when all is done


def places(bench: FaultBench, quick: bool) -> list[Outcome]:
    """The outcomes of all such places."""
    moments = MOMENTS[2:3] if quick else MOMENTS
    vanished = [_vanished(bench, moment) for moment in moments]
    if not quick:
        vanished += [_vanished_run(bench, moment) for moment in MOMENTS[:-1]]
    results = [
        trials.outcome("a pipe in place of a file", _pipes(bench)),
        trials.outcome("a file as the workdir", _files(bench)),
        trials.outcome("the workdir is removed under way", vanished),
    ]
    fault = "a workdir that may not be written"
    try:
        return [*results, trials.outcome(fault, _read_only(bench))]
    except PermissionError as error:
        return [*results, Outcome(fault, 0, 0, 0, 0, note=f"SKIPPED: {error}")]


def _refusal(bench: FaultBench, name: str, ended: ProgramEnd, *words: str) -> Trial:
    """A line that has all of `words`, status 2."""
    refused = ended.refused(*words)
    bench.say(f"{name}: {ended}")
    return Trial(name, refused, refused)


def _pipes(bench: FaultBench) -> list[Trial]:
    """Pipes that nobody writes into: named at once, and not waited for."""
    results = []
    for program in (trials.sweep, trials.train, trials.report):
        for name in (runs.CONFIG, runs.METRICS, runs.RESULT, runs.ALIGNMENTS):
            folder = bench.copy(bench.whole, bench.folder / "piped")
            (folder / RUN / name).unlink()
            os.mkfifo(folder / RUN / name)
            if program is trials.report:
                results.append(_reported(bench, folder, name))
                continue
            place = folder if program is trials.sweep else folder / RUN
            ended = program(bench, place)
            trial = f"{name}, {program.__name__}"
            results.append(_refusal(bench, trial, ended, f"{RUN} holds {name}"))
    pipe = bench.folder / "pipe.py"
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    for program in ("experiments.sweep", "experiments.train"):
        ended = trials.run_program(bench, program, f"--config={pipe}")
        results.append(_refusal(bench, f"--config, {program}", ended, str(pipe)))
    return [*results, _piped_text(bench)]


def _reported(bench: FaultBench, folder: Path, name: str) -> Trial:
    """The report is written without that run, which it names."""
    ended = trials.report(bench, folder)
    wrong = [line for line in bench.differences(folder) if not line.startswith(RUN)]
    text = (folder / "report" / "table.txt").read_text(encoding="utf-8")
    named = name in text
    bench.say(f"{name}, report: {ended}; named: {named}; {wrong[:2]}")
    survived = ended.status == 0 and named and not wrong
    return Trial(f"{name}, report", survived, named, len(wrong))


def _piped_text(bench: FaultBench) -> Trial:
    """A run that should learn from a pipe fails, and says so."""
    text = write_text(bench.folder / "piped-text")
    (text / "a.de").unlink()
    os.mkfifo(text / "a.de")
    folder = bench.begin(bench.folder / "piped")
    ended = trials.sweep(bench, folder, *settings(text))
    reasons = [str((run.error or {}).get("error")) for run in runs.find(folder)]
    named = ended.status == 1 and all("a.de is no file" in line for line in reasons)
    bench.say(f"a text: {ended}")
    return Trial("a text", named, named)


def _files(bench: FaultBench) -> list[Trial]:
    """A file where the workdir, the runs or the report should be."""
    file = bench.folder / "file"
    file.write_text("x")
    programs = {
        "sweep": lambda: trials.sweep(bench, file),
        "a folder in it": lambda: trials.sweep(bench, file / "a"),
        "train": lambda: trials.train(bench, file),
        "report": lambda: trials.report(bench, file),
        "report --out": lambda: trials.report(bench, bench.whole, f"--out={file}"),
    }
    results = []
    for name, program in programs.items():
        trial = _refusal(bench, name, program(), str(file))
        results.append(trial._replace(touched=int(file.read_text() != "x")))
    return results


def _read_only(bench: FaultBench) -> list[Trial]:
    """File systems without writing: for a finished sweep and for one to begin."""
    place = bench.folder / "disk"
    results = []
    with small_disk(place, "64m") as remount:
        shutil.copytree(bench.whole, place / "whole")
        before = digests(place)
        remount("ro")
        try:
            for name, ended in (
                ("sweep", trials.sweep(bench, place / "new")),
                ("train", trials.train(bench, place / "new")),
                ("report", trials.report(bench, place / "whole")),
                ("a finished sweep", trials.sweep(bench, place / "whole")),
            ):
                if name == "a finished sweep":  # it says first that it is finished
                    ended = ended._replace(lines=ended.lines[-1:])
                words = (str(place), "Read-only file system")
                results.append(_refusal(bench, name, ended, *words))
        finally:
            remount("rw")
        if changes(before, digests(place)):
            results[-1] = results[-1]._replace(survived=False)
    return results


def _vanished(bench: FaultBench, moment: str) -> Trial:
    """A sweep whose folder is removed: a line, and no folder in its place."""
    folder = bench.begin(bench.folder / "vanished")
    bench.log(folder).unlink(missing_ok=True)
    return _removed(bench, folder, bench.start(folder), f"*/*/{moment}", "sweep")


def _vanished_run(bench: FaultBench, moment: str) -> Trial:
    """The same of one run, by `experiments.train`."""
    for _ in range(TRIES):
        trial = _try_run(bench, moment)
        if trial is not None:
            return trial
    raise RuntimeError(f"no run could be removed once there was {moment}")


def _try_run(bench: FaultBench, moment: str) -> Trial | None:
    """None where the run had ended before its folder was removed."""
    folder = bench.begin(bench.folder / "vanished")
    words = [f"--config={CONFIG}", f"--workdir={folder}", "--config.train.steps=2000"]
    if moment == runs.SOURCES:
        words.pop()  # as short as the others' runs
    with open(bench.log(folder), "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.train", *words],
            cwd=ROOT,
            env=bench.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    trial = _removed(bench, folder, process, moment, "train")
    return None if process.returncode == 0 else trial


def _removed(
    bench: FaultBench,
    folder: Path,
    process: subprocess.Popen,
    pattern: str,
    program: str,
) -> Trial:
    if not trials.wait_for(lambda: [*folder.glob(pattern)], PATIENCE, process):
        raise RuntimeError(f"it has not come to {pattern}: see {bench.log(folder)}")
    while folder.exists():  # until nothing is written any more while it is removed
        subprocess.run(["rm", "-rf", str(folder)], stderr=subprocess.DEVNULL)
    code = bench.finish(process)
    lines = bench.log(folder).read_text(errors="replace").splitlines()
    said = [line for line in lines if line.startswith(f"{program}: ")]
    named = code == 2 and len(said) == 1 and "Traceback (most" not in "".join(lines)
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    jobs = trials.processes_of(folder)
    moment = pattern.removeprefix("*/*/")
    name = f"once there was {moment.removesuffix('/*')}, {program}"
    bench.say(f"{name}: exit {code}: {said}; left {there[:5]} {[*jobs.values()]}")
    return Trial(name, named and not folder.exists() and not jobs, named)
