"""Write the report of a sweep from its run folders and print its table.

    python -m experiments.report --runs=runs/luong
    python -m experiments.report --runs=runs/deng2018 \\
        --order="exact marginal <= soft <= hard, enumerated"
    python -m experiments.report --runs=runs/widths --x=model.half_width

runs/luong/report/index.html is a page to open in a browser; beside it are its data, the
same as report.md, tables, summary.csv and figures. A sweep may still be running: the
report covers what is there and says what is missing.
"""

import argparse
import sys
from collections.abc import Sequence

from experiments.arguments import Parser, path, text


def main(argv: Sequence[str] | None = None) -> int:
    """Write a report and print its table.

    Args:
      argv: the program's arguments; those of the command line by default.

    Returns:
      Exit status: 0, or 2 with one line about what is not there: a folder, a row, a
      column, a setting.
    """
    arguments = _parser().parse_args(argv)
    from attnlab.report.report import write_report
    from experiments.configs import wrote

    try:
        written = write_report(
            arguments.runs,
            baseline=arguments.baseline,
            chain=arguments.order,
            chain_by=arguments.order_by,
            folder=arguments.out,
            font=arguments.font,
            also=arguments.also,
            columns=arguments.columns,
            x=arguments.x,
        )
    except (FileNotFoundError, ValueError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    table = next(path for path in written if path.name == "table.txt")
    print(table.read_text(encoding="utf-8"))
    print(wrote(written))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--runs", type=path, required=True, help="folder of a sweep, or of several"
    )
    parser.add_argument(
        "--baseline",
        type=text,
        metavar="ROW",
        help="row to test the others against, by default the best of each column",
    )
    parser.add_argument(
        "--order",
        type=text,
        metavar='"ROW <= ROW <= ..."',
        help="check that the scores of rows are in this order, pair by pair",
    )
    parser.add_argument(
        "--order-by",
        choices=("perplexity", "bleu", "aer", "error_rate", "accuracy"),
        default="perplexity",
        help="score that --order is about (%(default)s)",
    )
    parser.add_argument(
        "--also",
        default=[],
        metavar="SCORE,SCORE",
        type=lambda value: text(value).split(","),
        help="further columns: chrf, ter, of the translations that runs have written",
    )
    parser.add_argument(
        "--columns",
        metavar="COLUMN,COLUMN",
        type=lambda value: [name.strip() for name in text(value).split(",")],
        help="columns of the tables and the page, by title or as in summary.csv",
    )
    parser.add_argument(
        "--x",
        type=text,
        metavar="SETTING",
        help="draw every score against a setting that varies: model.half_width",
    )
    parser.add_argument("--out", type=path, help="where to write; RUNS/report if unset")
    parser.add_argument(
        "--font", type=text, help="font family of the figures, for CJK words"
    )
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "report"))
