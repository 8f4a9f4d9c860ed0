"""The table of systems on one text: BLEU, chrF, TER, perplexity, AER, and tests."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.metrics.attention_stats import perplexity
from attnlab.metrics.chrf_ter import text_scores
from attnlab.metrics.links import Gold, LinkSet
from attnlab.metrics.significance import paired_bootstraps

COLUMNS = ("bleu", "p_bleu", "chrf", "ter", "perplexity")
COLUMNS += ("aer", "p_aer", "precision", "recall")
TITLES = ("BLEU", "p", "chrF", "TER", "perplexity", "AER", "p", "prec", "recall")
RATES = ("aer", "precision", "recall")


class System(NamedTuple):
    """What a system has made of N sentences; None where it has not.

    name: of its row. hypotheses: its translations, a line a sentence. links: (t, s) of
    each pair of the text. losses: nats and units [N] of the first reference.
    """

    name: str
    hypotheses: Sequence[str] | None = None
    links: Sequence[LinkSet] | None = None
    losses: tuple[np.ndarray, np.ndarray] | None = None


class TextTable(NamedTuple):
    """rows: (name, number by column). notes: what the numbers are."""

    rows: list[tuple[str, dict[str, float]]]
    notes: list[str]


def make_table(
    systems: Sequence[System],
    references: Sequence[str] | None,
    gold: Sequence[Gold] | None,
    *,
    tokenize: str = "none",
    lowercase: bool = False,
    samples: int = 1000,
) -> TextTable:
    """Score systems on one text.

    p is of the two-sided paired bootstrap over sentences (Koehn 2004) against the first
    row that has the score.

    Args:
      systems: of the same N sentences.
      references: a line a sentence, tabs between several; None where there are none.
      gold: links of each pair; None where there are none.
      tokenize: sacrebleu's tokenizer, for BLEU.
      lowercase: whether BLEU, chrF and TER ignore case.
      samples: of the bootstrap.

    Returns:
      The TextTable.
    """
    rows: list[tuple[str, dict[str, float]]] = []
    notes: list[str] = []
    texts: dict[int, np.ndarray] = {}  # counts by row
    aligned: dict[int, np.ndarray] = {}
    for place, system in enumerate(systems):
        row: dict[str, float] = {}
        rows.append((system.name, row))
        if system.hypotheses is not None and references:
            both = system.hypotheses, references
            score = bleu.bleu(*both, tokenize=tokenize, lowercase=lowercase)
            texts[place] = bleu.statistics(
                *both, tokenize=tokenize, lowercase=lowercase
            )
            row["bleu"] = score.score
            more = text_scores(("chrf", "ter"), *both, lowercase=lowercase)
            row |= {name: each.score for name, each in more.items()}
            signatures = [score.signature, *(each.signature for each in more.values())]
            lines = zip(("BLEU", "chrF", "TER"), signatures, strict=True)
            notes += [f"{title}: {signature}." for title, signature in lines]
        if system.losses is not None and len(system.losses[0]):
            row["perplexity"] = perplexity(*(each.sum() for each in system.losses))
        if system.links is not None and gold is not None:
            aligned[place] = aer.statistics(system.links, gold)
            total = aer.Agreement(*aligned[place].sum(axis=0).tolist())
            row |= {name: float(getattr(total, name)) for name in RATES}
    for name, counts, score in (
        ("bleu", texts, bleu.score),
        ("aer", aligned, aer.score),
    ):
        for place, p_value in _tested(counts, score, samples).items():
            rows[place][1][f"p_{name}"] = p_value
    if any("p_bleu" in row or "p_aer" in row for _, row in rows):
        notes.append(
            "p: two-sided paired bootstrap over sentences against the first row with "
            f"the score ({samples:,} samples)."
        )
    return TextTable(rows, list(dict.fromkeys(notes)))


def _tested(
    counts: dict[int, np.ndarray],
    score: Callable[[np.ndarray], np.ndarray],
    samples: int,
) -> dict[int, float]:
    """p by row, of all rows but the first."""
    if len(counts) < 2 or not len(next(iter(counts.values()))):
        return {}
    first, *others = counts
    systems = [counts[place] for place in others]
    compared = paired_bootstraps(counts[first], systems, score, samples=samples)
    # A sample without any link to judge by has no AER, and so the test no outcome.
    return {
        place: math.nan if math.isnan(comparison.low) else comparison.p_value
        for place, comparison in zip(others, compared, strict=True)
    }


def render(table: TextTable) -> str:
    """The table with the columns that any row has.

    Args:
      table: of `make_table`.

    Returns:
      Lines of text.
    """
    used = [
        (key, title)
        for key, title in zip(COLUMNS, TITLES, strict=True)
        if any(key in row for _, row in table.rows)
    ]
    width = max(10, *(len(name) for name, _ in table.rows))
    lines = [" " * width + "".join(f"{title:>12}" for _, title in used)]
    for name, row in table.rows:
        cells = [f"{_shown(key, row.get(key, math.nan)):>12}" for key, _ in used]
        lines.append(f"{name:<{width}}" + "".join(cells))
    return "\n".join([*lines, "", *table.notes])


def _shown(key: str, number: float) -> str:
    if math.isnan(number):
        return "-"
    if key.startswith("p_") or key in RATES:
        return f"{number:.3f}"
    if key == "perplexity":
        return f"{number:.2f}"
    return f"{number:.1f}"


def as_tsv(table: TextTable) -> str:
    """The same as tab-separated columns, empty without a number.

    Args:
      table: of `make_table`.

    Returns:
      Lines of text, the first of them the names.
    """
    file = io.StringIO()
    writer = csv.writer(file, delimiter="\t", lineterminator="\n")
    writer.writerow(["system", *COLUMNS])
    for name, row in table.rows:
        numbers = [row.get(key, math.nan) for key in COLUMNS]
        texts = ["" if math.isnan(number) else f"{number:.6g}" for number in numbers]
        writer.writerow([name, *texts])
    return file.getvalue()
