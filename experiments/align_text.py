"""Align the words of two files, line by line.

    python -m experiments.align_text --source=a.fr --target=a.en --out=a.links

Two hidden Markov models, one a direction, learn from the text itself and to agree with
each other; then every line gets its links as Pharaoh, Moses and fast_align have them:
"0-0 1-2" links source word 0 to target word 0. Words are what stands between blanks.
The model stays in <out>.run and aligns more text by --run. The same command goes on
where it was stopped.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import line_files
from experiments.arguments import Parser, path

if TYPE_CHECKING:
    from attnlab.sweep.run_folders import RunSpec
    from attnlab.tasks.alignment.trained import AlignedPair, TrainedAligner

UPDATES, EPOCHS = 5_000, 30  # of training, whichever is less
WORDS = 2_048  # of a batch, padding among them
RARE = 50_000  # pairs from which on words that occur once or twice are not learned


def main(argv: Sequence[str] | None = None) -> int:
    """Train an aligner, or take one, and write the links of every line.

    Args:
      argv: of the command line; None: this process's.

    Returns:
      Exit status: 0, or 2 with one line about what is wrong.
    """
    options = _parser().parse_args(argv)
    options.possible = options.possible or options.sure
    from attnlab.training.start import prepare_process

    prepare_process()
    import attnlab
    from attnlab.tasks.alignment.trained import TrainedAligner
    from experiments.configs import last_line

    try:
        lines = _check(options)
        folder = options.run or _train(options, lines)
        run = attnlab.load(folder)
        if not isinstance(run, TrainedAligner):
            raise ValueError(f"{folder} is a run of {run.settings.task}, not alignment")
        _write(run, options, lines)
        if options.gold:
            print(_judge(options))
    except (ArithmeticError, MemoryError, OSError, RuntimeError, ValueError) as error:
        print(f"align_text: {error}", file=sys.stderr)
        return 2
    last_line(f"wrote {options.out}, {lines:,} lines; the model is in {folder}")
    return 0


def _check(options: argparse.Namespace) -> int:
    """The lines of the text; ValueError for what cannot be."""
    from attnlab.text.streams import parallel_lines

    if not 0 < options.possible <= options.sure <= 1:
        raise ValueError(
            f"--sure is {options.sure} and --possible {options.possible}; they must be "
            "above 0 and at most 1, and --possible not above --sure"
        )
    if options.weights and options.gold:
        raise ValueError("--gold scores plain links; leave out --weights")
    texts = [options.source, options.target, *filter(None, [options.gold])]
    line_files.check_new([options.out], texts)
    # Read once before anything is learned, so that a broken line costs seconds.
    return sum(1 for _ in parallel_lines(options.source, options.target))


def _train(options: argparse.Namespace, lines: int) -> Path:
    """The folder of a run on the text, trained if it is not yet."""
    from attnlab.sweep import rows
    from attnlab.training.run import run

    folder = options.out.with_name(options.out.name + ".run")
    spec = _spec(options, lines, folder)
    rows.write_folders(
        [spec], folder.parent, log=lambda line: print(line, file=sys.stderr)
    )
    run(folder)
    return folder


def _spec(options: argparse.Namespace, lines: int, folder: Path) -> "RunSpec":
    """The run that is trained: the longer the text, the fewer times it is read."""
    from attnlab.parsing import config_dict
    from attnlab.sweep import rows
    from attnlab.tasks.alignment.settings import AlignmentSettings
    from attnlab.text.files import files

    config = config_dict(AlignmentSettings())
    paths = f"{options.source.absolute()},{options.target.absolute()}"
    words = sum(
        len(pair.source) + len(pair.target) for pair in files(train=paths).train
    )
    batches = max(1, words // WORDS)
    steps = options.steps or max(100, min(UPDATES, EPOCHS * batches))
    values = {
        "data.name": "files",
        "data.files.train": paths,
        "data.min_count": 3 if lines >= RARE else 1,
        "train.steps": steps,
        "train.evaluate_every": -(-steps // 2),
        "train.token_budget": WORDS,
        "wandb.mode": "disabled",
        "seed": options.seed,
    }
    resolved = rows.resolve(config, values)
    return rows.make_run_spec(resolved, Path(folder.name), "aligner", "aligner")


def _write(run: "TrainedAligner", options: argparse.Namespace, lines: int) -> None:
    """The links of every line, beside and then under the final name."""
    asked = (options.sure, options.possible, options.weights)
    model = (str(run.folder.absolute()), run.step)
    texts = [options.source, options.target]
    parts = line_files.Parts([options.out], texts, (model, asked))
    line_files.say_done(parts.done, lines, "aligned")
    pairs = _aligned(run, options, parts.done)
    pairs = line_files.watched(pairs, parts.done, lines, "aligned")
    parts.write([_line(pair, options) + "\n"] for pair in pairs)


def _aligned(
    run: "TrainedAligner", options: argparse.Namespace, done: int
) -> Iterator["AlignedPair"]:
    from attnlab.text.pairs import Pair
    from attnlab.text.streams import parallel_lines
    from attnlab.text.words import split_words

    pairs = (
        Pair(tuple(split_words(source)), tuple(split_words(target)))
        for source, target in parallel_lines(options.source, options.target)
    )
    return run.align_all(islice(pairs, done, None))


def _line(pair: "AlignedPair", options: argparse.Namespace) -> str:
    from attnlab.metrics.links import reverse
    from attnlab.text.links import format_pharaoh

    sure, possible = pair.links(options.sure), pair.links(options.possible)
    if not options.weights:
        return format_pharaoh(reverse(sure), reverse(possible))
    weights = pair.alignment
    return " ".join(
        f"{s}{'-' if (s, t) in sure else '?'}{t}:{weights[t, s]:.3f}"
        for s, t in sorted(possible)
    )


def _judge(options: argparse.Namespace) -> str:
    """AER, precision and recall of what was written."""
    from attnlab.metrics.alignment_error_rate import corpus_agreement
    from attnlab.text.links import read_pharaoh

    gold = read_pharaoh(options.gold)
    links = [sure for sure, _ in read_pharaoh(options.out)]
    if len(gold) != len(links):
        raise ValueError(
            f"{options.gold} has {len(gold)} lines, {options.out} {len(links)}"
        )
    pooled = corpus_agreement(links, gold)
    return (
        f"AER {pooled.aer:.4f}  precision {pooled.precision:.4f}  "
        f"recall {pooled.recall:.4f}  ({len(gold):,} lines)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments.align_text",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", type=path, required=True, help="text, or its .gz")
    parser.add_argument("--target", type=path, required=True, help="its translation")
    parser.add_argument("--out", type=path, required=True, help="where links go")
    parser.add_argument("--run", type=path, help="an aligner to use, not trained anew")
    parser.add_argument(
        "--sure",
        type=float,
        default=0.5,
        help="mean posterior from which on a link is written as s-t (0.5)",
    )
    parser.add_argument(
        "--possible",
        type=float,
        help="from which on it is written as s?t; by default as --sure: none are",
    )
    parser.add_argument(
        "--weights", action="store_true", help="write s-t:0.987, the mean posterior"
    )
    parser.add_argument("--gold", type=path, help="Pharaoh links to be scored against")
    parser.add_argument("--steps", type=int, help="updates of the training")
    parser.add_argument("--seed", type=int, default=0, help="of the training (0)")
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "align_text"))
