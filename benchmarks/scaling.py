"""How an update grows with each of its sizes, and what a thousand runs cost to look at.

    python -m benchmarks.scaling [--rounds 5] [--double B V] [--base B=4 H=32]
    python -m benchmarks.scaling --run=runs/synthetic/global-general/0

updates: `bahdanau2014` on random sentences that fill their positions, one size doubled
at a time; all points take turns, and an exponent is the slope of the logarithms. Time
is that of all cores together, so that other work on the machine counts little. Bytes
are XLA's account of the temporary buffers of a compiled update, which holds besides
them parameters and two moments of each (and a gradient of each among the temporaries).
Multiply-adds are counted from the code: `multiply_adds` below.
runs: the folder --run of a finished run is copied without its checkpoints, and sweeps
of such runs are planned, written, grouped, found and reported.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.memory import random_batch
from benchmarks.problem import settings
from benchmarks.turns import in_turns, machine, parser

MIB = 2**20


class Size(NamedTuple):
    """Of an update: B sentences of S and T words, V words a side, width H, K runs."""

    B: int = 16
    S: int = 32
    T: int = 32
    V: int = 4000
    H: int = 128
    K: int = 1


def points(base: Size, axis: str) -> tuple[int, ...]:
    """Three values of one size, each twice the last: from half of the base's on, or
    from it where it is 1."""
    least = max(getattr(base, axis) // 2, 1)
    return least, 2 * least, 4 * least


def assignment(text: str) -> tuple[str, int]:
    """A size and its value, of "H=64"."""
    axis, _, value = text.partition("=")
    if axis not in Size._fields or not value.isdecimal() or not int(value):
        choices = ", ".join(Size._fields)
        raise argparse.ArgumentTypeError(
            f"{text!r} is not SIZE=NUMBER with a SIZE of {choices}"
        )
    return axis, int(value)


def multiply_adds(size: Size) -> float:
    """Of the forward pass of `bahdanau2014` with all widths H, in matrix products.

    The encoder takes 12 H^2 a source word and the keys 2 H^2; the decoder 13 H^2 a
    target word, its readout 8 H^2, the vocabulary H V; attention 3 H a pair of words.
    Forward and backward together are three times as many, twice that many operations.
    """
    B, S, T, V, H, K = size
    return K * B * (14 * H**2 * S + (21 * H**2 + H * V) * T + 3 * H * S * T)


def update_of(size: Size) -> tuple[Callable[[], float], dict[str, float]]:
    """Processor seconds of one update of this size, and its bytes and parameters."""
    from attnlab.estimators.objective import initial_estimator_state, make_loss
    from attnlab.nn.init_params import init_params
    from attnlab.tasks.translation.task import build_model
    from attnlab.training.optimizers import make_optimizer, make_schedule
    from attnlab.training.run import count_parameters
    from attnlab.training.step import init_state, train_step

    chosen = settings("bahdanau2014", width=size.H)
    model = build_model(chosen, size.V, size.V)
    tx = make_optimizer(chosen.train, make_schedule(chosen.train, 100))
    loss = make_loss(model, chosen)

    def first(seed):
        return init_state(
            lambda rng: init_params(model, rng), tx, initial_estimator_state(), seed
        )

    def update(state, batch):
        return train_step(state, batch, loss=loss, tx=tx)

    source = random_batch(size.S, size.B, size.V)
    target = random_batch(size.T, size.B, size.V)
    batch = source._replace(target=target.target, target_lengths=target.target_lengths)
    if size.K == 1:
        held = [jax.jit(first)(np.uint32(0))]
    else:
        held = [jax.jit(jax.vmap(first))(np.arange(size.K, dtype=np.uint32))]
        batch = jax.tree.map(lambda part: np.stack([part] * size.K), batch)
        update = jax.vmap(update)
    parameters = count_parameters(held[0].params)
    compiled = jax.jit(update, donate_argnums=0).lower(held[0], batch).compile()

    def work() -> float:
        began = time.process_time()
        held[0], _ = compiled(held[0], batch)
        jax.block_until_ready(held[0])
        return time.process_time() - began

    used = compiled.memory_analysis().temp_size_in_bytes
    return work, {"temporary": used, "parameters": parameters}


def slope(values, measured) -> float:
    """The exponent of a power law, by least squares of logarithms."""
    return float(np.polyfit(np.log(values), np.log(measured), 1)[0])


def updates(base: Size, axes: list[str], rounds: int) -> None:
    """Print the table of update times, and the exponents."""
    lines = {
        axis: [base._replace(**{axis: value}) for value in points(base, axis)]
        for axis in axes
    }
    sizes = dict.fromkeys(size for line in lines.values() for size in line)
    ways, facts = {}, {}
    for size in sizes:
        ways[size], facts[size] = update_of(size)
        for _ in range(2):
            ways[size]()
    taken = in_turns(ways, rounds)
    seconds = {size: float(np.median(times)) for size, times in taken.items()}
    print(f"\nbase: {', '.join(f'{k} = {v}' for k, v in base._asdict().items())}")
    head = f"{'':>10}{'ms (range)':>26}{'GFLOP/s':>9}{'MiB':>8}{'parameters':>12}"
    print(head)
    for axis, line in lines.items():
        values = [getattr(size, axis) for size in line]
        for value, size in zip(values, line, strict=True):
            times, fact = taken[size], facts[size]
            rate = 6 * multiply_adds(size) / seconds[size] / 1e9
            spread = f"{1e3 * seconds[size]:.1f}"
            spread += f" ({1e3 * min(times):.1f}-{1e3 * max(times):.1f})"
            print(
                f"{f'{axis} = {value}':>10}{spread:>26}{rate:>9.1f}"
                f"{fact['temporary'] / MIB:>8.1f}{fact['parameters']:>12,}"
            )
        powers = (
            slope(values, [seconds[size] for size in line]),
            slope(values, [multiply_adds(size) for size in line]),
            slope(values, [facts[size]["temporary"] for size in line]),
        )
        print(
            f"  {axis}: time ^{powers[0]:.2f}, counted operations ^{powers[1]:.2f}, "
            f"temporary bytes ^{powers[2]:.2f}"
        )


def runs_of(like: Path, counts: list[int]) -> None:
    """Print what a run leaves on disk, and the seconds that many like it take."""
    print(f"\n{like}:")
    for part in sorted(like.iterdir()):
        files = [part] if part.is_file() else [part, *part.rglob("*")]
        size = sum(file.stat().st_size for file in files if file.is_file())
        print(f"  {part.name:<20}{size / 1e3:>9.1f} KB{len(files):>5} inodes")
    print(f"\n{'runs':>6}{'plan':>8}{'write':>8}{'group':>8}{'find':>8}", end="")
    print(f"{'table':>8}{'report':>8}  seconds of the processor", flush=True)
    for count in counts:
        print(f"{count:>6}", end="", flush=True)
        with tempfile.TemporaryDirectory() as name:
            for seconds in looked_at(like, count, Path(name)):
                print(f"{seconds:>8.2f}", end="", flush=True)
        print(flush=True)


def planned(count: int) -> list:
    """The runs of a sweep of `count`, five seeds a row."""
    from attnlab.sweep import rows
    from configs.translation import get_config

    def sweep(add):
        for number in range(count):
            row, seed = divmod(number, 5)
            add(f"row {row:03}", label_smoothing=row / 1e3, seed=seed)

    return rows.plan(get_config(), sweep)


def looked_at(like: Path, count: int, where: Path) -> Iterator[float]:
    """Seconds of planning, writing, grouping, finding, tabulating, reporting copies."""
    from attnlab import runs
    from attnlab.report import report
    from attnlab.sweep import replica_groups, rows

    plans = planned(count)
    folders = [where / plan.place for plan in plans]
    yield timed(lambda: planned(count))
    yield timed(lambda: rows.write_folders(plans, where))
    yield timed(lambda: replica_groups.grouped(folders))
    result = runs.read_json(like / runs.RESULT)
    for folder, plan in zip(folders, plans, strict=True):
        for file in like.iterdir():
            if file.is_file() and file.name not in (runs.CONFIG, runs.MANIFEST):
                shutil.copy(file, folder / file.name)
        names = {key: plan.config[key] for key in ("row", "slug", "order", "seed")}
        runs.write_json(folder / runs.RESULT, result | names)
    yield timed(lambda: runs.find(where))
    yield timed(lambda: report.make_table(where))
    yield timed(lambda: report.write_report(where))


def timed(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main():
    made = parser(__doc__, rounds=5)
    made.add_argument("--run", type=Path, help="a finished run: measure sweeps of it")
    made.add_argument(
        "--runs",
        type=int,
        nargs="+",
        default=[100, 300, 1000],
        help="how many runs the sweeps have (100 300 1000)",
    )
    made.add_argument(
        "--double",
        nargs="+",
        default=list(Size._fields),
        choices=Size._fields,
        help="sizes of an update to double (all)",
    )
    made.add_argument(
        "--base",
        nargs="+",
        default=[],
        type=assignment,
        metavar="SIZE=NUMBER",
        help="other sizes than B=16 S=32 T=32 V=4000 H=128 K=1 to double them from",
    )
    options = made.parse_args()
    print(json.dumps(machine()))
    if options.run:
        runs_of(options.run, options.runs)
    else:
        updates(Size(**dict(options.base)), options.double, options.rounds)


if __name__ == "__main__":
    main()
