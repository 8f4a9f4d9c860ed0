"""A Table as text, Markdown and LaTeX (booktabs), laid out by tabulate."""

import math
import re
import textwrap
from collections.abc import Callable

from attnlab.report.marks import DAGGER, RING
from attnlab.report.table import Column, Table, TableCell, TableLine

# What LaTeX would read as a command, and as a character of another kind.
LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "—": "---",
    DAGGER: r"$^\dagger$",
    RING: r"$^\circ$",
}

NOTHING = TableCell(math.nan, math.nan, 0)  # of a row without a number


def text(table: Table, *, width: int = 100) -> str:
    """The table for a terminal.

    Args:
      table: to print.
      width: columns at which sentences fold. The table itself is as wide as it has to
        be: a number without its last digits is another number.

    Returns:
      Lines, the best of a column marked *, with the notes below.
    """

    def cell(number: str, cell: TableCell | None, column: Column) -> str:
        if not column.better:
            return number
        # Room for both marks in every cell, so that the numbers of a column line up.
        best, mark = (cell.best, cell.mark) if cell else (False, "")
        return f"{number}{'*' * best + mark:2}"

    failures = [f"{line.name}  {line.failure}" for line in table.lines]
    printed = _printed(table, "simple", 2, str, cell, failures)
    below = [textwrap.fill(line, width) for line in sentences(table, "marked *")]
    folded = [
        textwrap.fill(row, width) if line.failure else row
        for line, row in zip(table.lines, printed[2:], strict=True)
    ]
    lines = [*printed[:2], *folded, "", *below]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def markdown(table: Table) -> str:
    """The table in Markdown.

    Args:
      table: to print.

    Returns:
      Lines, the best of a column in bold, with the notes below.
    """

    def cell(number: str, cell: TableCell | None, column: Column) -> str:
        del column
        number = f"**{number}**" if cell and cell.best else number
        return f"{number} {cell.mark}" if cell and cell.mark else number

    empty = " |" * (len(table.columns) - 1)
    failures = [
        f"| {_markdown(line.name)} | {_markdown(line.failure)} |{empty}"
        for line in table.lines
    ]
    printed = _printed(table, "pipe", 2, _markdown, cell, failures)
    below = map(_markdown, sentences(table, "in bold"))
    return "\n\n".join(["\n".join(printed), *below]) + "\n"


def latex(table: Table) -> str:
    """The table as a LaTeX tabular for `\\usepackage{booktabs}`.

    Args:
      table: to print; columns that are not for papers are left out.

    Returns:
      The tabular, the best of a column in bold, and the notes as small print below it.
    """

    def cell(number: str, cell: TableCell | None, column: Column) -> str:
        del column
        if cell and cell.best:
            # \boldmath, because \textbf leaves the ± of math mode thin
            number = f"\\textbf{{\\boldmath {number}}}"
        if not cell or not cell.mark:
            return number
        # \rlap takes no room, so that numbers still line up at the right.
        return f"{number}\\rlap{{{_latex(cell.mark)}}}"

    printed_columns = tuple(column for column in table.columns if column.latex)
    table = table._replace(columns=printed_columns)
    span = f"\\multicolumn{{{len(table.columns)}}}{{l}}"
    failures = [
        f"{_latex(line.name)} & {span}{{\\emph{{{_latex(line.failure)}}}}} \\\\"
        for line in table.lines
    ]
    printed = _printed(table, "latex_raw", 4, _latex, cell, failures)
    for rule, place in (("\\toprule", 1), ("\\midrule", 3), ("\\bottomrule", -2)):
        printed[place] = rule  # for tabulate's \hline
    below = _latex(" ".join(sentences(table, "in bold")))
    small = ["", "\\smallskip", f"{{\\footnotesize {below}\\par}}"]
    return "\n".join(["% needs \\usepackage{booktabs}", *printed, *small]) + "\n"


def csv(table: Table) -> str:
    """The table as comma-separated values, with the p-values behind its marks.

    Args:
      table: to print.

    Returns:
      A heading and a line a row. Of a column "AER": "AER", "AER spread", "AER seeds",
      and where it was tested "AER p sentences", "AER p seeds and sentences" and
      "AER mark". Numbers are those of the table, unrounded; what there is not is empty.
    """
    import pandas

    tested = {
        key
        for line in table.lines
        for key, cell in line.cells.items()
        if cell.p_value is not None
    }
    records = []
    for line in table.lines:
        if line.failure:
            continue
        record: dict[str, object] = {"row": line.name}
        for column in table.columns:
            cell, title = line.cells.get(column.key, NOTHING), column.title
            record[title] = cell.mean
            record[f"{title} spread"] = cell.spread
            record[f"{title} seeds"] = cell.seeds
            if column.key in tested:
                record[f"{title} p sentences"] = cell.p_value
                record[f"{title} p seeds and sentences"] = cell.p_both
                record[f"{title} mark"] = cell.mark
        records.append(record)
    frame = pandas.DataFrame(records, dtype=object)
    return frame.to_csv(index=False, lineterminator="\n")


def sentences(table: Table, best: str) -> list[str]:
    """Everything below the table.

    Args:
      table: to print.
      best: how the best of a column is shown: "in bold".

    Returns:
      Sentences: notes, and what is missing.
    """
    any_best = any(cell.best for line in table.lines for cell in line.cells.values())
    first = [f"The best of a column is {best}."] if any_best else []
    return [*first, *table.notes, *(f"Missing: {line}." for line in table.missing)]


def number(cell: TableCell | None, column: Column) -> str:
    """A cell as `27.3 ± 0.4`.

    Args:
      cell: of the table; None where a row has no such number.
      column: the cell's.

    Returns:
      Mean and spread, without the spread where it is unknown or no run differs.
    """
    if cell is None:
        return "—"
    mean = f"{cell.mean:,.{column.digits}f}"
    # One seed has no spread; the same number of parameters needs none.
    if math.isnan(cell.spread) or (cell.spread == 0 and not column.better):
        return mean
    return f"{mean} ± {cell.spread:,.{column.digits}f}"


def _printed(
    table: Table,
    form: str,
    heading: int,
    escape: Callable[[str], str],
    show: Callable[[str, TableCell | None, Column], str],
    failures: list[str],
) -> list[str]:
    """The lines that tabulate prints, those of failed runs replaced by `failures`.

    tabulate has no cell across columns. form: its name of the format, which has
    `heading` lines before the body. show(escaped number, cell, column) adds marks.
    """
    from tabulate import tabulate

    def cells(line: TableLine) -> list[str]:
        if line.failure:  # its name would widen the column
            return [""] * (1 + len(table.columns))
        pairs = [(line.cells.get(column.key), column) for column in table.columns]
        return [
            escape(line.name),
            *(show(escape(number(*pair)), *pair) for pair in pairs),
        ]

    printed = tabulate(
        [cells(line) for line in table.lines],
        ["", *(escape(column.title) for column in table.columns)],
        form,
        colalign=["left", *["right"] * len(table.columns)],
        # Else tabulate would print the numbers its own way.
        disable_numparse=True,
        preserve_whitespace=True,
    ).split("\n")
    for place, line in enumerate(table.lines):
        if line.failure:
            printed[heading + place] = failures[place]
    return printed


def _markdown(words: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", words)


def _latex(words: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in words)
