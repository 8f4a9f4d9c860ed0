"""A Table as text (rich), Markdown and LaTeX (booktabs)."""

import io
import math
import re
from typing import Any

from attnlab.report.table import MARK, Column, Line, Table, TableCell

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
    MARK: r"$^\dagger$",
}


def text(table: Table, *, width: int = 100, color: bool = False) -> str:
    """The table for a terminal; `color` allows bold and colors.

    Sentences fold at `width` columns. The table itself is as wide as it has to be: a
    number without its last digits is another number.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    grid.add_column("", no_wrap=True)
    for column in table.columns:
        grid.add_column(Text(column.title), justify="right", no_wrap=True)
    for line in table.lines:
        cells = [(line.cells.get(column.key), column) for column in table.columns]
        shown = [Text(_starred(*pair), style=_style(pair[0])) for pair in cells]
        grid.add_row(Text(line.name), *([] if line.failure else shown))
    out = io.StringIO()
    terminal: dict[str, Any] = {
        "file": out,
        "force_terminal": color,
        "highlight": False,
        "color_system": "standard" if color else None,
    }
    console = Console(width=width, **terminal)
    unbounded = Console(width=10_000, **terminal)
    with unbounded.capture() as capture:
        unbounded.print(grid)
    # rich has no cell across columns, so a failure takes the place of its printed line
    printed = capture.get().rstrip("\n").split("\n")
    heading, body = printed[: -len(table.lines)], printed[-len(table.lines) :]
    print("\n".join(heading), file=out)
    for line, shown in zip(table.lines, body, strict=True):
        if line.failure:
            console.print(Text(f"{line.name}  ").append(line.failure, style="red"))
        else:
            print(shown, file=out)
    print(file=out)
    for sentence in sentences(table, "marked *"):
        console.print(Text(sentence))
    lines = (line.rstrip() for line in out.getvalue().split("\n"))
    return "\n".join(lines).strip("\n") + "\n"


def markdown(table: Table) -> str:
    """The table in Markdown, best in bold, with its legend."""
    titles = [column.title for column in table.columns]
    rows = [["", *titles], ["---"] + ["---:"] * len(titles)]
    for line in table.lines:
        name = _markdown(line.name)
        if line.failure:
            rows.append([name, _markdown(line.failure)] + [""] * (len(titles) - 1))
        else:
            cells = [(line.cells.get(column.key), column) for column in table.columns]
            rows.append([name, *(_bold(cell, column, "**") for cell, column in cells)])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    below = map(_markdown, sentences(table, "in bold"))
    return "\n\n".join(["\n".join(lines), *below]) + "\n"


def latex(table: Table) -> str:
    """A tabular for `\\usepackage{booktabs}` and the legend as small print below it."""
    titles = [_latex(column.title) for column in table.columns]
    below = _latex(" ".join(sentences(table, "in bold")))
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{l{'r' * len(titles)}}}",
        "\\toprule",
        f" & {' & '.join(titles)} \\\\",
        "\\midrule",
        *(_latex_line(line, table.columns) for line in table.lines),
        "\\bottomrule",
        "\\end{tabular}",
        "",
        "\\smallskip",
        f"{{\\footnotesize {below}\\par}}",
    ]
    return "\n".join(lines) + "\n"


def sentences(table: Table, best: str) -> list[str]:
    """Everything below the table; `best` says how it shows the best of a column."""
    shown = any(cell.best for line in table.lines for cell in line.cells.values())
    first = [f"The best of a column is {best}."] if shown else []
    return [*first, *table.legend, *(f"Missing: {line}." for line in table.missing)]


def number(cell: TableCell | None, column: Column) -> str:
    """`27.3 ± 0.4`, without the spread where it is unknown or no run differs."""
    if cell is None:
        return "—"
    shown = f"{cell.mean:,.{column.digits}f}"
    if math.isnan(cell.spread) or (cell.spread == 0 and not column.better):
        return shown
    return f"{shown} ± {cell.spread:,.{column.digits}f}"


def _starred(cell: TableCell | None, column: Column) -> str:
    """The number with room for its marks, so that the numbers of a column line up."""
    marks = ""
    if cell is not None:
        marks = ("*" if cell.best else "") + (MARK if cell.marked else "")
    return f"{number(cell, column)}{marks:2}" if column.better else number(cell, column)


def _bold(cell: TableCell | None, column: Column, fence: str) -> str:
    shown = number(cell, column)
    if cell is None:
        return shown
    shown = f"{fence}{shown}{fence}" if cell.best else shown
    return shown + (f" {MARK}" if cell.marked else "")


def _style(cell: TableCell | None) -> str:
    return "dim" if cell is None else "bold" if cell.best else ""


def _markdown(words: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", words)


def _latex_line(line: Line, columns: tuple[Column, ...]) -> str:
    name = _latex(line.name)
    if line.failure:
        failure = f"\\emph{{{_latex(line.failure)}}}"
        return f"{name} & \\multicolumn{{{len(columns)}}}{{l}}{{{failure}}} \\\\"
    cells = []
    for column in columns:
        cell = line.cells.get(column.key)
        shown = _latex(number(cell, column))
        if cell is not None and cell.best:
            # \boldmath, because \textbf leaves the ± of math mode thin
            shown = f"\\textbf{{\\boldmath {shown}}}"
        marked = cell is not None and cell.marked
        cells.append(shown + (r"\rlap{$^\dagger$}" if marked else ""))
    return " & ".join([name, *cells]) + " \\\\"


def _latex(words: str) -> str:
    shown = "".join(LATEX.get(letter, letter) for letter in words)
    return shown.replace("—", "---")
