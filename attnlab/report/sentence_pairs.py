"""Sentence pairs under every row of a sweep, and their heat maps, row by row."""

from collections.abc import Mapping, Sequence
from functools import partial

from attnlab.metrics import alignment_error_rate as aer
from attnlab.report import figures, heatmaps
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row
from attnlab.report.task_plots import Add
from attnlab.runs import AlignedSentence

MAPS = 8  # of single rows, where there are more than one figure shows
PANELS = 2  # sentence pairs shown under every variant
LONGEST = 18  # words a side that a panel can show


def draw_pairs(
    rows: Sequence[Row], stats: Mapping[str, ExampleStats], add: Add, *, note: str = ""
) -> None:
    """Draw sentence pairs side by side, and one of them under each row alone.

    Args:
      rows: of the table.
      stats: what each row's runs did with the test examples, by the row's name.
      add: takes a figure, its file name and its caption.
      note: ends the captions of pairs side by side.
    """
    several = len(rows) > 1  # a row alone has its heat map, below
    few = rows[: figures.MOST_ROWS]
    for number, pairs in enumerate(chosen(few, stats, PANELS if several else 1), 1):
        gold = any(pair.possible for pair in pairs.values())
        by_title = {titled(name, pair): pair for name, pair in pairs.items()}
        if several:
            add(
                partial(heatmaps.panel, by_title, gold="gold" if gold else None),
                f"alignments-{number}",
                "One sentence pair under every variant, each row's first finished "
                "seed; the AER is this pair's. The pair was chosen by its gold links "
                f"alone, {'most' if number == 1 else 'next most'} crossings among "
                f"pairs of at most {LONGEST} words.{' ' * bool(note)}{note}",
            )
        if number == 1:
            # Of many rows the page shows any, and `experiments.align` draws any.
            for row in few if len(rows) == len(few) else few[:MAPS]:
                if row.name in pairs:
                    pair = pairs[row.name]
                    title = titled(row.name, pair)
                    figure = partial(heatmaps.heat_map, pair, title=title)
                    add(figure, f"alignment-{row.slug}", f"Alignment of {title}.")


def chosen(
    rows: Sequence[Row], stats: Mapping[str, ExampleStats], count: int = PANELS
) -> list[dict[str, AlignedSentence]]:
    """Sentence pairs to show, chosen by their gold links and never by weights.

    Of the pairs that every row with alignments has, at most LONGEST words a side, those
    whose sure links cross most often; without gold, the longest such pairs.

    Args:
      rows: of the table.
      stats: of each row, by its name.
      count: how many pairs.

    Returns:
      For each pair its alignment by every row that has one, {row: pair}.
    """
    sets = {}
    for row in rows:
        finished = [seed for seed in stats[row.name].alignments if seed is not None]
        if finished:
            sets[row.name] = {(p.source, p.target): p for p in finished[0].pairs}
    if not sets:
        return []
    first = next(iter(sets.values()))
    shared = [key for key in first if all(key in pairs for pairs in sets.values())]
    short = [key for key in shared if max(map(len, key)) <= LONGEST]
    short = [key for key in short if min(map(len, key)) > 0]
    # Most crossings first, and of equal ones the longest source.
    ranked = sorted(short, key=lambda key: (-_crossings(first[key]), -len(key[0])))
    return [
        {name: pairs[key] for name, pairs in sets.items()} for key in ranked[:count]
    ]


def _crossings(pair: AlignedSentence) -> int:
    """How many pairs of links are in another order in source and target."""
    links = sorted(pair.sure or pair.possible)
    return sum(
        t < other_t and s > other_s
        for place, (t, s) in enumerate(links)
        for other_t, other_s in links[place + 1 :]
    )


def titled(name: str, pair: AlignedSentence) -> str:
    """The title of a heat map.

    Args:
      name: of the row.
      pair: its alignment.

    Returns:
      The name, and where the pair has gold links the AER of its heaviest weights.
    """
    if not pair.possible:
        return name
    links = aer.argmax_links(pair.weights)
    rate = aer.agreement(links, pair.sure, pair.possible).aer
    return f"{name}   AER {rate:.2f}"
