"""Paragraphs and tables of words, for a terminal and in Markdown."""

import io
import re
from collections.abc import Sequence
from typing import NamedTuple


class CompletionGrid(NamedTuple):
    """titles of columns; rows of as many cells; the first `left` columns are words."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


def text(parts: Sequence[str | CompletionGrid], width: int = 100) -> str:
    """The parts under each other; paragraphs fold, tables are as wide as they must."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = []
    for part in parts:
        out = io.StringIO()
        if isinstance(part, CompletionGrid):
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
            for number, title in enumerate(part.titles):
                justify = "left" if number < part.left else "right"
                table.add_column(Text(title), justify=justify, no_wrap=True)
            for row in part.rows:
                table.add_row(*map(Text, row))
            Console(file=out, width=10_000, color_system=None).print(table)
        else:
            Console(file=out, width=width, color_system=None).print(Text(part))
        lines = (line.rstrip() for line in out.getvalue().rstrip().split("\n"))
        shown.append("\n".join(lines) + "\n")
    return "\n".join(shown)


def markdown(parts: Sequence[str | CompletionGrid]) -> str:
    shown = []
    for part in parts:
        if isinstance(part, CompletionGrid):
            rules = [
                "---" if number < part.left else "---:"
                for number in range(len(part.titles))
            ]
            rows = [part.titles, *part.rows]
            cells = [[_escaped(cell) for cell in row] for row in rows]
            cells.insert(1, rules)
            shown.append("\n".join("| " + " | ".join(row) + " |" for row in cells))
        else:
            shown.append(_escaped(part))
    return "\n\n".join(shown) + "\n"


def _escaped(words: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", words)
