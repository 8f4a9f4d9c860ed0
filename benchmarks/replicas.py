"""Replicas: updates of K runs as one program, against K programs in turn.

    python -m benchmarks.replicas [--rounds 7]

A Luong model of width 128 with batches of 32 sentences; real target words are counted.
A turn of each way is eight updates: of one replica, of two four times over, and so on.
Memory is what XLA says that an update holds at once (arguments, results and temporary
arrays; donated ones once), for one replica of K.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from attnlab.parsing import parse
from attnlab.sweep.rows import resolve
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import make_task
from attnlab.training.loop import first_state, make_update
from attnlab.training.replicas import make_vmapped_update, stack_batches, stack_states
from benchmarks import turns
from configs.translation import get_config

COUNTS = (1, 2, 4, 8)
SETTINGS: dict[str, Any] = {
    "data.edges": (16,),  # all batches in one shape
    "data.source_vocabulary": 4000,
    "data.target_vocabulary": 4000,
    "train.batch_size": 32,
    "train.schedule": "constant",
}
WIDTHS = ("embedding", "hidden", "encoder_hidden", "attention_hidden", "readouts")


def settings(seed: int) -> TranslationSettings:
    """The settings of a replica."""
    corpus = "multi30k" if turns.data_folder() else "synthetic"
    chosen = SETTINGS | {f"model.{name}": 128 for name in WIDTHS}
    chosen |= {"data.name": corpus, "seed": seed}
    config = resolve(get_config(), chosen)
    return parse(TranslationSettings, config.to_dict())


def mebibytes(compiled: Any) -> float:
    """What a compiled update holds at once."""
    used = compiled.memory_analysis()
    total = used.argument_size_in_bytes + used.output_size_in_bytes
    return (total + used.temp_size_in_bytes - used.alias_size_in_bytes) / 2**20


def ways_of(replicas: list[TranslationSettings]):
    """Both ways of every K, the real target words of a turn of each, and MiB of each
    program for a replica."""
    tasks = []
    for chosen in replicas:
        with tempfile.TemporaryDirectory() as folder:
            tasks.append(make_task(chosen, Path(folder)))
    task, train = tasks[0], replicas[0].train
    first = first_state(task, train)
    batches = [other.batches.at(0) for other in tasks]
    rate = np.float32(train.learning_rate)

    def in_turn(count: int) -> tuple[Callable[[], Any], float]:
        states = [first(seed) for seed in range(count)]
        update = jax.jit(make_update(task, train), donate_argnums=0)
        compiled = update.lower(states[0], batches[0], rate).compile()

        def work():
            for k in [*range(count)] * (max(COUNTS) // count):
                states[k], _ = compiled(states[k], batches[k], rate)
            return states

        return work, mebibytes(compiled)

    def together(count: int) -> tuple[Callable[[], Any], float]:
        held = [stack_states([first(seed) for seed in range(count)])]
        batch = stack_batches([other.batches for other in tasks[:count]], 0)
        others = (batch, np.full(count, rate), np.ones(count, bool))
        update = jax.jit(make_vmapped_update(task, train), donate_argnums=0)
        compiled = update.lower(held[0], *others).compile()

        def work():
            for _ in range(max(COUNTS) // count):
                held[0], _ = compiled(held[0], *others)
            return held[0]

        return work, mebibytes(compiled) / count

    ways: dict[str, Callable[[], Any]] = {}
    memory: dict[str, float] = {}
    for count in COUNTS:
        for name, way in (("in turn", in_turn), ("together", together)):
            ways[f"{count} {name}"], memory[f"{count} {name}"] = way(count)
    tokens = np.cumsum([batch.target_lengths.sum() for batch in batches])
    times = {count: max(COUNTS) // count for count in COUNTS}
    return ways, {n: int(tokens[n - 1]) * times[n] for n in COUNTS}, memory


def table(
    taken: Mapping[str, list[float]], tokens: Mapping[int, int], memory
) -> list[turns.Figure]:
    """Print tokens per second and MiB of every K; the ratios as figures."""
    print(f"{'K':>2}{'in turn':>26}{'tok/s':>8}{'together':>26}{'tok/s':>8}{'MiB':>8}")
    figures = []
    for count in COUNTS:
        turn, joint = taken[f"{count} in turn"], taken[f"{count} together"]
        rates = [tokens[count] / np.median(times) for times in (turn, joint)]
        mib = memory[f"{count} together"]
        print(
            f"{count:>2}{turns.spread(turn):>26}{rates[0]:>8.0f}"
            f"{turns.spread(joint):>26}{rates[1]:>8.0f}{mib:>8.1f}"
        )
        name = f"K = {count}: one program against {count} in turn"
        detail = f"{rates[1]:.0f} tokens/s, {mib:.1f} MiB a replica"
        figures.append(turns.Figure(name, turns.ratio(turn, joint), detail=detail))
    print(f"one program alone holds {memory['1 in turn']:.1f} MiB")
    return figures


def main() -> None:
    options = turns.parser(__doc__, rounds=7).parse_args()
    ways, tokens, memory = ways_of([settings(seed) for seed in range(max(COUNTS))])
    for _ in range(2):
        for way in ways.values():
            jax.block_until_ready(way())
    taken = turns.in_turns(ways, options.rounds)
    turns.finish("replicas", table(taken, tokens, memory), options.json)


if __name__ == "__main__":
    main()
