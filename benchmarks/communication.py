"""How many bytes an update exchanges between devices, by strategy.

    python -m benchmarks.communication [--devices 8] [--shape bahdanau2014]
    .venv-accelerators/bin/python -m benchmarks.communication --target h200

Reads the compiled program: the shapes of its all-reduces and all-gathers, as often as
the loops around them run them. The devices are virtual ones of this CPU, or eight of
benchmarks/accelerators; nothing is timed. The least there can be is one all-reduce of
the gradient, 4 bytes a parameter.
"""

import argparse
import os
from functools import partial

from benchmarks.accelerators.targets import (
    TARGETS,
    compile_lowered,
    devices_of,
    prepare_environment,
)
from benchmarks.hlo import collectives, exchanged


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--shape", default="bahdanau2014", help="see problem.SHAPES")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--batch", type=int, default=128, help="rows, of all devices")
    parser.add_argument("--target", choices=TARGETS, help="8 of these accelerators")
    options = parser.parse_args(arguments)
    if options.target:
        options.devices = 8
        prepare_environment()
    flag = f"--xla_force_host_platform_device_count={options.devices}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"

    import jax
    import numpy as np

    from attnlab.nn.launches import launching
    from attnlab.training.loop import first_state, make_update
    from attnlab.training.parallel import STRATEGIES, Layout, layout_of, parallel_update
    from attnlab.training.run import count_parameters
    from benchmarks.problem import TrainingProblem, settings

    problem = TrainingProblem.of(settings(options.shape, options.width, options.batch))
    task, train = problem.task, problem.settings.train
    batch = task.batches.at(0)
    count = count_parameters(first_state(task, train)(0).params)
    print(
        f"{options.shape}, width {options.width}, {options.devices} devices, "
        f"{len(batch.source)} rows of {batch.source.shape[1]} and "
        f"{batch.target.shape[1]} words: {count:,} parameters, {4 * count / 1e6:.2f} MB"
    )
    print(f"{'strategy':10} {'MB':>9} {'of that':>9}   by kind")
    backend = TARGETS[options.target].backend if options.target else "cpu"
    for strategy in STRATEGIES:
        changes = {"strategy": strategy, "devices": options.devices}
        chosen = train.model_copy(update=changes)
        layout = (
            Layout(strategy, devices_of(options.target, 8))
            if options.target
            else layout_of(chosen)
        )
        way = parallel_update(partial(make_update, task, chosen), layout)
        rate = np.float32(train.learning_rate)
        state = first_state(task, chosen)(0)
        with launching(backend):
            lowered = way.lower(state, batch, rate)
        program = (
            compile_lowered(options.target, lowered)
            if options.target
            else lowered.compile()
        ).as_text()
        counts = collectives(program)
        moved = exchanged(program)
        unknown = moved.pop("unknown loops", 0)
        total = moved.total()
        kinds = [
            f"{counts[kind]} {kind} {n / 1e6:.3f}" for kind, n in moved.most_common()
        ]
        if unknown:
            kinds.append(f"{unknown} loops of unknown length counted once")
        times = total / 4 / count
        print(f"{strategy:10} {total / 1e6:9.2f} {times:8.2f}x   {', '.join(kinds)}")
        jax.clear_caches()


if __name__ == "__main__":
    main()
