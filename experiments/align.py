"""Plot how trained runs align a sentence.

    python -m experiments.align --run=runs/luong/local-p-general/0 \\
        --source="the house met at two"
    python -m experiments.align --run=runs/luong/local-p-general/0 \\
        --run=runs/luong/global-dot/0 --gold=test --sentence=12 --out=figure.pdf

Without --target the run translates the sentence and shows where it looked while doing
so; with --target that translation is forced, as it must be of an aligner's run.

Several runs are drawn side by side: a sentence of a gold set that all have been tested
on (--sentence, counted from 1 as on the report's page), the gold links last, or
--source and --target. --sentence=3,12 makes a page of each. --size is that of a page.
"""

import argparse
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from experiments.arguments import Parser, path, text


def main(argv: Sequence[str] | None = None) -> int:
    """Align a sentence and plot it.

    Args:
      argv: the command line; this process's by default.

    Returns:
      The exit status: 0, or 2 with one line about what is wrong.
    """
    options = _parser().parse_args(argv)
    panel = len(options.run) > 1 or options.sentence or options.gold or options.size
    try:
        return _draw_panels(options) if panel else _draw_one(options)
    except (FileNotFoundError, ValueError) as error:
        print(f"align: {error}", file=sys.stderr)
        return 2


def _draw_panels(options: argparse.Namespace) -> int:
    """Variants side by side."""
    from experiments.align_panel import draw_panels

    for line in draw_panels(options):
        print(f"align: {line}", file=sys.stderr)
    print(f"wrote {options.out}")
    return 0


def _draw_one(options: argparse.Namespace) -> int:
    """A sentence of the user's own by one run."""
    (folder,) = options.run
    if options.source is None:
        raise ValueError("give --source, or --gold and --sentence")
    from experiments.run_folders import check_run

    check_run(folder)
    from attnlab import runs

    (run_here,) = runs.find(folder)
    if run_here.config.get("task") == "alignment":  # it translates nothing
        return _draw_panels(options)
    from attnlab.training.start import prepare_process

    prepare_process()
    import attnlab
    from attnlab.report import figures
    from attnlab.report.fonts import choose_fonts
    from attnlab.tasks.translation.trained import TrainedTranslation
    from experiments.align_words import unknown_words

    run = attnlab.load(folder)
    if not isinstance(run, TrainedTranslation):
        task = run.settings.task
        raise ValueError(f"{folder} is a run of {task}, not of translation")
    if options.target:
        pair = run.align(options.source, options.target, kind=options.kind)
    elif options.kind == "posterior":
        raise ValueError("--kind=posterior needs a --target")
    else:
        pair = run.translate(options.source, beams=options.beams)
    fonts = choose_fonts([*pair.source, *pair.target, options.title], options.font)
    with figures.font(fonts.families), warnings.catch_warnings():
        if fonts.missing:  # which is said below
            warnings.filterwarnings("ignore", "Glyph|.*has boxes for")
        written = pair.plot(options.out, title=options.title)
    lines = unknown_words(run, options.source, options.target)
    for line in [*lines, *filter(None, [fonts.advice()])]:
        print(f"align: {line}", file=sys.stderr)
    print(pair)
    for s, t in sorted(pair.links(), key=lambda link: link[::-1]):  # by target word
        print(f"  {pair.target[t]} - {pair.source[s]}  {pair.alignment[t, s]:.2f}")
    print("wrote " + ", ".join(map(str, written)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments.align",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--run",
        type=path,
        required=True,
        action="append",
        help="a run folder; repeat it for several side by side",
    )
    parser.add_argument("--source", help="words, split at blanks")
    parser.add_argument("--target", default="", help="a translation to force")
    parser.add_argument(
        "--kind",
        choices=("prior", "posterior"),
        default="prior",
        help="the attention's weights, or those after reading the target word",
    )
    parser.add_argument("--beams", type=int, help="of the search; the run's by default")
    parser.add_argument("--gold", type=text, help="a test set that runs have aligned")
    parser.add_argument(
        "--sentence",
        type=_numbers,
        action="extend",
        metavar="N,N,...",
        help="of the gold set, from 1; several are pages of one .pdf",
    )
    parser.add_argument("--title", default="", help="printed above the plot")
    parser.add_argument(
        "--size", type=_size, metavar="WxH", help="of a page, in inches, as 7x4.5"
    )
    parser.add_argument(
        "--font",
        type=text,
        help="font family of the plot; for letters that matplotlib's own lacks an "
        "installed one is chosen",
    )
    parser.add_argument(
        "--out", type=path, default=Path("alignment.png"), help=".png, .pdf or .svg"
    )
    return parser


def _numbers(value: str) -> list[int]:
    """Whole numbers with commas between them, as the `type` of an option."""
    if not all(part.strip().isdecimal() for part in value.split(",")):
        raise argparse.ArgumentTypeError(f"{value!r} is no number, nor a list of some")
    return [int(part) for part in value.split(",")]


def _size(value: str) -> tuple[float, float]:
    """Width and height, as the `type` of an option."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", value.strip())
    if not match or not all(0.5 <= float(part) <= 100 for part in match.groups()):
        problem = f"{value!r} is no size; write 7x4.5, of 0.5 to 100 inches"
        raise argparse.ArgumentTypeError(problem)
    return float(match[1]), float(match[2])


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "align"))
