"""All benchmarks, one after the other, and benchmarks/results.md from their figures.

    make bench                                   # sets up both sides first
    python -m benchmarks --only memory decoding  # some of them
    python -m benchmarks --write                 # only writes results.md anew

Every run leaves its figures in runs/bench/figures. results.md shows the median and the
range over all runs of this machine and commit, so run it on different minutes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.turns import ROOT, Figure, machine

FIGURES = ROOT / "runs" / "bench" / "figures"
RESULTS = Path(__file__).parent / "results.md"
NOTES = Path(__file__).parent / "notes.md"
SCRIPTS = (
    "startup",
    "training",
    "attention",
    "throughput",
    "batching",
    "decoding",
    "replicas",
    "memory",
)
TABLES = ("marginal", "learning")  # printed; they have no targets
HEAD = """# Benchmark results

Made by `make bench`; every figure is the median over {runs} of `python -m benchmarks`,
its range behind it. Each of them is itself a median of turns that alternate both sides
in one run. PyTorch is {torch}.

{machine}

Runs: {times}.
"""


def run(only: list[str]) -> int:
    """Run the scripts; returns how many failed."""
    started = time.strftime("%Y-%m-%d %H:%M")
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(FIGURES.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        **os.environ,
    }
    figures_of, failed = {}, 0
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name in [*SCRIPTS, *TABLES]:
        if only and name not in only:
            continue
        print(f"\n== {name}", flush=True)
        figures = FIGURES / f".{name}.json"
        figures.unlink(missing_ok=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if name in SCRIPTS:
            command += ["--json", str(figures)]
        began = time.perf_counter()
        failed += subprocess.run(command, cwd=ROOT, env=environment).returncode != 0
        print(f"({name} took {time.perf_counter() - began:.0f} s)")
        if figures.exists():
            figures_of[name] = json.loads(figures.read_text(encoding="utf-8"))
    record = {
        "started": started,
        "machine": machine(),
        "torch": torch_version(),
        "figures": figures_of,
    }
    path = FIGURES / f"{time.time():.0f}.json"
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return failed


def torch_version() -> str:
    """The other side's version, as it says itself."""
    python = os.environ.get("ATTNLAB_PEERS", str(ROOT / ".venv-peers/bin/python"))
    try:
        command = [python, "-c", "import torch; print(torch.__version__)"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "absent"
    return done.stdout.strip() or "absent"


def rows(records: list[dict], script: str):
    """Lines of a script's table: every figure that any run has."""
    values: dict[str, list[Figure]] = {}
    for record in records:
        for figure in record["figures"].get(script, ()):
            values.setdefault(figure["name"], []).append(Figure(**figure))
    for name, figures in values.items():
        numbers = [figure.value for figure in figures]
        middle = figures[-1]._replace(value=statistics.median(numbers))
        spread = f"{min(numbers):.3g} to {max(numbers):.3g}, {len(numbers)} runs"
        verdict = {None: "", True: "met", False: "**not met**"}[middle.met]
        target = f"{middle.target} {middle.unit}" if middle.target else ""
        value = f"{middle.value:.3g} {middle.unit}"
        yield f"| {name} | {value} | {spread} | {target} | {verdict} |"


def write() -> None:
    """benchmarks/results.md, from the runs of this machine."""
    here = machine()
    records = [
        json.loads(path.read_text()) for path in sorted(FIGURES.glob("[0-9]*.json"))
    ]
    records = [record for record in records if record["machine"] == here]
    if not records:
        raise SystemExit(f"no figures of this machine in {FIGURES}; run `make bench`")
    described = "\n".join(f"- {name}: {value}" for name, value in here.items())
    text = HEAD.format(
        runs=f"{len(records)} runs" if len(records) > 1 else "one run",
        torch=records[-1]["torch"],
        machine=described,
        times=", ".join(record["started"] for record in records),
    )
    for script in SCRIPTS:
        lines = list(rows(records, script))
        if lines:
            text += f"\n## {script}\n\n| figure | median | range | target | |\n"
            text += "| --- | ---: | --- | --- | --- |\n" + "\n".join(lines) + "\n"
    if NOTES.exists():
        text += "\n" + NOTES.read_text(encoding="utf-8")
    RESULTS.write_text(text, encoding="utf-8")
    print(f"\n{RESULTS} has the medians of {len(records)} run(s)")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choices = [*SCRIPTS, *TABLES]
    parser.add_argument("--only", nargs="+", default=[], choices=choices)
    parser.add_argument("--write", action="store_true", help="measure nothing")
    options = parser.parse_args()
    failed = 0 if options.write else run(options.only)
    write()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
