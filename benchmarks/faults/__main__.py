"""Disturb a real sweep in every way that happens, and see whether it loses a number.

    python -m benchmarks.faults                     # all of it, docs/reliability.md too
    python -m benchmarks.faults --only kills disk   # some faults
    python -m benchmarks.faults --quick             # a few of each, no document
    python -m benchmarks.faults --quick --one-run --only kills     # about a minute

A small sweep (three rows, two seeds, through `experiments.sweep`) is run undisturbed,
then again and again under faults. In the end its summary.csv has to have the numbers of
the undisturbed one, times apart, or the damage has to be reported; what cannot be done
has to be refused in one line. Files of others stay what they are. Outcomes stay in
--workdir, so that faults can be run one by one.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.faults.damage import Case, damages, outcomes, stop_midway
from benchmarks.faults.failing import failing_rows, full_disk
from benchmarks.faults.kills import kills, two_at_once
from benchmarks.faults.ownership import ownership
from benchmarks.faults.places import places
from benchmarks.faults.reporting import reports
from benchmarks.faults.signals import signals
from benchmarks.faults.surroundings import surroundings
from benchmarks.faults.sweeps import ROOT, FaultBench, Outcome
from benchmarks.faults.texts import texts
from benchmarks.turns import machine

DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- benchmarks.faults: begin -->", "<!-- benchmarks.faults: end -->"
# Those that are tried many times a kind, on copies of a few sweeps.
TRIALS: dict[str, Callable[[FaultBench, bool], list[Outcome]]] = {
    "ownership": ownership,
    "texts": texts,
    "reports": reports,
    "signals": signals,
    "places": places,
    "surroundings": surroundings,
}
FAULTS = ("kills", "two", "rows", "disk", "finished", "unfinished", *TRIALS)
ONE_RUN = ("kills", "two")  # that a sweep of one run can stand for
HEADINGS = ("fault", "tried", "survived", "reported", "numbers lost", "others' files")
SEED = 0


def run(
    bench: FaultBench, fault: str, count: int, quick: bool, files: list[str]
) -> dict:
    """The outcomes of one kind of fault, and what became of each kind of file.

    With `files` only these are damaged, and the others are as in the last record.
    """
    if fault == "kills":
        return {"outcomes": [kills(bench, count, SEED)]}
    if fault == "two":
        return {"outcomes": [two_at_once(bench, 1 if quick else 2, SEED)]}
    if fault == "rows":
        return {"outcomes": failing_rows(bench)}
    if fault == "disk":
        return {"outcomes": [full_disk(bench)]}
    if fault in TRIALS:
        return {"outcomes": TRIALS[fault](bench, quick)}
    finished = fault == "finished"
    template = bench.whole if finished else stop_midway(bench, "midway")
    fates = damages(bench, template, finished, SEED, 6 if quick else None, files)
    if files:
        before = records(bench.folder).get(fault, {}).get("files", [])
        others = [(Case(*case), fate) for case, fate in before if case[0] not in files]
        fates = others + fates
    return {"outcomes": outcomes(fates, fault), "files": fates}


def make_table(results: list[Outcome]) -> Table:
    """The outcomes for a terminal."""
    table = Table(*HEADINGS, "")
    for outcome in results:
        table.add_row(*cells(outcome))
    return table


def cells(outcome: Outcome) -> list[str]:
    """An outcome's cells; that of others' files is empty where there were none."""
    return ["" if field is None else str(field) for field in outcome]


def records(folder: Path) -> dict[str, dict]:
    """The record of each fault that has been tried, from a folder."""
    paths = {fault: folder / f"{fault}.json" for fault in FAULTS}
    return {f: json.loads(p.read_text()) for f, p in paths.items() if p.exists()}


def document(tried: dict[str, dict]) -> str:
    """The section of the document, in Markdown."""
    here = ", ".join(f"{name}: {value}" for name, value in machine().items())
    when = ", ".join(sorted({record["when"] for record in tried.values()}))
    lines = [
        f"Measured {when} by `python -m benchmarks.faults` ({here}).",
        "",
        f"| {' | '.join(HEADINGS)} | |",
        f"| --- |{' ---: |' * (len(HEADINGS) - 1)} --- |",
    ]
    for record in tried.values():
        for outcome in record["outcomes"]:
            fields = [field.replace("|", "\\|") for field in cells(Outcome(*outcome))]
            lines.append(f"| {' | '.join(fields)} |")
    files = [(f, *line) for f in FAULTS for line in tried.get(f, {}).get("files", ())]
    if files:
        lines += ["", "What became of each file, flipped and cut short:", ""]
        lines += ["| file | finished run | unfinished run |", "| --- | --- | --- |"]
        for kind in sorted({case[0] for _, case, _ in files}):
            became = [
                "; ".join(
                    sorted(
                        {fate for f, case, fate in files if (f, case[0]) == (g, kind)}
                    )
                )
                for g in ("finished", "unfinished")
            ]
            lines.append(f"| `{kind}` | {became[0]} | {became[1]} |")
    return "\n".join(lines)


def write(section: str) -> None:
    """Put the section between its marks in the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 1 where a number was lost, a sweep did not survive or a file
    of others was touched."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument(
        "--kills", type=int, help="SIGKILLs at least (50, or 4 of --quick)"
    )
    parser.add_argument(
        "--files", nargs="+", default=[], help="damage only these: config.json, ..."
    )
    parser.add_argument("--quick", action="store_true", help="a few of each fault")
    parser.add_argument(
        "--one-run",
        action="store_true",
        help=f"with --quick: disturb a sweep of one run; --only {', '.join(ONE_RUN)}",
    )
    parser.add_argument("--workdir", type=Path, default=ROOT / "runs" / "faults")
    parser.add_argument(
        "--keep", action="store_true", help="take the undisturbed sweep of --workdir"
    )
    parser.add_argument(
        "--write", action="store_true", help="only write what --workdir has found"
    )
    options = parser.parse_args(arguments)
    if options.one_run and not (options.quick and {*options.only} <= {*ONE_RUN}):
        parser.error(f"--one-run needs --quick and --only of {', '.join(ONE_RUN)}")
    console = Console()

    def show(line: str) -> None:
        now = time.strftime("%H:%M:%S")
        console.print(f"[{now}] {line}", markup=False, soft_wrap=True)

    bench = FaultBench(options.workdir.absolute(), show, options.one_run)
    if options.write:
        write(document(records(bench.folder)))
        return 0
    bench.prepare(again=not options.keep)
    show(f"an undisturbed sweep takes {bench.seconds:.0f} s")
    count = options.kills
    if count is None:
        count = 4 if options.quick else 50
    results: list[Outcome] = []
    for fault in options.only:
        record = run(bench, fault, count, options.quick, options.files)
        results += record["outcomes"]
        if not options.quick:
            record["when"] = time.strftime("%Y-%m-%d")
            path = bench.folder / f"{fault}.json"
            path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    console.print(make_table(results))
    tried = records(bench.folder)
    if not options.quick and tried.keys() == set(FAULTS):  # never half a table
        write(document(tried))
    return int(
        any(item.lost or item.touched or item.survived < item.tried for item in results)
    )


if __name__ == "__main__":
    sys.exit(main())
