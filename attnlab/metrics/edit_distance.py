"""Edit distance, and the error rate and accuracy of strings that rest on it.

    counts = example_counts(statistics(hypotheses, references))  # {score: [N, 2]}
    rates = {name: score(pairs.sum(axis=0)) for name, pairs in counts.items()}

Of phonemes the error rate is the phoneme error rate (PER), and one minus the accuracy
is the word error rate (WER).
"""

from collections.abc import Sequence

import numpy as np

String = Sequence[str]
"""Symbols: phonemes, characters, words."""


def edit_distance(first: String, second: String) -> int:
    """The fewest insertions, deletions and substitutions from one to the other.

    Wagner and Fischer 1974 (https://doi.org/10.1145/321796.321811), a row at a time:
    d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (a_i != b_j)).

    Args:
      first: symbols.
      second: symbols.

    Returns:
      The distance, at least the difference of their lengths, at most the larger length.
    """
    row = list(range(len(second) + 1))  # from nothing to each beginning of `second`
    for i, symbol in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            kept = diagonal + (symbol != other)
            diagonal = row[j]  # of the row above, before it is overwritten
            row[j] = min(diagonal + 1, row[j - 1] + 1, kept)
    return row[-1]


def closest(hypothesis: String, references: Sequence[String]) -> tuple[int, int]:
    """The distance to the closest of several references.

    Args:
      hypothesis: symbols.
      references: one or more that are all right, as a word may be pronounced in several
        ways.

    Returns:
      (the fewest edits, the symbols of that reference); of equally close ones the
      first.

    Raises:
      ValueError: for no reference.
    """
    if not references:
        raise ValueError("a hypothesis needs at least one reference")
    distances = [edit_distance(hypothesis, reference) for reference in references]
    least = min(distances)
    return least, len(references[distances.index(least)])


def statistics(
    hypotheses: Sequence[String], references: Sequence[Sequence[String]]
) -> np.ndarray:
    """Counts of each string, which add up over strings.

    Args:
      hypotheses: N strings.
      references: of each, all that are right.

    Returns:
      Counts [N, 3]: edits to the closest reference, its symbols, and 1 where there are
      no edits.

    Raises:
      ValueError: for lists of two lengths, and a string without a reference.
    """
    if len(hypotheses) != len(references):
        raise ValueError(
            f"{len(hypotheses)} hypotheses, but references of {len(references)}"
        )
    pairs = [closest(*pair) for pair in zip(hypotheses, references, strict=True)]
    rows = [(edits, length, edits == 0) for edits, length in pairs]
    return np.array(rows, np.int64).reshape(-1, 3)


def example_counts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The counts as `attnlab.runs.write_example_counts` takes them.

    Args:
      counts: [N, 3], of `statistics`.

    Returns:
      [N, 2] by score: the score is the sum of the first column over that of the second.
    """
    ones = np.ones(len(counts), np.int64)
    right = np.stack([counts[:, 2], ones], axis=1)
    return {"error_rate": counts[:, :2], "accuracy": right}


def score(totals: np.ndarray) -> np.ndarray:
    """The score of `example_counts` summed over strings, as significance tests take it.

    Args:
      totals: [..., 2].

    Returns:
      First over second column [...]: an error rate is above 1 where hypotheses are much
      too long; 0 where there is nothing to count.
    """
    totals = np.asarray(totals, np.float64)
    return totals[..., 0] / np.maximum(totals[..., 1], 1.0)
