"""All benchmarks, one after the other, and benchmarks/results.md from their figures.

    make bench                                   # sets up both sides first
    python -m benchmarks --only memory decoding  # some of them
    python -m benchmarks --write                 # only writes results.md anew

Every run leaves its figures in runs/bench/figures. results.md shows the median and the
range over all runs of this machine, so run it on different minutes. What was not
measured here stays there as it is, with the machine that it was measured on.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.turns import ROOT, Figure, machine, peer_python

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
    "reports",
    "kernels",
    "ntm",
)
TABLES = ("marginal", "learning")  # printed; they have no targets
OPTIONS = {"reports": ["--folder", str(FIGURES.parent / "reports")]}  # its runs stay
PYTHONS = {"kernels": ROOT / ".venv-accelerators" / "bin" / "python"}  # the compilers
HEAD = """# Benchmark results

Made by `make bench`; every figure is the median over runs of `python -m benchmarks`,
its range behind it. A ratio is itself a median of turns that alternate both sides in
one run.
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
        python = PYTHONS.get(name, Path(sys.executable))
        if not python.exists():
            print(f"(left out: there is no {python}; `make accelerators` makes it)")
            continue
        figures = FIGURES / f".{name}.json"
        figures.unlink(missing_ok=True)
        command = [str(python), "-m", f"benchmarks.{name}", *OPTIONS.get(name, [])]
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
    try:
        command = [peer_python(), "-c", "import torch; print(torch.__version__)"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "absent"
    return done.stdout.strip() or "absent"


def section(script: str, records: list[dict]) -> str:
    """What results.md says of a script: where it ran, and a table of its figures.

    Args:
      script: one of SCRIPTS.
      records: of runs on one machine.

    Returns:
      The text below the heading; "" where no run has its figures.
    """
    records = [record for record in records if script in record["figures"]]
    if not records:
        return ""
    machine, times = records[-1]["machine"], [each["started"] for each in records]
    described = ", ".join(f"{name} {value}" for name, value in machine.items())
    values: dict[str, list[Figure]] = {}
    for record in records:
        for figure in record["figures"][script]:
            values.setdefault(figure["name"], []).append(Figure(**figure))
    lines = [
        f"On {described}, PyTorch {records[-1]['torch']}; {', '.join(times)}.",
        "",
        "| figure | median | range | target | |",
        "| --- | ---: | --- | --- | --- |",
    ]
    for name, figures in values.items():
        numbers = [figure.value for figure in figures]
        middle = figures[-1]._replace(value=statistics.median(numbers))
        runs = f"{len(numbers)} runs" if len(numbers) > 1 else "one run"
        spread = f"{min(numbers):.3g} to {max(numbers):.3g}, {runs}"
        verdict = {None: "", True: "met", False: "**not met**"}[middle.met]
        target = f"{middle.target} {middle.unit}" if middle.target else ""
        value = f"{middle.value:.3g} {middle.unit}"
        lines.append(f"| {name} | {value} | {spread} | {target} | {verdict} |")
    return "\n".join(lines) + "\n"


def sections(text: str) -> dict[str, str]:
    """The parts of results.md by their headings.

    Args:
      text: of the file.

    Returns:
      The text below each heading of the second level.
    """
    _, *parts = re.split(r"^## (.*)\n+", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def write() -> None:
    """benchmarks/results.md, from the runs of this machine and what is there."""
    here = machine()
    records = [
        json.loads(path.read_text()) for path in sorted(FIGURES.glob("[0-9]*.json"))
    ]
    records = [record for record in records if record["machine"] == here]
    there = sections(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    text = HEAD
    for script in SCRIPTS:
        below = section(script, records) or there.get(script, "")
        if below:
            text += f"\n## {script}\n\n{below.rstrip()}\n"
    if NOTES.exists():
        text += "\n" + NOTES.read_text(encoding="utf-8")
    RESULTS.write_text(text, encoding="utf-8")
    print(f"\n{RESULTS} has the medians of {len(records)} run(s) of this machine")


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
