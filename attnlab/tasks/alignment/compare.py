"""The table of an aligner's links, beside those of other aligners, on a gold set."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics.alignment_error_rate import Agreement
from attnlab.metrics.links import Link, LinkSet
from attnlab.metrics.significance import Comparison, paired_bootstraps
from attnlab.metrics.symmetrization import every_symmetrization
from attnlab.tasks.alignment.evaluate import (
    PRODUCT,
    Aligned,
    direction_links,
    linked_rows,
    product_links,
)
from attnlab.text.pairs import SHORT, GoldPair

REFERENCE = "mean of posteriors"  # the row that the others are tested against
THRESHOLDS = (0.3, 0.5, 0.7)
HALF = 0.5  # of one direction: a link that is likelier than all others together
COLUMNS = ("gold", "links", "aer", "precision", "recall", "aer_short", "p", "seconds")

Ways = Mapping[str, Sequence[LinkSet]]
"""Links (t, s) of N pairs, by the way to get them."""


class AlignerRow(NamedTuple):
    """What the links of one way are worth.

    name: of the way. every: of all pairs. short: of those of at most SHORT source
    words. p_value: of the difference of the AER from REFERENCE's; nan where there is no
    test.
    """

    name: str
    every: Agreement
    short: Agreement
    p_value: float


def own_links(aligned: Sequence[Aligned], threshold: float) -> Ways:
    """Every way to get links from both directions' posteriors.

    Args:
      aligned: of N pairs.
      threshold: of REFERENCE, which has one link a target word, that of the largest
        mean, where it reaches the threshold. `mean from 0.3` has every link that does,
        `forward from 0.5` every link of that direction's posterior.

    Returns:
      The links by way.
    """
    forward, backward = direction_links(aligned)
    means = [linked_rows(pair.mean, threshold) for pair in aligned]
    ways: dict[str, Sequence[LinkSet]] = {
        "forward": forward,
        "backward": backward,
        f"forward from {HALF}": _from(HALF, [pair.forward for pair in aligned]),
        f"backward from {HALF}": _from(HALF, [pair.backward for pair in aligned]),
        REFERENCE: [aer.links(rows) for rows in means],
        f"product from {PRODUCT}": product_links(aligned),
    }
    for least in THRESHOLDS:
        ways[f"mean from {least}"] = [pair.links(least) for pair in aligned]
    return ways | every_symmetrization(forward, backward)


def average(runs: Sequence[Sequence[Aligned]]) -> list[Aligned]:
    """The mean of several models' posteriors.

    Args:
      runs: what each of them makes of the same N pairs.

    Returns:
      An Aligned of each pair.
    """
    return [
        Aligned(*(np.mean(part, axis=0) for part in zip(*models, strict=True)))
        for models in zip(*runs, strict=True)
    ]


def averaged_links(runs: Sequence[Sequence[Aligned]], threshold: float) -> Ways:
    """`own_links` of the mean of several models' posteriors.

    Args:
      runs: what each of them makes of the same N pairs.
      threshold: as of `own_links`.

    Returns:
      The links by way, whose name says that it is of an average; none of a single run.
    """
    if len(runs) < 2:
        return {}
    ways = own_links(average(runs), threshold)
    return {f"{way}, {len(runs)} averaged": links for way, links in ways.items()}


def directed_links(
    name: str, forward: Sequence[LinkSet], backward: Sequence[LinkSet]
) -> Ways:
    """Every way to get links from the two directions of another aligner.

    Args:
      name: of the aligner.
      forward: links (t, s) of N pairs.
      backward: links (t, s) of the same pairs.

    Returns:
      The links by way.
    """
    ways = {"forward": forward, "backward": backward}
    ways |= every_symmetrization(forward, backward)
    return {f"{way}, {name}": links for way, links in ways.items()}


def make_table(
    runs: Sequence[Ways],
    others: Ways,
    gold: Sequence[GoldPair],
    *,
    samples: int = 1000,
) -> list[AlignerRow]:
    """Score and test every way on a gold set.

    Counts of a sentence are summed over runs, before any rate is taken. p is of the
    paired bootstrap over sentences (Koehn 2004) of such sums.

    Args:
      runs: `own_links` of each run, which differ in their seeds.
      others: links of other aligners, by row.
      gold: N pairs.
      samples: of the bootstrap.

    Returns:
      A row for each way.

    Raises:
      ValueError: where links are of another number of sentences, and for two rows of
        the same name.
    """
    if twice := [name for name in others if name in runs[0]]:
        raise ValueError(f"two rows would be called {twice[0]!r}")
    marks = [(pair.sure, pair.possible) for pair in gold]
    counts = {
        name: sum(
            (aer.statistics(run[name], marks) for run in runs[1:]),
            start=aer.statistics(runs[0][name], marks),
        )
        for name in runs[0]
    }
    counts |= {name: aer.statistics(links, marks) for name, links in others.items()}
    tested = [name for name in counts if name != REFERENCE]
    comparisons: dict[str, Comparison] = {}
    if gold:
        systems = [counts[name] for name in tested]
        results = paired_bootstraps(
            counts[REFERENCE], systems, aer.score, samples=samples
        )
        comparisons = dict(zip(tested, results, strict=True))
    short = np.array([len(pair.source) <= SHORT for pair in gold], bool)
    return [
        AlignerRow(name, _sum(rows), _sum(rows[short]), _p_value(comparisons.get(name)))
        for name, rows in counts.items()
    ]


def _from(least: float, posteriors: Sequence[np.ndarray]) -> list[set[Link]]:
    return [
        aer.links(weights, method="threshold", threshold=least)
        for weights in posteriors
    ]


def _sum(counts: np.ndarray) -> Agreement:
    return Agreement(*counts.sum(axis=0).tolist())


def _p_value(comparison: Comparison | None) -> float:
    # A sample without any link to judge by has no AER, and so the test no outcome.
    if comparison is None or math.isnan(comparison.low):
        return math.nan
    return comparison.p_value


def render(name: str, table: Sequence[AlignerRow]) -> str:
    """A gold set's table.

    Args:
      name: of the gold set.
      table: from `make_table`.

    Returns:
      Lines of text.
    """
    width = max(30, *(len(row.name) + 2 for row in table))
    titles = f"{'AER':>8}{'prec':>8}{'recall':>8}{f'AER <={SHORT}':>10}{'p':>8}"
    lines = [f"{name:<{width}}{titles}"]
    for row in table:
        rates = (row.every.aer, row.every.precision, row.every.recall)
        numbers = "".join(f"{rate:>8.3f}" for rate in rates)
        p = "-" if math.isnan(row.p_value) else f"{row.p_value:.3f}"
        short = f"{row.short.aer:>10.3f}"
        lines.append(f"{row.name:<{width}}{numbers}{short}{p:>8}")
    return "\n".join(lines) + "\n"


def as_tsv(
    tables: Mapping[str, Sequence[AlignerRow]], seconds: Mapping[str, float]
) -> str:
    """All tables as tab-separated columns: fractions, empty where there is no number.

    Args:
      tables: by gold set.
      seconds: of the processor, by row, where they were measured.

    Returns:
      Lines of text, the first of them COLUMNS.
    """
    file = io.StringIO()
    writer = csv.writer(file, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, table in tables.items():
        for row in table:
            every = row.every
            numbers = (every.aer, every.precision, every.recall)
            numbers = (*numbers, row.short.aer, row.p_value)
            numbers = (*numbers, seconds.get(row.name, math.nan))
            texts = ["" if math.isnan(value) else f"{value:.6g}" for value in numbers]
            writer.writerow([name, row.name, *texts])
    return file.getvalue()
