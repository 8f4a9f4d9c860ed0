"""AER, precision and recall of a trained translation run, or of two opposite ones.

    python -m experiments.evaluate --run=runs/hansards/global-general/0 \\
        --reverse=runs/hansards-en-fr/global-general/0 --baseline=eflomal

Prints AER, precision and recall on every gold set of the run's corpus, and on its pairs
of at most 20 source words: by the attention's own weights (prior), after reading the
target word too (posterior), the other direction's links reversed, and both directions
combined. --baseline adds a statistical aligner trained on the same text.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.arguments import Parser, path, text

if TYPE_CHECKING:
    from attnlab.text.pairs import Corpus


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table for each gold set.

    Args:
      argv: of the command line; None: this process's.

    Returns:
      Exit status: 0, or 2 with one line about what is wrong.
    """
    options = _parser().parse_args(argv)
    from attnlab.training.start import prepare_process

    prepare_process()
    import attnlab
    from attnlab.tasks.translation.data import unknown_words
    from attnlab.tasks.translation.evaluate_alignment import Direction, compare, render
    from attnlab.tasks.translation.trained import TrainedTranslation
    from experiments.configs import last_line

    places = dict(options.place)

    def load(folder: Path) -> TrainedTranslation:
        run = attnlab.load(folder, places=places if folder == options.run else None)
        if not isinstance(run, TrainedTranslation):
            raise ValueError(
                f"{folder} is a run of {run.settings.task}, not of translation"
            )
        return run

    try:
        run = load(options.run)
        reverse = load(options.reverse) if options.reverse else None
        corpus = run.settings.data.load()
        if reverse is not None:
            other = reverse.settings.data.load()
            languages = (corpus.source_language, corpus.target_language)
            if (other.target_language, other.source_language) != languages:
                raise ValueError(
                    f"--run translates {' to '.join(languages)}, so --reverse must "
                    f"translate back; it goes from {other.source_language} to "
                    f"{other.target_language}"
                )
        for each, of in ((run, "--run"), (reverse, "--reverse")):
            if each is not None:
                gold = gold_of(corpus, turned=each is reverse)
                codecs = each.translator.source, each.translator.target
                for line in unknown_words(gold, *codecs):
                    last_line(f"{of}: {line}")
        tables = compare(
            corpus.gold,
            Direction(run.translator, run.params),
            Direction(reverse.translator, reverse.params) if reverse else None,
            corpus.train,
            options.baseline,
        )
        for name, scores in tables.items():
            print(render(name, scores))
        last_line(f"of the run in {options.run}; no file was written")
    except (FileNotFoundError, ValueError, ImportError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0


def gold_of(corpus: "Corpus", turned: bool) -> "Corpus":
    """The gold sets of a corpus without its other texts.

    Args:
      corpus: of a run.
      turned: for a model that translates back: source and target change places.

    Returns:
      The corpus.
    """
    gold = corpus.gold
    if turned:
        gold = {
            name: [
                pair._replace(source=pair.target, target=pair.source) for pair in pairs
            ]
            for name, pairs in gold.items()
        }
    return corpus._replace(train=[], dev=[], test=[], gold=gold)


def _place(text: str) -> tuple[str, str]:
    name, equals, files = text.partition("=")
    if not (name and equals and files):
        raise argparse.ArgumentTypeError(f"{text!r} is not SETTING=FILES")
    return name, files


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=path, required=True, help="a run folder")
    parser.add_argument(
        "--place",
        action="append",
        default=[],
        metavar="SETTING=FILES",
        type=_place,
        help="where the run's files are now: data.files.gold=new/a,new/b; repeatable",
    )
    parser.add_argument(
        "--reverse", type=path, help="a run of the same corpus the other way round"
    )
    parser.add_argument(
        "--baseline",
        type=text,
        metavar="MODEL",
        help="eflomal, fast_align, hmm, ibm1 or ibm2: takes minutes on a large corpus",
    )
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "evaluate"))
