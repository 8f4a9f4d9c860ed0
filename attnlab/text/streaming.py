"""Batches of shards, each read from disk when it is asked for.

The same promises as `attnlab.text.batching`: a batch is a pure function of (seed,
step), its shape one of step alone, and an epoch shows each pair once. No order is held:
where an epoch's step lies and which pairs fill its rows is computed, so that any step
costs the same to reach, and memory does not grow with the text.
"""

from collections.abc import Callable

import numpy as np

from attnlab.text.batching import Batch, Endless, Shape
from attnlab.text.permuted import permuted
from attnlab.text.shards import Shards

OF_BATCHES, OF_PAIRS = 1, 2  # what a shuffle's key is for


class StreamedBatches(Endless):
    """The batches of shards.

    Of several processes that share every batch, each reads its own rows alone: see
    `part` and `own`.

    Args:
      shards: the text.
      rows_of: rows of a batch of two widths.
      seed: of the order of pairs, not negative.
    """

    def __init__(self, shards: Shards, rows_of: Callable[[int, int], int], seed: int):
        if seed < 0:
            raise ValueError(f"seed is {seed}; it must not be negative")
        self.shards, self.seed = shards, seed
        self.pairs, self.dropped = shards.pairs, shards.dropped
        self.longest, self.tokens = shards.longest, shards.tokens
        self._shapes = [
            Shape(rows_of(bucket.source, bucket.target), bucket.source, bucket.target)
            for bucket in shards.buckets
        ]
        # A bucket's shuffle is one of its own pairs and of what did not fill the last
        # batch of the bucket before, which comes first here.
        self._carried, self._sizes, self._numbers = [], [], []
        carried = 0
        for bucket, shape in zip(shards.buckets, self._shapes, strict=True):
            size = carried + bucket.pairs
            self._carried.append(carried)
            self._sizes.append(size)
            self._numbers.append(size // shape.rows)
            carried = size % shape.rows  # these move on to the next bucket
        self._numbers[-1] += carried > 0  # with filler rows
        self._ends = np.cumsum(self._numbers)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def counts(self) -> dict[Shape, int]:
        numbers = zip(self._shapes, self._numbers, strict=True)
        return {shape: number for shape, number in numbers if number}

    def at(self, step: int) -> Batch:
        """The batch of a training step, read from disk.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          The batch, a function of (seed, step) alone.
        """
        return self.part(step)

    def part(self, step: int, process: int = 0, processes: int = 1) -> Batch:
        """Rows of a step's batch that fall to a process; only these are read.

        Args:
          step: counted from 0 over all epochs.
          process: which, in [0, processes).
          processes: that share every batch, in order.

        Returns:
          A batch of B / processes rows.

        Raises:
          ValueError: where the rows cannot be shared evenly.
        """
        if not 0 <= process < processes:
            raise ValueError(f"process is {process}; it must be in [0, {processes})")
        epoch, bucket, first = self._place(step)
        shape = self._shapes[bucket]
        rows, rest = divmod(shape.rows, processes)
        if rest:
            raise ValueError(
                f"a batch of {shape.rows} rows cannot be shared by {processes} "
                "processes evenly; choose another batch size"
            )
        start = first + process * rows
        # Fewer than the rows in the last batch, whose rest are fillers.
        places = np.arange(start, min(start + rows, self._sizes[bucket]))
        source = np.zeros((rows, shape.source), np.int32)
        target = np.zeros((rows, shape.target), np.int32)
        lengths = np.zeros((2, rows), np.int32)  # 0: a filler row
        owners, members = self._pairs(epoch, bucket, places)
        for owner in np.unique(owners):
            mine = np.flatnonzero(owners == owner)
            rows_read = self.shards.rows(int(owner), members[mine])
            # A row of the bucket before is narrower; the rest stays PAD, which is 0.
            source[mine, : rows_read.source.shape[1]] = rows_read.source
            target[mine, : rows_read.target.shape[1]] = rows_read.target
            lengths[0, mine] = rows_read.source_lengths
            lengths[1, mine] = rows_read.target_lengths
        return Batch(source, lengths[0], target, lengths[1])

    def own(self, step: int, process: int, processes: int) -> Batch:
        """A step's batch with the rows of one process, and filler rows for the others.

        What a process needs that lays its rows of a whole batch onto its devices.

        Args:
          step: counted from 0 over all epochs.
          process: which, in [0, processes).
          processes: that share every batch.

        Returns:
          A batch of B rows.

        Raises:
          ValueError: where the rows cannot be shared evenly.
        """
        mine = self.part(step, process, processes)
        place = process * len(mine.source)

        def widened(rows: np.ndarray) -> np.ndarray:
            # Zeros cost no reading, and other processes' rows are never looked at.
            whole = np.zeros((processes * len(rows), *rows.shape[1:]), rows.dtype)
            whole[place : place + len(rows)] = rows
            return whole

        return Batch(*map(widened, mine))

    def _place(self, step: int) -> tuple[int, int, int]:
        """(epoch, bucket, place of the first row in the bucket's shuffle) of a step."""
        epoch, index = divmod(step, len(self))
        key = (OF_BATCHES, epoch)  # the same for every seed
        # Shapes are shuffled apart from pairs, so that runs of other seeds see the
        # same shapes at a step, and can share one program.
        planned = int(permuted(np.array([index]), len(self), key)[0])
        bucket = int(np.searchsorted(self._ends, planned, side="right"))
        # The batch's number within its bucket.
        number = planned - int(self._ends[bucket]) + self._numbers[bucket]
        return epoch, bucket, number * self._shapes[bucket].rows

    def _pairs(self, epoch: int, bucket: int, places: np.ndarray):
        """Bucket [N] and place in it [N] of the pairs at `places` of a shuffle."""
        key = (OF_PAIRS, self.seed, epoch, bucket)
        # Only the places of this batch are evaluated, not the whole shuffle.
        drawn = permuted(places, self._sizes[bucket], key)
        owners = np.full(len(places), bucket)
        members = drawn - self._carried[bucket]
        # The first places are rows carried over; who they are is asked of the
        # shuffle of the bucket before.
        before = np.flatnonzero(members < 0)  # -1 is the last of the bucket before
        if len(before):
            last = self._sizes[bucket - 1]
            # As deep as there are buckets, since what was carried may be carried on.
            earlier = self._pairs(epoch, bucket - 1, last + members[before])
            owners[before], members[before] = earlier
        return owners, members
