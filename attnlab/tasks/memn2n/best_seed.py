"""Of every row the seed that learned its training questions best.

    python -m attnlab.tasks.memn2n.best_seed runs/babi
    python -m attnlab.tasks.memn2n.best_seed runs/babi --by dev_loss

Restarts are chosen by what they did in training, never by the test set: Sukhbaatar et
al. 2015 report the best of ten by training error.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from attnlab import runs
from attnlab.report.rows import Row, group
from attnlab.runs import Run

BY = "train_loss"


def best_of(row: Row, by: str = BY) -> Run | None:
    """The finished run with the least loss.

    Args:
      row: the restarts of a model.
      by: train_loss or dev_loss.

    Returns:
      The run, the first of several; None where none has finished.

    Raises:
      ValueError: for a score of the test set, and for a run that has no such number.
    """
    if not by.startswith(("train_", "dev_")) or not by.endswith("loss"):
        raise ValueError(f"restarts are chosen by train_loss or dev_loss, not {by!r}")
    for run in row.finished:
        if not isinstance((run.result or {}).get(by), int | float):
            raise ValueError(f"{run.folder} has no {by} in its result")
    return min(row.finished, key=lambda run: _number(run, by), default=None)


def table(rows: Sequence[Row], by: str = BY) -> str:
    """The best runs' test errors as a table in Markdown.

    Args:
      rows: of a sweep.
      by: train_loss or dev_loss, which restarts are chosen by.

    Returns:
      A line a row, and the mean over rows.
    """
    head = (
        "| row | restarts | error % | pointing | weight on facts | of all restarts |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    )
    lines, errors = [], []
    for row in rows:
        best = best_of(row, by)
        if best is None:
            lines.append(f"| {row.name} | 0 | — | — | — | — |")
            continue
        every = [100 * (1 - _number(run, "accuracy")) for run in row.finished]
        error = 100 * (1 - _number(best, "accuracy"))
        errors.append(error)
        spread = f"{min(every):.1f} to {max(every):.1f}"
        columns = " | ".join(_text(best, key) for key in ("pointing", "mass_on_gold"))
        lines.append(
            f"| {row.name} | {len(every)} | {error:.1f} | {columns} | {spread} |"
        )
    if errors:
        mean, failed = sum(errors) / len(errors), sum(error > 5 for error in errors)
        lines.append(f"| mean; rows above 5 % | | {mean:.1f}; {failed} | | | |")
    return "\n".join((*head, *lines)) + "\n"


def _number(run: Run, key: str) -> float:
    return float((run.result or {})[key])


def _text(run: Run, key: str) -> str:
    value = (run.result or {}).get(key)
    return f"{value:.3f}" if isinstance(value, int | float) else "—"


def main(argv: Sequence[str] | None = None) -> int:
    """The program.

    Args:
      argv: its arguments; None are those of the command line.

    Returns:
      Exit status: 0, or 2 with one line about what is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m attnlab.tasks.memn2n.best_seed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", type=Path, help="a sweep's folder")
    parser.add_argument("--by", default=BY, help="train_loss or dev_loss")
    options = parser.parse_args(argv)
    try:
        print(table(group(runs.find(options.runs)), options.by), end="")
    except (FileNotFoundError, ValueError) as error:
        print(f"best_seed: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
