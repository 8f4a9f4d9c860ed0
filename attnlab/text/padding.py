"""What a training text is like, and how much of its batches is padding."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.batching import Batches, IdPair
from attnlab.text.vocabulary import UNK


class PaddingSide(NamedTuple):
    """One side of a text, in units: words, or subwords.

    Lengths count EOS; `units` and `unknown`, the share of UNK among them, do not.
    """

    vocabulary: int
    units: int
    unknown: float
    mean: float
    most_95: float  # 95 % of sentences are no longer
    longest: int


def lengths_of(pairs_ids: Sequence[IdPair]) -> np.ndarray:
    """Units of every pair [N, 2], source and target, with EOS."""
    return np.array([(len(s) + 1, len(t) + 1) for s, t in pairs_ids]).reshape(-1, 2)


def side(sentences: Sequence[Sequence[int]], vocabulary: int) -> PaddingSide:
    """The statistics of one side's ids; `vocabulary` is passed on."""
    lengths = np.array([len(ids) + 1 for ids in sentences])
    units = int(lengths.sum()) - len(lengths)
    unknown = sum(list(ids).count(UNK) for ids in sentences) / max(units, 1)
    most = float(np.percentile(lengths, 95))
    return PaddingSide(
        vocabulary, units, unknown, float(lengths.mean()), most, int(lengths.max())
    )


def random_waste(lengths: np.ndarray, rows: int, seed: int = 0) -> float:
    """The share of padding in shuffled batches, each side as wide as its longest."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    parts = [lengths[order[k : k + rows]] for k in range(0, len(order), rows)]
    padded = sum(len(part) * int(part.max(axis=0).sum()) for part in parts)
    return 1 - int(lengths.sum()) / padded


def describe(
    batches: Batches, lengths: np.ndarray, source: PaddingSide, target: PaddingSide
) -> list[str]:
    """All of it as the lines of a report; `lengths` are those of the batches' pairs."""
    lines = [f"{batches.pairs} pairs"]
    if batches.dropped:
        lines[0] += f", {batches.dropped} longer than {batches.longest} and left out"
    lines += ["", f"{'':<28}{'source':>10}{'target':>10}"]
    for name, form, a, b in (
        ("units", "d", source.units, target.units),
        ("vocabulary", "d", source.vocabulary, target.vocabulary),
        ("unknown units", ".1%", source.unknown, target.unknown),
        ("mean length with end mark", ".1f", source.mean, target.mean),
        ("95 % are no longer than", ".0f", source.most_95, target.most_95),
        ("longest", "d", source.longest, target.longest),
    ):
        lines.append(f"{name:<28}{a:>10{form}}{b:>10{form}}")
    lines += ["", f"{'rows':>6}{'source':>8}{'target':>8}{'batches':>9}{'tokens':>9}"]
    padded = sum(shape.tokens * number for shape, number in batches.counts.items())
    for shape, number in batches.counts.items():
        share = shape.tokens * number / padded
        widths = f"{shape.rows:>6}{shape.source:>8}{shape.target:>8}"
        lines.append(f"{widths}{number:>9}{share:>9.1%}")
    fitting = lengths[(lengths <= batches.longest).all(axis=1)]
    rows = round(len(fitting) / len(batches))
    waste, other = batches.waste, random_waste(fitting, rows)
    started = time.perf_counter()
    steps = min(len(batches), 100)
    for step in range(steps):
        batches.at(step)
    each = 1000 * (time.perf_counter() - started) / steps
    return lines + [
        "",
        f"{len(batches)} batches an epoch, of {len(batches.shapes)} shapes",
        f"{waste:.1%} of their tokens are padding; {other:.1%} in random batches of "
        f"{rows} pairs, each padded to its longest",
        f"{each:.2f} ms to make a batch",
    ]
