"""A sweep's report: summary.csv, the table in three forms, figures, and report.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attnlab import runs
from attnlab.metrics import aer
from attnlab.report import (
    curves,
    evidence,
    figures,
    heatmaps,
    order,
    render,
    rows,
    table,
)
from attnlab.report.evidence import Evidence
from attnlab.report.rows import Row
from attnlab.runs import AlignedSentence, write_bytes

PANELS = 2  # sentence pairs shown under every variant
LONGEST = 18  # words a side that a panel can show


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
    """The files written into `folder`, `<root>/report` by default, report.md first.

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
        steps = order.check(found, known, chain, chain_by)
        below = [*printed.legend, *order.sentences(steps, chain_by)]
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
    shown = _page(title, render.markdown(printed), drawn, folder)
    texts = {"report.md": shown, **texts}
    for name, content in texts.items():
        write_bytes(folder / name, content.encode())
    written = [path for paths, _ in drawn for path in paths]
    return [*(folder / name for name in texts), *written]


def _rows(root: str | Path) -> list[Row]:
    found = runs.find(root)
    if not found:
        raise ValueError(f"no runs below {root}: no folder there has a {runs.CONFIG}")
    return rows.group([rows.checked(run) for run in found])


def _read(found: Sequence[Row]) -> dict[str, Evidence]:
    return {row.name: evidence.read(row) for row in found}


Drawn = list[tuple[list[Path], str]]  # files of a figure, its caption


def _draw(found: Sequence[Row], known: Mapping[str, Evidence], folder: Path) -> Drawn:
    """Every figure that the runs so far allow."""
    drawn: Drawn = []

    def add(figure: Any, name: str, caption: str) -> None:
        drawn.append((figures.save(figure, folder / name), caption))

    names = [row.name for row in found]
    learning = curves.learning(found)
    if learning:
        add(
            figures.learning_curves(learning, rows=names),
            "learning-curves",
            "Development scores by training step: mean and range over seeds.",
        )
    lengths = curves.by_length(known)
    if lengths is not None:
        add(
            figures.bleu_by_length(lengths, rows=names),
            "bleu-by-length",
            "BLEU by source length: mean and standard deviation over seeds.",
        )
    distances = curves.by_distance(known)
    if distances is not None:
        add(
            figures.aer_by_distance(distances, rows=names),
            "aer-by-distance",
            "AER by reordering distance |t - s| of a link (target word t, source word "
            "s): mean and standard deviation over seeds.",
        )
    for number, pairs in enumerate(chosen(found, known), 1):
        gold = any(pair.possible for pair in pairs.values())
        titled = {_titled(name, pair): pair for name, pair in pairs.items()}
        add(
            heatmaps.panel(titled, gold="gold" if gold else None),
            f"alignments-{number}",
            "One sentence pair under every variant, each row's first finished seed; "
            "the AER is this pair's. The pair was chosen by its gold links alone, "
            f"{'most' if number == 1 else 'next most'} crossings among pairs of at "
            f"most {LONGEST} words.",
        )
        if number == 1:
            for row in found:
                if row.name in pairs:
                    pair = pairs[row.name]
                    title = _titled(row.name, pair)
                    figure = heatmaps.heat_map(pair, title=title)
                    add(figure, f"alignment-{row.slug}", f"Alignment of {title}.")
    return drawn


def chosen(
    found: Sequence[Row], known: Mapping[str, Evidence], count: int = PANELS
) -> list[dict[str, AlignedSentence]]:
    """Sentence pairs to show, {row: pair}, chosen by gold links and never by weights.

    Of the pairs that every row with alignments has, at most LONGEST words a side, those
    whose sure links cross most often; without gold, the longest such pairs.
    """
    sets = {}
    for row in found:
        present = [some for some in known[row.name].alignments if some is not None]
        if present:
            sets[row.name] = {(p.source, p.target): p for p in present[0].pairs}
    if not sets:
        return []
    first = next(iter(sets.values()))
    shared = [key for key in first if all(key in pairs for pairs in sets.values())]
    short = [key for key in shared if max(map(len, key)) <= LONGEST]
    short = [key for key in short if min(map(len, key)) > 0]
    ranked = sorted(short, key=lambda key: (-_crossings(first[key]), -len(key[0])))
    return [
        {name: pairs[key] for name, pairs in sets.items()} for key in ranked[:count]
    ]


def _crossings(pair: AlignedSentence) -> int:
    links = sorted(pair.sure or pair.possible)
    return sum(
        t < other_t and s > other_s
        for place, (t, s) in enumerate(links)
        for other_t, other_s in links[place + 1 :]
    )


def _titled(name: str, pair: AlignedSentence) -> str:
    if not pair.possible:
        return name
    links = aer.argmax_links(pair.weights)
    rate = aer.agreement(links, pair.sure, pair.possible).aer
    return f"{name}   AER {rate:.2f}"


def _page(title: str, printed: str, drawn: Drawn, folder: Path) -> str:
    parts = [f"# {title}\n", printed]
    for paths, caption in drawn:
        image = paths[0].relative_to(folder).as_posix()
        parts.append(f"![{caption}]({image})\n\n{caption}\n")
    return "\n".join(parts)
