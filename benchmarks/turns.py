"""What the benchmarks share: taking turns, figures with targets, and the machine.

Machines are noisy, so both sides of a ratio take turns in one run: a ratio is the
median over rounds of two neighbors in time, and its range is printed beside it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"


class Figure(NamedTuple):
    """One number of a benchmark. `target` reads ">= 1.3", or is empty where the number
    is only reported; `detail` says what was divided by what."""

    name: str
    value: float
    unit: str = "x"
    target: str = ""
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Does the value meet its target? None where there is none."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        return (
            self.value >= float(bound) if sign == ">=" else self.value <= float(bound)
        )


def in_turns(
    ways: Mapping[str, Callable[[], Any]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each way in every round. A way returns its own seconds, or anything
    else (waited for, if JAX computes it) to be timed here; it must be warm."""
    import jax

    names = list(ways)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            result = jax.block_until_ready(ways[name]())
            passed = time.perf_counter() - start
            taken[name].append(result if isinstance(result, float) else passed)
            del result  # else the next way's time holds that of freeing it
    return taken


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """How many times faster `under` is than `over`: the median over rounds."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def spread(taken: Sequence[float]) -> str:
    """ "41.2 ms (38.0-55.1)": median and range."""
    middle, low, high = statistics.median(taken), min(taken), max(taken)
    return f"{1e3 * middle:.4g} ms ({1e3 * low:.4g}-{1e3 * high:.4g})"


def peer_python() -> str:
    """The Python that has torch; it may not be there."""
    return os.environ.get("ATTNLAB_PEERS", str(ROOT / ".venv-peers/bin/python"))


def peer_command(script: str) -> list[str]:
    """What runs a file of benchmarks/peers; exits where there is no Python for it."""
    python = peer_python()
    if not Path(python).exists():
        raise SystemExit(
            f"there is no {python} to run the PyTorch side: `make peers` makes it, "
            "or name a Python that has torch in ATTNLAB_PEERS"
        )
    return [python, str(PEERS / script)]


def peer_environment() -> dict[str, str]:
    """This process's, without what is there for JAX: threads are torch's to choose,
    and packages its own."""
    ours = ("OPENBLAS", "PYTHONPATH")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


class Peer:
    """A process of the other side, in its own environment; it computes when asked.

    `script` is a file of benchmarks/peers that ends in `serve(...)`. A call is one line
    of JSON in and one out, so that the two sides never compute at the same time.
    """

    def __init__(self, script: str, **environment: str):
        self.process = subprocess.Popen(
            peer_command(script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=peer_environment() | environment,
        )

    def call(self, function: str, /, **arguments: Any) -> Any:
        """What a function of the peer returns."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([function, arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the peer ended while it did {function}; see above")
        return json.loads(line)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *exception) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def data_folder() -> Path | None:
    """The folder of real corpora, where there is one; attnlab will look there."""
    folder = Path(os.environ.get("ATTNLAB_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        return None
    os.environ["ATTNLAB_DATA"] = str(folder)
    return folder


def machine() -> dict[str, Any]:
    """What a table of times must say about where it was made."""
    import jax

    device = jax.devices()[0]
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":")[1].strip()
            if line.startswith("flags"):
                vectors = {"avx2", "avx512f", "avx512_bf16"} & set(line.split())
                name += f" ({', '.join(sorted(vectors))})"
                break
    except OSError:  # not Linux
        pass
    return {
        "processor": name,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "device": f"{device.platform} ({device.device_kind})",
        "jax": jax.__version__,
        "python": platform.python_version(),
    }


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """The flags that every benchmark has."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--rounds", type=int, default=rounds, help="turns of each side")
    made.add_argument("--json", type=Path, help="also write the figures to this file")
    return made


def finish(title: str, figures: Sequence[Figure], path: Path | None) -> None:
    """Print figures, and keep them where `path` says."""
    print(f"\n{title}: {', '.join(f'{k} {v}' for k, v in machine().items())}")
    for figure in figures:
        verdict = {
            None: "",
            True: f"{figure.target}: met",
            False: f"{figure.target}: NO",
        }
        print(
            f"  {figure.name:<46}{figure.value:>9.3g} {figure.unit:<4}"
            f"{verdict[figure.met]:<15}{figure.detail}"
        )
    sys.stdout.flush()
    if path is not None:
        record = [figure._asdict() for figure in figures]
        path.write_text(json.dumps(record, indent=1), encoding="utf-8")
