"""Milliseconds of an update for every way to learn a hard read, beside soft attention.

    python -m benchmarks.learning [--corpus hansards] [--rounds 15] [--only gumbel elbo]

The rows are those of configs/ablations/deng2018.py, with its batches; `hansards` needs
the data folder (ATTNLAB_DATA). All rows take turns in one process, so that a busy
machine disturbs all alike. A ratio is the row's time over soft attention's in the same
round (the median): above 1 is slower.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import jax

from attnlab.sweep import rows
from attnlab.tasks import make_task
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import init_state, train_step
from configs.ablations import deng2018


def planned(corpus, only):
    """The runs to time, one of each row: soft attention's, and those whose row has one
    of the parts `only` in its name; all for no parts."""
    first, *others = (
        run
        for run in rows.plan(deng2018.get_config(corpus), deng2018.sweep)
        if run.settings.seed == 0
    )
    names = [run.config["row"] for run in others]
    unknown = [part for part in only if not any(part in name for name in names)]
    if unknown:
        raise ValueError(f"no row has {unknown[0]!r} in its name: {', '.join(names)}")
    chosen = [
        run
        for run, name in zip(others, names, strict=True)
        if not only or any(part in name for part in only)
    ]
    return [first, *chosen]


def updates(runs):
    """{row: a function that does one update on its first batch}, all compiled."""
    programs = {}
    for run in runs:
        train = run.settings.train
        with tempfile.TemporaryDirectory() as folder:
            task = make_task(run.settings, Path(folder))
        tx = make_optimizer(train, make_schedule(train, len(task.batches)))
        state = jax.jit(partial(init_state, task.init, tx, task.estimator_state, 0))()
        batch = task.batches.at(0)
        step = jax.jit(partial(train_step, loss=task.loss, tx=tx))
        compiled = step.lower(state, batch).compile()
        jax.block_until_ready(compiled(state, batch))
        programs[run.config["row"]] = partial(compiled, state, batch)
        tokens = int(batch.target_lengths.sum())
    return programs, batch.source.shape, tokens


def main():
    parser = argparse.ArgumentParser(description="Times the ways to learn a hard read.")
    parser.add_argument(
        "--corpus",
        default="synthetic",
        choices=deng2018.CORPORA,
        help="whose first batch is learned (synthetic)",
    )
    parser.add_argument("--rounds", type=int, default=15, help="turns of each row (15)")
    parser.add_argument(
        "--only", nargs="+", default=[], help="parts of rows' names, beside soft (all)"
    )
    options = parser.parse_args()
    try:
        runs = planned(options.corpus, options.only)
    except ValueError as error:
        parser.error(f"--only: {error}")
    programs, shape, tokens = updates(runs)
    names = list(programs)
    taken = {name: [] for name in names}
    for turn in range(options.rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            jax.block_until_ready(programs[name]())
            taken[name].append(1000 * (time.perf_counter() - start))
    device = jax.devices()[0]
    print(
        f"jax {jax.__version__} on {device.platform} ({device.device_kind}), "
        f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}"
    )
    print(
        f"\nan update of {shape[0]} sentences, {tokens} target words, sources padded "
        f"to {shape[1]} ({options.corpus})"
    )
    print(f"{'row':<20}{'median ms':>12}{'best ms':>10}{'ratio':>8}")
    for name, times in taken.items():
        pairs = zip(times, taken[names[0]], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        median = statistics.median(times)
        print(f"{name:<20}{median:>12.1f}{min(times):>10.1f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
