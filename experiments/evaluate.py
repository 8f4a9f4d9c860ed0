"""AER, precision and recall of trained translation runs and aligners.

    python -m experiments.evaluate --run=runs/hansards/global-general/0 \\
        --reverse=runs/hansards-en-fr/global-general/0 --baseline=eflomal
    python -m experiments.evaluate --baseline=eflomal,fast_align,hmm \\
        --run=runs/alignment/full/0,runs/alignment/full/1,runs/alignment/full/2
    python -m experiments.evaluate --source-file=a.de --target-file=a.en,second.en \\
        --run=runs/multi30k/general/0 --hypotheses=Moses=moses.en
    python -m experiments.evaluate --gold-file=gold --links=fast_align=links

Prints AER, precision and recall on every gold set of the run's corpus, and on its pairs
of at most 20 source words. Of a translation run: by the attention's own weights
(prior), after reading the target word too (posterior), the other direction's links
reversed, and both directions combined. Of an aligner: each direction, both combined,
and links by the mean of both posteriors, which p tests the other rows against (paired
bootstrap over sentences; seeds are pooled). --baseline adds statistical aligners
trained on the same text, --links the links that any other aligner has written.

With files of text (--source-file, --target-file, --gold-file) it prints one table of
them instead: BLEU, chrF and TER of runs and of --hypotheses, perplexity of the first
target file under each run, AER of runs and of --links, and p against the first row.
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
    from attnlab.metrics import statistical_aligners
    from attnlab.tasks.alignment.trained import TrainedAligner
    from experiments import evaluate_aligners
    from experiments.configs import last_line

    try:
        if _asks_for_text(options):
            return _evaluate_text(options)
        if options.baseline:  # an unknown name costs nothing
            statistical_aligners.check(options.baseline)
        places = dict(options.place)
        loaded = [attnlab.load(folder, places=places) for folder in options.run]
        if all(isinstance(run, TrainedAligner) for run in loaded):
            if options.reverse:
                raise ValueError("an aligner has both directions: leave out --reverse")
            evaluate_aligners.evaluate(
                loaded, options.baseline, options.links, options.out
            )
        else:
            _evaluate_translation(loaded, options)
        written = f"; {options.out} was written" if options.out else ""
        runs = ", ".join(map(str, options.run))
        last_line(f"of the run in {runs}{written}")
    except (FileNotFoundError, ValueError, ImportError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0


def _asks_for_text(options: argparse.Namespace) -> bool:
    """Whether files are named; ValueError for what only they have a use for."""
    files = (options.source_file, options.target_file, options.gold_file)
    if any(files) or options.hypotheses:
        return True
    if not options.run:
        raise ValueError("give --run, or files: --source-file, --target-file ...")
    if options.beams is not None or options.lowercase or options.tokenize != "none":
        raise ValueError("--beams, --tokenize and --lowercase need a --target-file")
    return False


def _evaluate_text(options: argparse.Namespace) -> int:
    """Print the table of files; the exit status."""
    import attnlab
    from experiments import evaluate_text
    from experiments.configs import last_line

    places = dict(options.place)
    loaded = [attnlab.load(folder, places=places) for folder in options.run]
    evaluate_text.evaluate(loaded, options)
    if options.out:
        last_line(f"{options.out} was written")
    return 0


def _evaluate_translation(
    loaded: Sequence[object], options: argparse.Namespace
) -> None:
    """Print the tables of a translation run, and of one that translates back."""
    import attnlab
    from attnlab.tasks.translation.data import unknown_words
    from attnlab.tasks.translation.evaluate_alignment import (
        Direction,
        agreement,
        as_tsv,
        compare,
        render,
    )
    from attnlab.tasks.translation.trained import TrainedTranslation
    from attnlab.text.pairs import SHORT
    from experiments.configs import last_line
    from experiments.evaluate_aligners import links_of_files

    def checked(run, folder: Path) -> TrainedTranslation:
        if not isinstance(run, TrainedTranslation):
            raise ValueError(
                f"{folder} is a run of {run.settings.task}, not of translation"
            )
        return run

    run, *more = map(checked, loaded, options.run)
    if more:
        raise ValueError(
            "several runs are pooled of aligners alone; give --source-file and "
            "--target-file for a table of several"
        )
    if options.out is not None and not options.out.parent.is_dir():
        raise ValueError(f"--out: no folder {options.out.parent}")
    back = options.reverse
    reverse = checked(attnlab.load(back), back) if back else None
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
    # Files first: what is wrong with them is noticed before anything is computed.
    others = links_of_files(options.links, corpus.gold)
    for each, name in ((run, "--run"), (reverse, "--reverse")):
        if each is not None:
            gold = gold_of(corpus, turned=each is reverse)
            codecs = each.translator.source, each.translator.target
            for line in unknown_words(gold, *codecs):
                last_line(f"{name}: {line}")
    tables = compare(
        corpus.gold,
        Direction(run.translator, run.params),
        Direction(reverse.translator, reverse.params) if reverse else None,
        corpus.train,
        options.baseline,
    )
    for name, rows in others.items():
        pairs = corpus.gold[name]
        for row, links in rows.items():
            every = agreement(links, pairs)
            tables[name][row] = every, agreement(links, pairs, longest=SHORT)
    for name, scores in tables.items():
        print(render(name, scores))
    if options.out is not None:
        options.out.write_text(as_tsv(tables), encoding="utf-8")


def _folders(value: str) -> list[Path]:
    # A folder's own name may have a comma.
    whole = Path(value).exists()
    return [path(part) for part in ([value] if whole else value.split(","))]


def _names(value: str) -> list[str]:
    return [text(part) for part in value.split(",")]


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
    parser.add_argument(
        "--run",
        type=_folders,
        default=[],
        help="a run folder; of aligners several: FOLDER,FOLDER differ in their seeds",
    )
    parser.add_argument(
        "--source-file", type=path, help="text to be translated or aligned, or its .gz"
    )
    parser.add_argument(
        "--target-file",
        action="extend",
        default=[],
        metavar="FILE,FILE",
        type=_folders,
        help="its references, several with commas or repeated; the first is aligned",
    )
    parser.add_argument(
        "--gold-file",
        type=text,
        metavar="FILE",
        help="Pharaoh links of source and first target; options appended as of --links",
    )
    parser.add_argument(
        "--hypotheses",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        type=text,
        help="translations of --source-file by anything, to be scored; repeatable",
    )
    parser.add_argument(
        "--beams", type=int, help="of the runs' search, for --target-file"
    )
    parser.add_argument(
        "--tokenize",
        default="none",
        choices=("none", "13a", "intl", "char", "zh"),
        help="sacrebleu's tokenizer for BLEU, for --target-file (none)",
    )
    parser.add_argument(
        "--lowercase", action="store_true", help="ignore case, for --target-file"
    )
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
        default=[],
        metavar="MODEL,MODEL",
        type=_names,
        help="eflomal, fast_align, hmm, ibm1 or ibm2: takes minutes on a large corpus",
    )
    parser.add_argument(
        "--links",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="links of another aligner for a gold set: Pharaoh (source-target, from 0, "
        "a line a pair) or WPT (pair source target, from 1); append ,target-first ,odd "
        "(gold pairs are every other line) ,from-1 or ,gold=SET; repeatable",
    )
    parser.add_argument(
        "--out", type=path, help="write the tables as tab-separated columns, too"
    )
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "evaluate"))
