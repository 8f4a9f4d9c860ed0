"""The few widths that sentence pairs are padded to, chosen so that padding is least."""

from collections.abc import Callable

import numpy as np


def choose_widths(
    lengths: np.ndarray, most: int, rows_of: Callable[[int, int], int]
) -> list[tuple[int, int]]:
    """At most `most` (source, target) widths, none narrower than the one before.

    They are those of `widths_of_counts` for pairs of `lengths` [N, 2], N >= 1.
    """
    counts = np.zeros(lengths.max(axis=0) + 1, np.int64)
    np.add.at(counts, tuple(lengths.T), 1)
    return widths_of_counts(counts, most, rows_of)


def widths_of_counts(
    counts: np.ndarray, most: int, rows_of: Callable[[int, int], int]
) -> list[tuple[int, int]]:
    """At most `most` (source, target) widths, none narrower than the one before.

    `counts[s, t]` pairs, in all at least one, have lengths s and t; each is padded to
    the first widths that hold it. A batch has `rows_of(source, target)` rows; what
    fills none moves to the next widths, and at the last ones filler rows are added. No
    other such widths cost fewer tokens, source and target together, where rows do not
    depend on widths; where they do, what is left over is counted for the best choice up
    to each pair of widths alone.

    By dynamic programming: widths (s, t) hold `inside[s, t]` pairs, and the best choice
    that ends in them is the best one that ends in some (s', t') <= (s, t), plus s + t
    for each of the inside[s, t] - inside[s', t'] pairs between, plus the difference in
    width for what was left over.
    """
    occurring = np.argwhere(counts).max(axis=0) + 1
    counts = counts[: occurring[0], : occurring[1]]
    size = counts.shape
    source, target = np.indices(size)
    width, index = source + target, np.arange(source.size).reshape(size)
    widest = int(width.max())
    rows = np.array([rows_of(s, t) for s, t in np.ndindex(*size)]).reshape(size)
    inside = counts.cumsum(axis=0).cumsum(axis=1)

    far = 2**60 // width.size  # so that a cost and an index fit into one integer
    cost, left = np.full(size, far), np.zeros(size, np.int64)
    cost[0, 0] = 0  # no widths yet
    totals, origins = [], []
    for _ in range(most):
        best = np.zeros(size, np.int64)
        for wide in range(2, widest + 1):
            total = cost + left * (wide - width) - inside * wide
            coded = np.minimum(total, far) * width.size + index
            least = np.minimum.accumulate(np.minimum.accumulate(coded, 0), 1)
            best[width == wide] = least[width == wide]
        total, origin = np.divmod(best, width.size)
        cost = np.minimum(total + inside * width, far)
        left = (left.flat[origin] + inside - inside.flat[origin]) % rows
        origins.append(origin)
        totals.append(cost[-1, -1] + -left[-1, -1] % rows[-1, -1] * widest)  # fillers

    chosen, at = [], index[-1, -1]
    for origin in reversed(origins[: np.argmin(totals) + 1]):
        chosen.append((int(source.flat[at]), int(target.flat[at])))
        at = origin.flat[at]
    return chosen[::-1]
