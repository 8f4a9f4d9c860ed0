"""Figures of translation: BLEU by length, AER by reordering distance, alignments."""

from collections.abc import Mapping, Sequence

from attnlab.report import curves, meanings
from attnlab.report.example_stats import ExampleStats
from attnlab.report.row_curves import aer_by_distance, bleu_by_length
from attnlab.report.rows import Row
from attnlab.report.sentence_pairs import draw_pairs
from attnlab.report.task_plots import Add


def draw(rows: Sequence[Row], stats: Mapping[str, ExampleStats], add: Add) -> None:
    """Draw every figure that the finished runs allow.

    Args:
      rows: of the table.
      stats: what each row's runs did with the test examples, by the row's name.
      add: takes a figure, its file name and its caption.
    """
    names = [row.name for row in rows]
    lengths = curves.by_length(stats)
    if lengths is not None:
        add(
            bleu_by_length(lengths, rows=names),
            "bleu-by-length",
            f"BLEU by source length; {meanings.BAND}.",
        )
    distances = curves.by_distance(stats)
    if distances is not None:
        add(
            aer_by_distance(distances, rows=names),
            "aer-by-distance",
            "AER by reordering distance |t - s| of a link (target word t, source word "
            f"s); {meanings.BAND}.",
        )
    draw_pairs(rows, stats, add)
