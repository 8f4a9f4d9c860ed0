"""A sweep's report: index.html, report.md, the table in three forms, and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnlab import runs
from attnlab.report import (
    curves,
    example_stats,
    figures,
    page,
    pairwise,
    render,
    rows,
    table,
)
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row
from attnlab.report.task_plots import draw_examples
from attnlab.runs import write_bytes

PAGE = ".html"  # of a figure that is a page of its own


def tabulate(root: str | Path, *, baseline: str | None = None) -> table.Table:
    """The table of the runs below `root`; see `table.tabulate`."""
    found = _rows(root)
    return table.tabulate(found, _read(found), baseline=baseline)


def write_report(
    root: str | Path,
    *,
    baseline: str | None = None,
    chain: str | None = None,
    chain_by: str = "perplexity",
    folder: str | Path | None = None,
    font: str | None = None,
) -> list[Path]:
    """The files written into `folder`, `<root>/report` by default, index.html first.

    Half a sweep gives a report of that half, which says what is missing. `baseline`
    names the row that the others are tested against, by default the best one; `font`
    the font family of the figures. `chain` is an order to check, "first <= second <=
    third" (names of rows), in the score `chain_by`. A run with a damaged file counts
    as failed. Raises FileNotFoundError where `root` is no folder, ValueError where it
    holds no runs or not the rows asked for.
    """
    found = _rows(root)
    known = _read(found)
    printed = table.tabulate(found, known, baseline=baseline)
    if chain is not None:
        steps = pairwise.check(found, known, chain, chain_by)
        below = [*printed.legend, *pairwise.sentences(steps, chain_by)]
        printed = printed._replace(legend=below)
    folder = Path(root) / "report" if folder is None else Path(folder)
    texts = {
        "table.txt": render.text(printed),
        "table.md": render.markdown(printed),
        "table.tex": render.latex(printed),
        "summary.csv": rows.summary_csv(found, root),
    }
    with figures.font(font):
        drawn = _draw(found, known, folder / "figures")
    title = Path(root).resolve().name
    shown = [
        (paths[0].relative_to(folder).as_posix(), caption) for paths, caption in drawn
    ]
    texts = {"report.md": _markdown(title, render.markdown(printed), shown), **texts}
    for name, content in texts.items():
        write_bytes(folder / name, content.encode())
    written = [folder / name for name in texts]
    written += [path for paths, _ in drawn for path in paths]
    return [*page.write(folder, title, found, known, printed, shown), *written]


def _rows(root: str | Path) -> list[Row]:
    found = runs.find(root)
    if not found:
        raise ValueError(f"no runs below {root}: no folder there has a {runs.CONFIG}")
    return rows.group([rows.checked(run) for run in found])


def _read(found: Sequence[Row]) -> dict[str, ExampleStats]:
    return {row.name: example_stats.read(row) for row in found}


Drawn = list[tuple[list[Path], str]]  # files of a figure, its caption


def _draw(
    found: Sequence[Row], known: Mapping[str, ExampleStats], folder: Path
) -> Drawn:
    """Every figure that the runs so far allow."""
    drawn: Drawn = []

    def add(figure: Any, name: str, caption: str) -> None:
        if isinstance(figure, str):
            paths = [folder / f"{name}{PAGE}"]
            write_bytes(paths[0], figure.encode())
        else:
            paths = figures.save(figure, folder / name)
        drawn.append((paths, caption))

    names = [row.name for row in found]
    learning = curves.learning(found)
    if learning:
        add(
            figures.learning_curves(learning, rows=names),
            "learning-curves",
            "Development scores by training step: mean and range over seeds.",
        )
    for task in dict.fromkeys(map(_task, found)):
        own = [row for row in found if _task(row) == task]
        draw_examples(task, own, known, add)
    return drawn


def _task(row: Row) -> str:
    return str(row.config.get("task", "translation"))


def _markdown(title: str, printed: str, shown: Sequence[tuple[str, str]]) -> str:
    parts = [f"# {title}\n", printed]
    for file, caption in shown:
        if file.endswith(PAGE):
            parts.append(f"[{caption}]({file})\n")
        else:
            parts.append(f"![{caption}]({file})\n\n{caption}\n")
    return "\n".join(parts)
