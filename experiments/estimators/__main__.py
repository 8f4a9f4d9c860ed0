"""Measure bias, variance and seconds of every gradient estimator on a fixed model.

    python -m experiments.estimators                 # about five minutes on two cores
    python -m experiments.estimators --only="reinforce soft" --samples=40_000

The model is small enough to enumerate what the estimators estimate, and has learned for
a while: its attention is neither uniform nor sure. Prints a line an estimator, the
variance against the samples K of a gradient, and whether both are as theory says. The
same is written to OUT/table.txt and table.md, all numbers to OUT/estimators.csv, and
variance against K is drawn in OUT/figures.

What theory says of the soft and the self-critical baseline is no law: the best baseline
is near the rewards of unlikely positions, whose gradients are large, and these stay low
when the likely ones have learned. After the 60 updates that are the default (perplexity
about 4) both are less noisy than a constant with either feed, for seeds 0 to 3, though
once within the error. After 100 (2.7) that is so with expected feed; with sampled feed
for seed 0 alone. After 300 (1.1, seed 0) it is so with neither.

Nor need the bias of straight-through Gumbel fall with its temperature: it does after
100 updates of seed 0, but after 60 it rises with sampled feed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from attnlab.tasks.translation.settings import TranslationSettings

SETTINGS: dict[str, object] = {
    "data.edges": (5,),
    "data.synthetic.train": 2_000,
    "data.synthetic.dev": 8,
    "data.synthetic.test": 8,
    "data.synthetic.words": 12,
    "data.synthetic.lengths": (3, 4),
    "data.synthetic.one_to_many": 0.0,
    "data.synthetic.many_to_one": 0.0,
    "data.synthetic.null_target": 0.0,
    "data.synthetic.ambiguity": 0.3,
    "model.read": "hard",
    "model.cell": "gru",
    "model.encoder": "uni",
    "model.embedding": 16,
    "model.hidden": 16,
    "model.attention_hidden": 16,
    "model.readouts": 16,
    "estimator.learning": "reinforce",  # each estimator brings its own
    "train.batch_size": 32,
    "train.learning_rate": 5e-3,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write.

    Args:
      argv: flags; those of the command line by default.

    Returns:
      Exit status: 0, or 2 with one line on stderr about what is wrong.
    """
    options = _parser().parse_args(argv)
    from attnlab.training.start import prepare_process

    try:
        prepare_process()
        written = _measure(options)
    except (OSError, ValueError) as error:
        print(f"estimators: {error}", file=sys.stderr)
        return 2
    table = next(path for path in written if path.name == "table.txt")
    print(table.read_text(encoding="utf-8"))
    print("wrote " + ", ".join(map(str, written)))
    return 0


def settings(seed: int = 0, steps: int = 60) -> "TranslationSettings":
    """The settings of the fixed model.

    Args:
      seed: of the model, its batches and the samples.
      steps: updates that it has learned for.

    Returns:
      Checked settings.

    Raises:
      ValueError: for values that are out of range.
    """
    from attnlab.parsing import parse
    from attnlab.tasks.translation.settings import TranslationSettings
    from configs.translation import get_config

    config = get_config()
    config.update_from_flattened_dict(SETTINGS | {"seed": seed, "train.steps": steps})
    return parse(TranslationSettings, config.to_dict())


def _measure(options: argparse.Namespace) -> list[Path]:
    """The files written."""
    from attnlab.report import figures
    from attnlab.runs import write_bytes
    from experiments.estimators import gradients, setup, statistics, tables

    size = gradients.group_size(options.samples)
    chosen = [item for item in setup.ESTIMATORS if options.only in item.name]
    if not chosen:
        words = dict.fromkeys(w for e in setup.ESTIMATORS for w in e.name.split())
        raise ValueError(
            f"no estimator's name contains {options.only!r}; names are made of "
            f"{', '.join(words)}, as is {setup.ESTIMATORS[0].name!r}"
        )
    curves = {
        item: [item._replace(samples=count) for count in setup.COUNTS]
        for item in setup.OVER_SAMPLES
        if item in chosen
    }
    every = list(dict.fromkeys([*chosen, *sum(curves.values(), [])]))
    model_settings = settings(options.seed, options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    fixed = setup.make_fixed_model(model_settings)
    with _progress() as progress:
        bar = progress.add_task("", total=gradients.work(every))
        groups = gradients.sample_all(
            fixed,
            every,
            options.samples,
            lambda what: progress.update(bar, advance=1, description=what),
        )
    measurements = {item: statistics.measured(some) for item, some in groups.items()}
    parts = tables.page(fixed, gradients.GROUPS * size, chosen, curves, measurements)
    written = {
        "table.txt": tables.text(parts),
        "table.md": tables.markdown(parts),
        "estimators.csv": tables.table_csv(measurements),
    }
    for name, content in written.items():
        write_bytes(options.out / name, content.encode())
    paths = [options.out / name for name in written]
    if curves:
        figure = figures.variance_by_samples(
            {
                item.baseline: [
                    (
                        e.samples,
                        measurements[e].variance,
                        measurements[e].variance_error,
                    )
                    for e in row
                ]
                for item, row in curves.items()
            }
        )
        stem = options.out / "figures" / "variance-by-samples"
        paths += figures.save(figure, stem)
    return paths


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal)


def _parser() -> argparse.ArgumentParser:
    from experiments.arguments import Parser

    parser = Parser(
        prog="python -m experiments.estimators",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=8_000,
        metavar="N",
        help="gradients of each estimator, at least 80 (%(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=60,
        metavar="N",
        help="updates that the fixed model has learned for (%(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the model, its batches and the samples (%(default)s)",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="measure only estimators whose name contains this text; a name is feed, "
        'learning, baseline and credit, as "sampled reinforce soft to-go", or '
        'feed, learning and temperature, as "expected gumbel 0.5"',
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/estimators"),
        metavar="FOLDER",
        help="where to write (%(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
