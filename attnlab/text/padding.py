"""How much of a training text's batches is padding."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.corpora.corpus_stats import CorpusTable, number, share
from attnlab.text.batching import Endless, IdPair
from attnlab.text.vocabulary import UNK


class PaddingSide(NamedTuple):
    """One side of a text, in units: words, or subwords; lengths count EOS.

    Attributes:
      vocabulary: its size.
      units: of the text, EOS not counted.
      unknown: share of UNK among them, in [0, 1].
      mean: length of a sentence.
      most_95: 95 % of sentences are no longer.
      longest: length of the longest.
    """

    vocabulary: int
    units: int
    unknown: float
    mean: float
    most_95: float
    longest: int


def lengths_of(pairs_ids: Sequence[IdPair]) -> np.ndarray:
    """Units of every pair, with EOS.

    Args:
      pairs_ids: N pairs of ids, without EOS.

    Returns:
      Lengths of source and target, [N, 2].
    """
    return np.array([(len(s) + 1, len(t) + 1) for s, t in pairs_ids]).reshape(-1, 2)


def side(sentences: Sequence[Sequence[int]], vocabulary: int) -> PaddingSide:
    """The statistics of one side.

    Args:
      sentences: its ids, without EOS.
      vocabulary: its size, which is passed on.

    Returns:
      The statistics.
    """
    lengths = np.array([len(ids) + 1 for ids in sentences])
    units = int(lengths.sum()) - len(lengths)  # EOS is no unit of the text
    unknown = sum(list(ids).count(UNK) for ids in sentences) / max(units, 1)
    most = float(np.percentile(lengths, 95))
    return PaddingSide(
        vocabulary, units, unknown, float(lengths.mean()), most, int(lengths.max())
    )


def random_waste(lengths: np.ndarray, rows: int, seed: int = 0) -> float:
    """The share of padding in shuffled batches, each side as wide as its longest.

    Args:
      lengths: of source and target, [N, 2].
      rows: of a batch.
      seed: of the shuffle.

    Returns:
      The share of tokens that is padding, in [0, 1].
    """
    order = np.random.default_rng(seed).permutation(len(lengths))
    parts = [lengths[order[k : k + rows]] for k in range(0, len(order), rows)]
    # Rows times S + T of each batch.
    padded = sum(len(part) * int(part.max(axis=0).sum()) for part in parts)
    return 1 - int(lengths.sum()) / padded


def tables(
    batches: Endless, lengths: np.ndarray, source: PaddingSide, target: PaddingSide
) -> list[CorpusTable]:
    """A training text in units, and the shapes that it is batched in.

    Args:
      batches: the training batches.
      lengths: of their pairs, with EOS, [N, 2].
      source: statistics of the source.
      target: statistics of the target.

    Returns:
      A table of both sides, of shapes and of all batches.
    """
    pairs = f"{batches.pairs} pairs"
    if batches.dropped:
        pairs += f", {batches.dropped} longer than {batches.longest} and left out"
    sides = [
        [name, form(getattr(source, field)), form(getattr(target, field))]
        for field, name, form in (
            ("units", "units", number),
            ("vocabulary", "vocabulary", number),
            ("unknown", "unknown units", share),
            ("mean", "mean length with end mark", "{:.1f}".format),
            ("most_95", "95 % are no longer than", "{:.0f}".format),
            ("longest", "longest", number),
        )
    ]
    padded = sum(shape.tokens * times for shape, times in batches.counts.items())
    shapes = [
        [str(shape.rows), str(shape.source), str(shape.target), str(times)]
        + [share(shape.tokens * times / padded)]
        for shape, times in batches.counts.items()
    ]
    fitting = lengths[(lengths <= batches.longest).all(axis=1)]
    rows = round(len(fitting) / len(batches))
    steps = min(len(batches), 100)  # enough for a mean, and soon over
    start = time.perf_counter()
    for step in range(steps):
        batches.at(step)
    each = 1000 * (time.perf_counter() - start) / steps
    random = f"padding in random batches of {rows}, padded to their longest"
    return [
        CorpusTable(
            f"training as this config has it: {pairs}", ["", "source", "target"], sides
        ),
        CorpusTable(
            "shapes", ["rows", "source", "target", "batches", "tokens"], shapes
        ),
        CorpusTable(
            "an epoch",
            ["", ""],
            [
                ["batches", number(len(batches))],
                ["shapes", number(len(batches.shapes))],
                ["padding", share(batches.waste)],
                [random, share(random_waste(fitting, rows))],
                ["time to make a batch", f"{each:.2f} ms"],
            ],
        ),
    ]
