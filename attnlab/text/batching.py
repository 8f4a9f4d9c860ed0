"""Sentence pairs as padded batches of few shapes, in an order that can be resumed.

Every step's batch is a pure function of (seed, step), so a run needs no iterator state
beyond its step number; its shape is one of step alone, so that runs of different seeds
can share one program, update by update.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.bucket_widths import choose_widths
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS, PAD

EDGES = (24, 48)
"""Widths that sentences are padded to in evaluation: two, as a program is compiled for
each that occurs, which costs more than the padding."""

UPDATES, MOST = 500, 6  # of a shape, and shapes that are chosen at most

IdPair = tuple[Sequence[int], Sequence[int]]


class Batch(NamedTuple):
    """B pairs as words, then EOS, then PAD. Lengths count EOS; a filler row has 0.

    source [B, S], target [B, T], source_lengths [B] and target_lengths [B], all int32.
    """

    source: np.ndarray
    source_lengths: np.ndarray
    target: np.ndarray
    target_lengths: np.ndarray


def encode_pairs(
    pairs: Iterable, source: Codec, target: Codec
) -> list[tuple[list[int], list[int]]]:
    """The ids of every pair.

    Args:
      pairs: anything with `.source` and `.target`, as words.
      source: the vocabulary of the source.
      target: the vocabulary of the target.

    Returns:
      Pairs of ids, without EOS.
    """
    return [
        (source.encode(pair.source).ids, target.encode(pair.target).ids)
        for pair in pairs
    ]


class _Side:
    """Sentences laid end to end, each closed by EOS, to be cut into padded rows."""

    def __init__(self, sentences: Sequence[Sequence[int]]):
        # One more than words: EOS.
        self.lengths = np.array([len(ids) + 1 for ids in sentences], np.int32)
        self.starts = np.cumsum(self.lengths, dtype=np.int64) - self.lengths
        # One flat array instead of a list a sentence: a pair costs its ids, not
        # objects, and rows are cut out of it without a Python loop.
        flat = [index for ids in sentences for index in (*ids, EOS)]
        self.flat = np.array(flat, np.int32)

    def rows(self, members, count, width):
        """Padded ids [count, width] and lengths [count] of `members`, then fillers."""
        lengths = np.zeros(count, np.int32)
        lengths[: len(members)] = self.lengths[members]
        starts = np.zeros(count, np.int64)
        starts[: len(members)] = self.starts[members]
        columns = np.arange(width)
        inside = columns < lengths[:, None]  # [count, width]
        # Whatever is read outside is replaced; 0 is a place that exists.
        where = np.where(inside, starts[:, None] + columns, 0)
        # [count, width]
        return np.where(inside, self.flat[where], np.int32(PAD)), lengths


class Shape(NamedTuple):
    """Rows and widths of a batch: source [rows, source], target [rows, target]."""

    rows: int
    source: int
    target: int

    @property
    def tokens(self) -> int:
        """Source and target tokens, padding included."""
        return self.rows * (self.source + self.target)


class Endless(ABC):
    """A training set's batches without end: `batches.at(step)`.

    `len(batches)` is the number of batches an epoch, the same for every epoch; an epoch
    shows each pair once. `pairs` counts those given, `dropped` the ones of them that
    are longer than `longest` on either side. `tokens` are an epoch's, EOS counted.
    """

    pairs: int
    dropped: int
    longest: int
    tokens: int

    @property
    @abstractmethod
    def counts(self) -> dict[Shape, int]:
        """How many batches an epoch has of each shape that occurs, narrowest first.

        The same for every seed and epoch.
        """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def at(self, step: int) -> Batch:
        """The batch of a training step.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          The batch, a function of (seed, step) alone; its shape one of step alone.
        """

    @property
    def shapes(self) -> list[Shape]:
        """The shapes that occur, narrowest first."""
        return list(self.counts)

    @property
    def waste(self) -> float:
        """The share of an epoch's source and target tokens that is padding."""
        padded = sum(number * shape.tokens for shape, number in self.counts.items())
        return 1 - self.tokens / padded


class Batches(Endless):
    """The batches of a training set in memory."""

    def __init__(self, pairs_ids, shapes, longest, seed):
        self._source = _Side([source for source, _ in pairs_ids])
        self._target = _Side([target for _, target in pairs_ids])
        bucket = _buckets(
            self._source,
            self._target,
            [shape.source for shape in shapes],
            [shape.target for shape in shapes],
        )
        fits = bucket < len(shapes)
        self.pairs, self.dropped = len(bucket), int((~fits).sum())
        self.longest = longest
        if not fits.any():
            raise ValueError(
                f"no pair to batch: {self.pairs} given, {self.dropped} of them longer "
                f"than {longest} (EOS counted)"
            )
        self._buckets = [
            (shape, np.flatnonzero(bucket == number))
            for number, shape in enumerate(shapes)
        ]
        # Without padding, so that `waste` can compare.
        self.tokens = int(self._source.lengths[fits].sum()) + int(
            self._target.lengths[fits].sum()
        )
        self._seed = seed
        # Made at once, as the length of every epoch is that of this one.
        self._epoch, self._plan = 0, self._plan_of(0)

    def __len__(self) -> int:
        return len(self._plan)

    @property
    def counts(self) -> dict[Shape, int]:
        times = Counter(shape for shape, _ in self._plan)
        return {shape: times[shape] for shape, _ in self._buckets if times[shape]}

    def at(self, step: int) -> Batch:
        """The batch of a training step.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          The batch, a function of (seed, step) alone.
        """
        shape, members = self.planned(step)
        return Batch(
            *self._source.rows(members, shape.rows, shape.source),
            *self._target.rows(members, shape.rows, shape.target),
        )

    def planned(self, step: int) -> tuple[Shape, np.ndarray]:
        """The shape of a step's batch, and which pairs are in it.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          The shape, and the pairs of its first rows, [n]; the other rows are fillers.
        """
        epoch, index = divmod(step, len(self._plan))
        # Only one epoch's plan is held; steps come in order, so it is rarely remade.
        if epoch != self._epoch:  # a cache: the plan depends on seed and epoch alone
            self._epoch, self._plan = epoch, self._plan_of(epoch)
        return self._plan[index]

    def _plan_of(self, epoch):
        """(shape, members) of each batch of an epoch, in its order.

        What does not fill a bucket's last batch moves to the next larger bucket, so at
        most one batch an epoch holds filler rows, and a rare length is never an update
        of its own.
        """
        # Philox is keyed by (seed, epoch): an epoch's order needs none before it.
        rng = np.random.Generator(np.random.Philox([self._seed, epoch]))
        plan, left = [], np.zeros(0, np.int64)
        for shape, members in self._buckets:
            # Leftovers are mixed in, or they would always share a batch.
            members = rng.permutation(np.concatenate([left, members]))
            full = len(members) - len(members) % shape.rows
            plan += [(shape, part) for part in members[:full].reshape(-1, shape.rows)]
            left = members[full:]
        # Fillers only here: the last bucket has nobody to pass its rest on to.
        if len(left):
            plan.append((self._buckets[-1][0], left))
        order = np.random.default_rng(epoch)  # of shapes: the same for every seed
        return [plan[index] for index in order.permutation(len(plan))]


def bucketed(
    pairs_ids: Sequence[IdPair],
    *,
    batch_size: int | None = None,
    token_budget: int | None = None,
    shapes: int = 6,
    longest: int = 48,
    edges: Sequence[int] = (),
    seed: int = 0,
) -> Batches:
    """Shuffled training batches of few shapes, chosen for least padding.

    The widths are chosen from the lengths of the pairs (`choose_widths`), the same for
    every seed; S and T of a shape differ. Give either `batch_size` or `token_budget`.

    Args:
      pairs_ids: ids without EOS, which is added here; all widths count it.
      batch_size: rows of every batch.
      token_budget: padded tokens of the wider side of a batch: a shape then has
        `token_budget // max(S, T)` rows, cut to a multiple of 8.
      shapes: at most so many shapes.
      longest: pairs longer on either side are dropped, and counted in `.dropped`.
      edges: if given, the widths are these, S = T = an edge, and the last edge is the
        longest.
      seed: of the order of pairs.

    Returns:
      The batches.

    Raises:
      ValueError: for sizes that cannot be, and where no pair is short enough.
    """
    edges, longest = checked_widths(edges, shapes, longest)
    rows_of = rows_rule(batch_size, token_budget, longest)
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must not be negative")
    widths = [(edge, edge) for edge in edges]
    if not edges:
        lengths = [(len(source) + 1, len(target) + 1) for source, target in pairs_ids]
        # Pairs that are dropped must not make the widths any wider.
        fitting = [pair for pair in lengths if max(pair) <= longest]
        if fitting:
            widths = choose_widths(np.array(fitting), shapes, rows_of)
    chosen = [Shape(rows_of(*pair), *pair) for pair in widths]
    return Batches(pairs_ids, chosen, longest, seed)


def affordable_shapes(updates: int) -> int:
    """How many shapes training batches should have: each is compiled, a third of a
    minute of a small model's processor time, and has to save that in padding.

    Args:
      updates: of the whole training.

    Returns:
      One, and another for every 500 updates beyond the first, at most 6.
    """
    return min(max(updates // UPDATES, 1), MOST)


def checked_widths(
    edges: Sequence[int], shapes: int, longest: int
) -> tuple[tuple[int, ...], int]:
    """Widths of batches as `bucketed` means them.

    Args:
      edges: square widths, or none.
      shapes: at most so many shapes.
      longest: of the pairs.

    Returns:
      The edges, and the longest pair that they allow.

    Raises:
      ValueError: for edges that do not rise, and numbers too small.
    """
    edges = _checked_edges(edges) if edges else ()
    longest = edges[-1] if edges else longest
    if shapes < 1:
        raise ValueError(f"shapes is {shapes}; it must be positive")
    if longest < 2:
        raise ValueError(f"longest is {longest}; a word and EOS take 2")
    return edges, longest


def rows_rule(
    batch_size: int | None, token_budget: int | None, longest: int
) -> Callable[[int, int], int]:
    """How many rows a batch has, by either size.

    Args:
      batch_size: rows of every batch, or None.
      token_budget: padded tokens of the wider side of a batch, or None.
      longest: pair that must fit in.

    Returns:
      rows_of(source, target): the rows of a batch of these widths.

    Raises:
      ValueError: where not one of the two is given, or it is too small.
    """
    if (batch_size is None) == (token_budget is None):
        raise ValueError(
            f"give one of batch_size (got {batch_size}) and "
            f"token_budget (got {token_budget})"
        )
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be positive")
    if token_budget is not None and token_budget < 8 * longest:
        raise ValueError(
            f"token_budget is {token_budget}; 8 rows of the longest pairs take "
            f"{8 * longest}"
        )

    def rows_of(source: int, target: int) -> int:
        if batch_size is not None:
            return batch_size
        assert token_budget is not None
        # A multiple of 8 divides evenly among devices, and fills vector units.
        return token_budget // max(source, target, 1) // 8 * 8

    return rows_of


def in_order(
    pairs_ids: Sequence[IdPair], batch_size: int, edges: Sequence[int] = EDGES
) -> list[tuple[np.ndarray, Batch]]:
    """Every pair once, for evaluation, shortest bucket first.

    Args:
      pairs_ids: ids without EOS.
      batch_size: rows of a batch up to the largest edge. A pair longer than that gets
        the next multiple of 16 as its width, and its batch fewer rows, so that no
        length of sentence costs more memory.
      edges: widths, S = T.

    Returns:
      (indices [n], batch) of each: row k of a batch is pair `indices[k]`; rows beyond n
      are fillers.

    Raises:
      ValueError: for edges that do not rise, and a batch without rows.
    """
    edges = _checked_edges(edges)
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be positive")
    source = _Side([ids for ids, _ in pairs_ids])
    target = _Side([ids for _, ids in pairs_ids])
    longest = max([*source.lengths, *target.lengths], default=0)
    last = edges[-1]
    # Evaluation must not drop a sentence, however long: more widths follow.
    edges = (*edges, *range(last // 16 * 16 + 16, int(longest) + 16, 16))
    # Both sides use the same widths here: few programs matter more than padding.
    bucket = _buckets(source, target, edges, edges)
    batches = []
    for number, edge in enumerate(edges):
        members = np.flatnonzero(bucket == number)
        # A wide batch has fewer rows, so that its memory is that of the others.
        rows = max(1, batch_size * min(last, edge) // edge)
        for start in range(0, len(members), rows):
            part = members[start : start + rows]
            batch = Batch(
                *source.rows(part, rows, edge), *target.rows(part, rows, edge)
            )
            batches.append((part, batch))
    return batches


def _buckets(source, target, source_widths, target_widths):
    """The first bucket that holds each pair; one past the last where none does.

    Neither side's widths ever fall.
    """
    return np.maximum(
        np.searchsorted(np.array(source_widths), source.lengths),
        np.searchsorted(np.array(target_widths), target.lengths),
    )


def _checked_edges(edges):
    edges = tuple(int(edge) for edge in edges)
    if (
        not edges
        or edges[0] < 2
        or any(a >= b for a, b in zip(edges, edges[1:], strict=False))
    ):
        raise ValueError(f"edges are {edges}; they must rise from at least 2")
    return edges
