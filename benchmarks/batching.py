"""How much of an epoch is padding, and whether an update ever waits for its batch.

    python -m benchmarks.batching [--rounds 3] [--updates 10]

Needs Multi30k and the Hansards in the data folder (ATTNLAB_DATA). The updates are those
of configs/multi30k.py at full width, in its two commonest shapes; those whose batches
are made in the loop and those whose batches lie ready take turns.
"""

import functools
import os
import time

import jax

from attnlab.estimators.objective import initial_estimator_state, make_loss
from attnlab.nn.init_params import init_params
from attnlab.parsing import parse
from attnlab.tasks.translation import data
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import build_model
from attnlab.text import padding
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import init_state, train_step
from benchmarks import turns
from configs import multi30k
from configs.ablations import hansards


def prepared(config):
    """(settings, pairs as ids, vocabulary sizes) of a configuration."""
    settings = parse(TranslationSettings, config.to_dict())
    corpus = settings.data.load()
    source, target = data.make_codecs(settings, corpus)
    pairs_ids = data.training_pairs(settings, corpus, source, target)
    return settings, pairs_ids, (source.size, target.size)


def paddings(name, settings, pairs_ids, bounded=True):
    """Figures of a text: padding with 6 shapes, with 8, and in random batches."""
    lengths = padding.lengths_of(pairs_ids)
    for most in (6, 8):
        section = settings.data.model_copy(update={"shapes": most})
        batches = data.make_batches(
            settings.model_copy(update={"data": section}), pairs_ids
        )
        yield turns.Figure(
            f"padding, {name}, {len(batches.shapes)} shapes",
            100 * batches.waste,
            "%",
            "<= 12" if bounded and most == 8 else "",
            f"of {len(batches)} batches; {batches.dropped} pairs left out",
        )
    yield turns.Figure(f"shapes, {name}", len(batches.shapes), "", "<= 8")
    fitting = lengths[(lengths <= batches.longest).all(axis=1)]
    waste = padding.random_waste(fitting, round(len(fitting) / len(batches)))
    yield turns.Figure(f"padding, {name}, random batches", 100 * waste, "%")


def loader(settings, pairs_ids, sizes, updates, rounds):
    """Figures of the loop: the share of time in `batches.at`, and what waits for it."""
    batches = data.make_batches(settings, pairs_ids)
    model = build_model(settings, *sizes)
    loss = make_loss(model, settings)
    schedule = make_schedule(settings.train, len(batches))
    tx = make_optimizer(settings.train, schedule)
    update = jax.jit(functools.partial(train_step, loss=loss, tx=tx), donate_argnums=0)
    init = functools.partial(init_params, model)
    estimator_state = initial_estimator_state()
    state = jax.jit(functools.partial(init_state, init, tx, estimator_state, 0))()

    common = sorted(batches.counts, key=lambda shape: -batches.counts[shape])[:2]
    steps = [
        step
        for step in range(len(batches))
        if (*batches.at(step).source.shape, batches.at(step).target.shape[1]) in common
    ][:updates]
    ready = {step: batches.at(step) for step in steps}
    making: list[float] = []

    def made(step):
        start = time.perf_counter()
        batch = batches.at(step)
        making.append(time.perf_counter() - start)
        return batch

    def run(batch_of):
        nonlocal state
        for step in steps:
            state, _ = update(state, batch_of(step))
        return state.params

    jax.block_until_ready(run(ready.get))  # compiles
    ways = {"ready": lambda: run(ready.get), "made": lambda: run(made)}
    taken = turns.in_turns(ways, rounds)
    for way, seconds in taken.items():
        print(f"{updates} updates, batches {way:<6} {turns.spread(seconds)}")
    detail = f"{1000 * sum(making) / len(making):.3g} ms a batch of the update's "
    detail += f"{1000 * sum(taken['made']) / len(making):.4g}"
    share = 100 * sum(making) / sum(taken["made"])
    yield turns.Figure("loader's share of the wall time", share, "%", "<= 2", detail)
    over = turns.ratio(taken["made"], taken["ready"])
    yield turns.Figure(
        "updates, batches made in the loop over ready", over, detail="near 1: no wait"
    )


def main():
    parser = turns.parser(__doc__, rounds=3)
    parser.add_argument("--updates", type=int, default=10, help="updates of a turn")
    options = parser.parse_args()
    folder = turns.data_folder()
    if folder is None:
        raise SystemExit("there is no folder of corpora; set ATTNLAB_DATA")
    os.environ["ATTNLAB_DATA"] = str(folder)
    text = prepared(multi30k.get_config())
    figures = list(paddings("Multi30k", *text[:2]))
    french = hansards.get_config()
    glued = prepared(french)
    french.data.join = 0.0
    figures += paddings("Hansards", *prepared(french)[:2])
    figures += paddings("Hansards, half glued in twos", *glued[:2], bounded=False)
    figures += loader(*text, options.updates, options.rounds)
    turns.finish("batching", figures, options.json)


if __name__ == "__main__":
    main()
