"""How many bytes an update exchanges between devices, by strategy.

    python -m benchmarks.communication [--devices 8] [--shape bahdanau2014]

Reads the compiled program: the shapes of its all-reduces and all-gathers, as often as
the loops around them run them. The devices are virtual ones of this CPU; nothing is
timed. The least there can be is one all-reduce of the gradient, 4 bytes a parameter.
"""

import argparse
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

MOVES = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"
BYTES = {"f64": 8, "s64": 8, "u64": 8, "bf16": 2, "f16": 2} | dict.fromkeys(
    ("f32", "s32", "u32"), 4
)
_HEAD = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_COLLECTIVE = re.compile(rf" = (.*?) ({MOVES})(?:-start)?\(")
_CALLED = re.compile(r"(?:body|condition|to_apply|calls|true_computation|"
                     r"false_computation)=%?([\w.\-]+)")  # fmt: skip
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


def exchanged(program: str) -> Counter[str]:
    """Bytes by kind of collective, of the results a device gets, from a program's HLO.

    What a loop runs counts as often as it does; a loop whose number of turns the
    compiler does not know counts once, which "unknown loops" counts.
    """
    bodies = dict(_computations(program))
    moved: Counter[str] = Counter()
    entry = next(name for name, lines in bodies.items() if lines[0].startswith("ENTRY"))

    def walk(name: str, times: int) -> None:
        for line in bodies[name][1:]:
            match = _COLLECTIVE.search(line)
            if match:
                moved[match[2]] += times * size(match[1])
            turns = 1
            if " while(" in line:
                trips = _TRIPS.search(line)
                turns = int(trips[1]) if trips else 1
                moved["unknown loops"] += 0 if trips else 1
            for called in _CALLED.findall(line):
                if called in bodies:
                    walk(called, times * turns)

    walk(entry, 1)
    return +moved


def size(shapes: str) -> int:
    """Bytes of "f32[32,8]{1,0}", or of a tuple of such."""
    arrays = re.findall(r"(\w+)\[([\d,]*)\]", shapes)
    return sum(
        BYTES.get(kind, 1) * math.prod(int(n) for n in dims.split(",") if n)
        for kind, dims in arrays
    )


def _computations(program: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", []
    for line in program.splitlines():
        head = _HEAD.match(line)
        if head:
            name, lines = head[1], [line]
        elif line == "}":
            yield name, lines
        elif name:
            lines.append(line)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--shape", default="bahdanau2014", help="see problem.SHAPES")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--batch", type=int, default=128, help="rows, of all devices")
    options = parser.parse_args(arguments)
    flag = f"--xla_force_host_platform_device_count={options.devices}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"

    import jax
    import numpy as np

    from attnlab.training.loop import first_state, make_update
    from attnlab.training.parallel import STRATEGIES, layout_of, parallel_update
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
    for strategy in STRATEGIES:
        changes = {"strategy": strategy, "devices": options.devices}
        chosen = train.model_copy(update=changes)
        way = parallel_update(partial(make_update, task, chosen), layout_of(chosen))
        state = way.place(first_state(task, chosen)(0))
        rate = np.float32(train.learning_rate)
        program = way.lower(state, batch, rate).compile().as_text()
        moved = exchanged(program)
        unknown = moved.pop("unknown loops", 0)
        total = moved.total()
        kinds = [f"{kind} {n / 1e6:.3f}" for kind, n in moved.most_common()]
        if unknown:
            kinds.append(f"{unknown} loops of unknown length counted once")
        times = total / 4 / count
        print(f"{strategy:10} {total / 1e6:9.2f} {times:8.2f}x   {', '.join(kinds)}")
        jax.clear_caches()


if __name__ == "__main__":
    main()
