"""The five algorithmic tasks of Graves et al. 2014, section 4, made on the fly.

A problem makes sequences of a size, such as the number of items. All sequences of a
batch have one size. Inputs show the problem, and are zero where the answer is due;
`scored` steps are those whose output counts, each an item.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import AfterValidator, Field, validate_call

from attnlab.settings import Count, Range, ascending
from attnlab.text.bucket_widths import choose_widths

SequenceSize = tuple[int, ...]
STREAMS = {"train": 0, "dev": 1, "test": 2}
AtLeastTwo = Annotated[int, Field(ge=2)]


class SequenceBatch(NamedTuple):
    """B sequences of T steps.

    Attributes:
      inputs: [B, T, X].
      targets: [B, T, Y] of 0 and 1.
      scored: [B, T] bool, False in the padding after the last step too.
    """

    inputs: np.ndarray
    targets: np.ndarray
    scored: np.ndarray


class Problem(NamedTuple):
    """A family of sequences.

    Attributes:
      inputs: numbers that a step takes, X.
      outputs: bits that it puts out, Y.
      training: the sizes learned from, each as likely as the others, the largest last.
      test: the sizes to be tested at.
      steps: steps(size) -> T.
      draw: draw(rng, rows, size) -> SequenceBatch of `rows` sequences.
      optimal: optimal(batch) -> bits [B] that the best estimator needs for each
        sequence; None where all can be learned without error.
    """

    inputs: int
    outputs: int
    training: list[SequenceSize]
    test: list[SequenceSize]
    steps: Callable[[SequenceSize], int]
    draw: Callable[[np.random.Generator, int, SequenceSize], SequenceBatch]
    optimal: Callable[[SequenceBatch], np.ndarray] | None = None


@validate_call
def copy(
    *,
    bits: Count = 8,
    lengths: Range = (1, 20),
    test: tuple[Count, ...] = (10, 20, 30, 50, 120),
) -> Problem:
    """Copying (Graves et al. 2014, section 4.1): items, a delimiter, the items again.

    A size is (items,).

    Args:
      bits: width of an item.
      lengths: least and most items of a training sequence.
      test: numbers of items that are tested.

    Returns:
      The problem: X = bits + 1 inputs and Y = bits outputs a step.
    """

    def steps(size):
        return 2 * size[0] + 1

    def draw(rng, rows, size):
        (length,) = size
        items = rng.integers(0, 2, (rows, length, bits))
        batch = _blank(rows, steps(size), bits + 1, bits)
        batch.inputs[:, :length, :bits] = items
        batch.inputs[:, length, bits] = 1
        return _answer(batch, items)

    return Problem(bits + 1, bits, _sizes(lengths), _single(test), steps, draw)


@validate_call
def repeat_copy(
    *,
    bits: Count = 6,
    lengths: Range = (1, 10),
    repeats: Range = (1, 10),
    test: tuple[tuple[Count, Count], ...] = ((10, 10), (20, 10), (10, 20)),
) -> Problem:
    """Repeat copy (Graves et al. 2014, section 4.2): items, answered that many times.

    After the items a step has their number of repeats; the answer closes with an end
    mark, a channel of the output. A size is (items, repeats). 6 bits give the inputs
    and outputs of the paper's count of parameters.

    Args:
      bits: width of an item.
      lengths: least and most items of a training sequence.
      repeats: least and most repeats of a training sequence.
      test: pairs (items, repeats) that are tested.

    Returns:
      The problem: X = bits + 2 inputs and Y = bits + 1 outputs a step.
    """
    low, high = repeats
    # The number of repeats is given with mean zero and variance one over training.
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

    return Problem(
        bits + 2, bits + 1, _sizes(lengths, repeats), list(test), steps, draw
    )


@validate_call
def recall(
    *,
    bits: Count = 6,
    vectors: Count = 3,
    items: Annotated[tuple[AtLeastTwo, AtLeastTwo], AfterValidator(ascending)] = (2, 6),
    test: tuple[AtLeastTwo, ...] = (6, 8, 10, 12, 15),
) -> Problem:
    """Associative recall (Graves et al. 2014, section 4.3): which item came next?

    Items, a delimiter before each, then one of them again between two other delimiters:
    the answer is the item after it. A size is (items,).

    Args:
      bits: width of a vector.
      vectors: vectors of an item.
      items: least and most items of a training sequence.
      test: numbers of items that are tested.

    Returns:
      The problem: X = bits + 2 inputs and Y = bits outputs a step.
    """

    def steps(size):
        return size[0] * (vectors + 1) + 2 * vectors + 2

    def draw(rng, rows, size):
        (count,) = size
        drawn = rng.integers(0, 2, (rows, count, vectors, bits))
        asked = rng.integers(0, count - 1, rows)
        batch = _blank(rows, steps(size), bits + 2, bits)
        end = count * (vectors + 1)
        parts = batch.inputs[:, :end].reshape(rows, count, vectors + 1, bits + 2)
        parts[:, :, 0, bits] = 1
        parts[:, :, 1:, :bits] = drawn
        each = np.arange(rows)
        batch.inputs[:, [end, end + vectors + 1], bits + 1] = 1
        batch.inputs[:, end + 1 : end + vectors + 1, :bits] = drawn[each, asked]
        return _answer(batch, drawn[each, asked + 1])

    return Problem(bits + 2, bits, _sizes(items), _single(test), steps, draw)


@validate_call
def ngrams(
    *, order: AtLeastTwo = 6, length: Count = 200, test: tuple[Count, ...] = (200,)
) -> Problem:
    """Dynamic n-grams (Graves et al. 2014, section 4.4): predict a binary source.

    The next bit depends on the last order - 1. The 2^(order - 1) chances of a one are
    drawn for each sequence from Beta(1/2, 1/2), the first order - 1 bits are fair. Each
    step has a bit and asks for the next, scored from where the context is complete. A
    size is (bits,).

    Args:
      order: bits of an n-gram, n.
      length: bits of a training sequence, at least `order`.
      test: numbers of bits that are tested, each at least `order`.

    Returns:
      The problem: X = 1 input and Y = 1 output a step.

    Raises:
      ValueError: for a length below the order.
    """
    _at_least(order, "order", length=(length,), test=test)
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

    def optimal(batch):
        return optimal_bits(batch, order)

    return Problem(1, 1, [(length,)], _single(test), steps, draw, optimal)


@validate_call
def sort(
    *,
    bits: Count = 8,
    items: Range = (20, 20),
    kept: Count = 16,
    test: tuple[Count, ...] = (20,),
) -> Problem:
    """Priority sort (Graves et al. 2014, section 4.5): the highest items in order.

    Items, each with a priority in [-1, 1], which has a channel as the delimiter after
    the items has. A size is (items,).

    Args:
      bits: width of an item.
      items: least and most items of a training sequence, at least `kept`.
      kept: items of the answer, those of the highest priority.
      test: numbers of items that are tested, each at least `kept`.

    Returns:
      The problem: X = bits + 2 inputs and Y = bits outputs a step.

    Raises:
      ValueError: for fewer items than are to be answered.
    """
    _at_least(kept, "kept", items=items, test=test)

    def steps(size):
        return size[0] + 1 + kept

    def draw(rng, rows, size):
        (count,) = size
        drawn = rng.integers(0, 2, (rows, count, bits))
        priority = rng.uniform(-1, 1, (rows, count))
        batch = _blank(rows, steps(size), bits + 2, bits)
        batch.inputs[:, :count, :bits] = drawn
        batch.inputs[:, :count, bits] = priority
        batch.inputs[:, count, bits + 1] = 1
        first = np.argsort(-priority, axis=1)[:, :kept, None]
        return _answer(batch, np.take_along_axis(drawn, first, axis=1))

    return Problem(bits + 2, bits, _sizes(items), _single(test), steps, draw)


PROBLEMS: dict[str, Callable[..., Problem]] = {
    "copy": copy,
    "repeat_copy": repeat_copy,
    "recall": recall,
    "ngrams": ngrams,
    "sort": sort,
}


class SequenceBatches:
    """Training batches without end: `batches.at(step)`.

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

    def size_at(self, step: int) -> SequenceSize:
        """The size of an update's sequences.

        Args:
          step: updates before it.

        Returns:
          One of the training sizes.
        """
        share = (step + 1) / self.curriculum if step < self.curriculum else 1.0
        allowed = math.ceil(share * len(self.sizes))
        return self.sizes[int(np.random.default_rng(step).integers(allowed))]

    def at(self, step: int) -> SequenceBatch:
        """The batch of an update, padded to one of at most `shapes` widths T.

        Args:
          step: updates before it.

        Returns:
          `rows` sequences of one size.
        """
        # Seeds may be negative, which numpy's generators are not.
        rng = stream("train", self.seed % 2**32, step)
        batch = self.problem.draw(rng, self.rows, self.size_at(step))
        return padded(batch, self.widths)


def stream(name: str, *numbers: int) -> np.random.Generator:
    """A random generator of its own for each split and list of numbers.

    Args:
      name: train, dev or test.
      *numbers: what tells it apart from others: a seed and a step, or a size.

    Returns:
      The generator.
    """
    return np.random.default_rng([STREAMS[name], *numbers])


def padded_widths(problem: Problem, shapes: int) -> list[int]:
    """The widths T that training batches are padded to, with the least padding.

    Args:
      problem: whose training sizes they hold.
      shapes: how many, at most.

    Returns:
      The widths, the least first.
    """
    steps = np.array([problem.steps(size) for size in problem.training])
    if len(set(steps)) <= shapes:
        return sorted({int(width) for width in steps})
    chosen = choose_widths(np.stack([steps, steps], axis=1), shapes, lambda s, t: 1)
    return [width for width, _ in chosen]


def padded(batch: SequenceBatch, widths: Sequence[int]) -> SequenceBatch:
    """The batch with zeros up to a width; the padding is not scored.

    Args:
      batch: of T steps.
      widths: to choose from, the least first.

    Returns:
      The batch in the first width that holds it; as it is where none does.
    """
    steps = batch.scored.shape[1]
    width = next((width for width in widths if width >= steps), steps)

    def wider(array):
        room = [(0, 0), (0, width - steps)] + [(0, 0)] * (array.ndim - 2)
        return np.pad(array, room)

    return SequenceBatch(*map(wider, batch))


def label(size: SequenceSize) -> str:
    """The name of a size in results: "20", "10x20".

    Args:
      size: its numbers.

    Returns:
      The name.
    """
    return "x".join(map(str, size))


def optimal_bits(batch: SequenceBatch, order: int = 6) -> np.ndarray:
    """Bits that the optimal estimator of n-grams needs for each sequence.

    Murphy 2012; Graves et al. 2014, eq. 10: after a context seen before n1 ones and n0
    zeros, the chance of a one is (n1 + 1/2) / (n1 + n0 + 1).

    Args:
      batch: B sequences of `ngrams`.
      order: that of the problem.

    Returns:
      [B].
    """
    context = order - 1
    inputs, rows = batch.inputs[..., 0].astype(int), np.arange(len(batch.inputs))
    ones, seen = np.zeros((2, len(rows), 2**context))
    last, bits = np.zeros(len(rows), int), np.zeros(len(rows))
    for t in range(inputs.shape[1]):
        last = (2 * last + inputs[:, t]) % 2**context
        scored = batch.scored[:, t]
        is_one = batch.targets[:, t, 0] == 1
        chance = (ones[rows, last] + 0.5) / (seen[rows, last] + 1.0)
        logs = np.log2(np.where(is_one, chance, 1 - chance))
        bits -= np.where(scored, logs, 0.0)
        ones[rows, last] += scored & is_one
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


def _sizes(*ranges: tuple[int, int]) -> list[SequenceSize]:
    """All sizes whose parts lie within the ranges, both ends counted."""
    sizes: list[SequenceSize] = [()]
    for low, high in ranges:
        sizes = [(*size, part) for size in sizes for part in range(low, high + 1)]
    return sizes


def _single(numbers: Sequence[int]) -> list[SequenceSize]:
    """Sizes of one part."""
    return [(number,) for number in numbers]


def _at_least(least: int, name: str, **options: Sequence[int]) -> None:
    for option, numbers in options.items():
        if min(numbers, default=least) < least:
            raise ValueError(f"{option} is {numbers}; {name} {least} takes as many")
