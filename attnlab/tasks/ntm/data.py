"""The five algorithmic tasks of Graves et al. 2014, section 4, made on the fly.

A problem makes sequences of a size, such as the number of items. All sequences of a
batch have one size. Inputs show the problem, and are zero where the answer is due;
`scored` steps are those whose output counts, each an item.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from attnlab.text.bucket_widths import choose_widths

Size = tuple[int, ...]
STREAMS = {"train": 0, "dev": 1, "test": 2}


class SequenceBatch(NamedTuple):
    """B sequences of T steps: inputs [B, T, X], targets [B, T, Y] of 0 and 1 and
    scored [B, T] bool, False in the padding after the last step too."""

    inputs: np.ndarray
    targets: np.ndarray
    scored: np.ndarray


class Problem(NamedTuple):
    """A family of sequences: X inputs and Y outputs a step.

    training: the sizes learned from, each as likely as the others, the largest last
    test: the sizes to be tested at
    steps(size) -> T
    draw(rng, rows, size) -> Batch of `rows` sequences
    """

    inputs: int
    outputs: int
    training: list[Size]
    test: list[Size]
    steps: Callable[[Size], int]
    draw: Callable[[np.random.Generator, int, Size], SequenceBatch]


def copy(
    *,
    bits: int = 8,
    lengths: Sequence[int] = (1, 20),
    test: Sequence[Any] = (10, 20, 30, 50, 120),
) -> Problem:
    """4.1: items, a delimiter, then the items again. A size is (items,)."""
    _check(bits=bits, lengths=lengths)

    def steps(size):
        return 2 * size[0] + 1

    def draw(rng, rows, size):
        (length,) = size
        items = rng.integers(0, 2, (rows, length, bits))
        batch = _blank(rows, steps(size), bits + 1, bits)
        batch.inputs[:, :length, :bits] = items
        batch.inputs[:, length, bits] = 1
        return _answer(batch, items)

    return Problem(bits + 1, bits, _sizes(lengths), _test(test, 1), steps, draw)


def repeat_copy(
    *,
    bits: int = 6,
    lengths: Sequence[int] = (1, 10),
    repeats: Sequence[int] = (1, 10),
    test: Sequence[Any] = ((10, 10), (20, 10), (10, 20)),
) -> Problem:
    """4.2: items, a step with their number of repeats, the items that often, an end.

    A size is (items, repeats). The number stands in a channel of its own, with mean
    zero and variance one over training; the end is a channel of the output. 6 bits give
    the inputs and outputs of the paper's count of parameters.
    """
    _check(bits=bits, lengths=lengths, repeats=repeats)
    low, high = repeats
    deviation = np.sqrt(((high - low + 1) ** 2 - 1) / 12) or 1.0

    def steps(size):
        return size[0] + 1 + size[0] * size[1] + 1

    def draw(rng, rows, size):
        length, count = size
        items = rng.integers(0, 2, (rows, length, bits))
        batch = _blank(rows, steps(size), bits + 2, bits + 1)
        batch.inputs[:, :length, :bits] = items
        batch.inputs[:, length, bits] = 1
        batch.inputs[:, length, bits + 1] = (count - (low + high) / 2) / deviation
        answer = np.zeros((rows, length * count + 1, bits + 1))
        answer[:, :-1, :bits] = np.tile(items, (1, count, 1))
        answer[:, -1, bits] = 1
        return _answer(batch, answer)

    sizes = _sizes(lengths, repeats)
    return Problem(bits + 2, bits + 1, sizes, _test(test, 2), steps, draw)


def recall(
    *,
    bits: int = 6,
    vectors: int = 3,
    items: Sequence[int] = (2, 6),
    test: Sequence[Any] = (6, 8, 10, 12, 15),
) -> Problem:
    """4.3: items of `vectors` each, then one of them again: answer the one after it.

    A delimiter before each item, another one before and after the query. A size is
    (items,), at least two.
    """
    _check(bits=bits, items=items, vectors=(vectors, vectors))
    if items[0] < 2:
        raise ValueError(f"items is {tuple(items)}; an item after another takes 2")

    def steps(size):
        return size[0] * (vectors + 1) + 2 * vectors + 2

    def draw(rng, rows, size):
        (count,) = size
        shown = rng.integers(0, 2, (rows, count, vectors, bits))
        asked = rng.integers(0, count - 1, rows)
        batch = _blank(rows, steps(size), bits + 2, bits)
        end = count * (vectors + 1)
        parts = batch.inputs[:, :end].reshape(rows, count, vectors + 1, bits + 2)
        parts[:, :, 0, bits] = 1
        parts[:, :, 1:, :bits] = shown
        each = np.arange(rows)
        batch.inputs[:, [end, end + vectors + 1], bits + 1] = 1
        batch.inputs[:, end + 1 : end + vectors + 1, :bits] = shown[each, asked]
        return _answer(batch, shown[each, asked + 1])

    return Problem(bits + 2, bits, _sizes(items), _test(test, 1, 2), steps, draw)


def ngrams(
    *, order: int = 6, length: int = 200, test: Sequence[Any] = (200,)
) -> Problem:
    """4.4: a binary source whose next bit depends on the last order - 1, to be learned.

    The 2^(order - 1) chances of a one are drawn for each sequence from Beta(1/2, 1/2),
    the first order - 1 bits are fair. Each step shows a bit and asks for the next,
    scored from where the context is complete. A size is (bits,).
    """
    _check(order=(order, order), length=(length, length))
    if order < 2:
        raise ValueError(f"order is {order}; a bit depends on at least one before it")
    if length < order:
        raise ValueError(f"length is {length}; order {order} takes at least as many")
    context = order - 1

    def steps(size):
        return size[0] - 1

    def draw(rng, rows, size):
        (count,) = size
        chances = rng.beta(0.5, 0.5, (rows, 2**context))
        uniform = rng.random((rows, count))
        bits, last = np.zeros((rows, count), int), np.zeros(rows, int)
        for t in range(count):
            chance = chances[np.arange(rows), last] if t >= context else 0.5
            bits[:, t] = uniform[:, t] < chance
            last = (2 * last + bits[:, t]) % 2**context
        batch = _blank(rows, steps(size), 1, 1)
        batch.inputs[..., 0] = bits[:, :-1]
        return _answer(batch, bits[:, context:, None])

    return Problem(1, 1, [(length,)], _test(test, 1, order), steps, draw)


def sort(
    *,
    bits: int = 8,
    items: Sequence[int] = (20, 20),
    kept: int = 16,
    test: Sequence[Any] = (20,),
) -> Problem:
    """4.5: items, each with a priority in [-1, 1]; then the `kept` highest in order.

    The priority has a channel, and so has the delimiter after the items. A size is
    (items,).
    """
    _check(bits=bits, items=items, kept=(kept, kept))
    if kept > items[0]:
        raise ValueError(f"kept is {kept}; there may be only {items[0]} items")

    def steps(size):
        return size[0] + 1 + kept

    def draw(rng, rows, size):
        (count,) = size
        shown = rng.integers(0, 2, (rows, count, bits))
        priority = rng.uniform(-1, 1, (rows, count))
        batch = _blank(rows, steps(size), bits + 2, bits)
        batch.inputs[:, :count, :bits] = shown
        batch.inputs[:, :count, bits] = priority
        batch.inputs[:, count, bits + 1] = 1
        first = np.argsort(-priority, axis=1)[:, :kept, None]
        return _answer(batch, np.take_along_axis(shown, first, axis=1))

    return Problem(bits + 2, bits, _sizes(items), _test(test, 1, kept), steps, draw)


PROBLEMS: dict[str, Callable[..., Problem]] = {
    "copy": copy,
    "repeat_copy": repeat_copy,
    "recall": recall,
    "ngrams": ngrams,
    "sort": sort,
}


class SequenceBatches:
    """Training batches without end: `batches.at(step)`, padded to at most `shapes` T.

    Over the first `curriculum` steps the sizes drawn from grow evenly from the shortest
    to all. The size of a step's sequences is the same for all seeds. An epoch is what
    the schedules call `EPOCH` batches.
    """

    EPOCH = 1000

    def __init__(
        self, problem: Problem, rows: int, shapes: int, seed: int, curriculum: int = 0
    ):
        self.problem, self.rows, self.seed = problem, rows, seed
        self.curriculum = curriculum
        self.sizes = sorted(problem.training, key=problem.steps)
        self.widths = padded_widths(problem, shapes)

    def __len__(self) -> int:
        return self.EPOCH

    def size_at(self, step: int) -> Size:
        share = (step + 1) / self.curriculum if step < self.curriculum else 1.0
        allowed = math.ceil(share * len(self.sizes))
        return self.sizes[int(np.random.default_rng(step).integers(allowed))]

    def at(self, step: int) -> SequenceBatch:
        rng = stream("train", self.seed % 2**32, step)
        batch = self.problem.draw(rng, self.rows, self.size_at(step))
        return padded(batch, self.widths)


def stream(name: str, *numbers: int) -> np.random.Generator:
    """The randomness of what these numbers tell apart, in training, dev or test."""
    return np.random.default_rng([STREAMS[name], *numbers])


def padded_widths(problem: Problem, shapes: int) -> list[int]:
    """At most `shapes` widths T for the training sizes, with the least padding."""
    steps = np.array([problem.steps(size) for size in problem.training])
    if len(set(steps)) <= shapes:
        return sorted({int(width) for width in steps})
    chosen = choose_widths(np.stack([steps, steps], axis=1), shapes, lambda s, t: 1)
    return [width for width, _ in chosen]


def padded(batch: SequenceBatch, widths: Sequence[int]) -> SequenceBatch:
    """The batch with zeros up to the first of `widths` that holds it; scored: False."""
    steps = batch.scored.shape[1]
    width = next((width for width in widths if width >= steps), steps)

    def wider(array):
        room = [(0, 0), (0, width - steps)] + [(0, 0)] * (array.ndim - 2)
        return np.pad(array, room)

    return SequenceBatch(*map(wider, batch))


def label(size: Size) -> str:
    """How a size is called in results: "20", "10x20"."""
    return "x".join(map(str, size))


def optimal_bits(batch: SequenceBatch, order: int = 6) -> np.ndarray:
    """Bits that the optimal estimator of n-grams needs for each sequence, [B].

    Murphy 2012; Graves et al. 2014, eq. 10: after a context seen before n1 ones and n0
    zeros, the chance of a one is (n1 + 1/2) / (n1 + n0 + 1).
    """
    context = order - 1
    shown, rows = batch.inputs[..., 0].astype(int), np.arange(len(batch.inputs))
    ones, seen = np.zeros((2, len(rows), 2**context))
    last, bits = np.zeros(len(rows), int), np.zeros(len(rows))
    for t in range(shown.shape[1]):
        last = (2 * last + shown[:, t]) % 2**context
        scored = batch.scored[:, t]
        one = batch.targets[:, t, 0] == 1
        chance = (ones[rows, last] + 0.5) / (seen[rows, last] + 1.0)
        bits -= np.where(scored, np.log2(np.where(one, chance, 1 - chance)), 0.0)
        ones[rows, last] += scored & one
        seen[rows, last] += scored
    return bits


def _blank(rows: int, steps: int, inputs: int, outputs: int) -> SequenceBatch:
    return SequenceBatch(
        np.zeros((rows, steps, inputs), np.float32),
        np.zeros((rows, steps, outputs), np.float32),
        np.zeros((rows, steps), bool),
    )


def _answer(batch: SequenceBatch, answer: np.ndarray) -> SequenceBatch:
    """The batch with `answer` [B, n, Y] due in its last n steps."""
    batch.targets[:, -answer.shape[1] :] = answer
    batch.scored[:, -answer.shape[1] :] = True
    return batch


def _sizes(*ranges: Sequence[int]) -> list[Size]:
    """All sizes whose parts lie within the ranges, both ends counted."""
    sizes: list[Size] = [()]
    for low, high in ranges:
        sizes = [(*size, part) for size in sizes for part in range(low, high + 1)]
    return sizes


def _test(sizes: Sequence[Any], parts: int, least: int = 1) -> list[Size]:
    """Sizes as tuples of `parts` numbers; a number stands for a size of one part."""
    found = [(size,) if isinstance(size, int) else tuple(size) for size in sizes]
    for size in found:
        if len(size) != parts or min(size) < least:
            numbers = f"{parts} number{'s' if parts > 1 else ''} of at least {least}"
            raise ValueError(f"test size {size}; it takes {numbers}")
    return found


def _check(**ranges: Any) -> None:
    for name, given in ranges.items():
        pair = (given, given) if isinstance(given, int) else tuple(given)
        if len(pair) != 2 or not 1 <= pair[0] <= pair[1]:
            raise ValueError(f"{name} is {given}; it must be positive, (least, most)")
