"""Plot how a trained run aligns a sentence.

    python -m experiments.align --run=runs/luong/local-p-general/0 \\
        --source="the house met at two"

Without --target the run translates the sentence and shows where it looked while doing
so; with --target that translation is forced.
"""

import argparse
import sys
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
    from attnlab.training.start import prepare_process

    prepare_process()
    import attnlab
    from attnlab.tasks.translation.trained import TrainedTranslation

    try:
        run = attnlab.load(options.run)
        if not isinstance(run, TrainedTranslation):
            task = run.settings.task
            raise ValueError(f"{options.run} is a run of {task}, not of translation")
        if options.target:
            pair = run.align(options.source, options.target, kind=options.kind)
        elif options.kind == "posterior":
            raise ValueError("--kind=posterior needs a --target")
        else:
            pair = run.translate(options.source, beams=options.beams)
        written = pair.plot(options.out, title=options.title, font=options.font)
    except (FileNotFoundError, ValueError) as error:
        print(f"align: {error}", file=sys.stderr)
        return 2
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
    parser.add_argument("--run", type=path, required=True, help="a run folder")
    parser.add_argument("--source", required=True, help="words, split at blanks")
    parser.add_argument("--target", default="", help="a translation to force")
    parser.add_argument(
        "--kind",
        choices=("prior", "posterior"),
        default="prior",
        help="the attention's weights, or those after reading the target word",
    )
    parser.add_argument("--beams", type=int, help="of the search; the run's by default")
    parser.add_argument("--title", default="", help="printed above the plot")
    parser.add_argument(
        "--font", type=text, help="font family of the plot, for CJK words"
    )
    parser.add_argument(
        "--out", type=path, default=Path("alignment.png"), help=".png, .pdf, or both"
    )
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "align"))
