"""The few widths that sentence pairs are padded to, chosen so that padding is least."""

from collections.abc import Callable

import numpy as np


def choose_widths(
    lengths: np.ndarray, most: int, rows_of: Callable[[int, int], int]
) -> list[tuple[int, int]]:
    """The widths of `widths_of_counts` for pairs of these lengths.

    Args:
      lengths: of source and target, [N, 2], N >= 1.
      most: at most so many widths.
      rows_of: rows of a batch of two widths.

    Returns:
      (source, target) widths, none narrower than the one before.
    """
    counts = np.zeros(lengths.max(axis=0) + 1, np.int64)
    np.add.at(counts, tuple(lengths.T), 1)  # unlike counts[...] += 1, counts repeats
    return widths_of_counts(counts, most, rows_of)


def widths_of_counts(
    counts: np.ndarray, most: int, rows_of: Callable[[int, int], int]
) -> list[tuple[int, int]]:
    """The few widths that cost the least padding.

    Each pair is padded to the first widths that hold it; what fills no batch moves to
    the next widths, and at the last ones filler rows are added. No other such widths
    cost fewer tokens, source and target together, where rows do not depend on widths;
    where they do, what is left over is counted for the best choice up to each pair of
    widths alone.

    By dynamic programming: widths (s, t) hold `inside[s, t]` pairs, and the best choice
    that ends in them is the best one that ends in some (s', t') <= (s, t), plus s + t
    for each of the inside[s, t] - inside[s', t'] pairs between, plus the difference in
    width for what was left over.

    Args:
      counts: `counts[s, t]` pairs, in all at least one, have lengths s and t.
      most: at most so many widths.
      rows_of: rows of a batch of two widths.

    Returns:
      (source, target) widths, none narrower than the one before.
    """
    # Lengths beyond the longest that occurs cost time and choose nothing.
    occurring = np.argwhere(counts).max(axis=0) + 1
    counts = counts[: occurring[0], : occurring[1]]
    size = counts.shape
    source, target = np.indices(size)
    width, index = source + target, np.arange(source.size).reshape(size)
    widest = int(width.max())
    rows = np.array([rows_of(s, t) for s, t in np.ndindex(*size)]).reshape(size)
    inside = counts.cumsum(axis=0).cumsum(axis=1)  # pairs no longer than (s, t)

    far = 2**60 // width.size  # so that a cost and an index fit into one integer
    cost, left = np.full(size, far), np.zeros(size, np.int64)
    cost[0, 0] = 0  # no widths yet
    totals, origins = [], []
    for _ in range(most):
        best = np.zeros(size, np.int64)
        # By s + t, on which a pair's cost depends; 2 is one EOS on each side.
        for wide in range(2, widest + 1):
            total = cost + left * (wide - width) - inside * wide
            # Cost and origin in one integer, so that one running minimum finds both.
            coded = np.minimum(total, far) * width.size + index
            least = np.minimum.accumulate(np.minimum.accumulate(coded, 0), 1)
            # Only the ends of this width: the others have other costs.
            best[width == wide] = least[width == wide]
        total, origin = np.divmod(best, width.size)
        cost = np.minimum(total + inside * width, far)
        left = (left.flat[origin] + inside - inside.flat[origin]) % rows
        origins.append(origin)
        totals.append(cost[-1, -1] + -left[-1, -1] % rows[-1, -1] * widest)  # fillers

    chosen, at = [], index[-1, -1]
    # Fewer widths may be cheaper, as each leaves a batch to be filled.
    for origin in reversed(origins[: np.argmin(totals) + 1]):
        chosen.append((int(source.flat[at]), int(target.flat[at])))
        at = origin.flat[at]
    return chosen[::-1]
