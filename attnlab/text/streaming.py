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
    """The batches of shards. `rows_of(source, target)` are the rows of two widths.

    Of several processes that share every batch, each reads its own rows alone: see
    `part` and `own`.
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
            carried = size % shape.rows
        self._numbers[-1] += carried > 0  # with filler rows
        self._ends = np.cumsum(self._numbers)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def counts(self) -> dict[Shape, int]:
        found = zip(self._shapes, self._numbers, strict=True)
        return {shape: number for shape, number in found if number}

    def at(self, step: int) -> Batch:
        return self.part(step)

    def part(self, step: int, process: int = 0, processes: int = 1) -> Batch:
        """Rows of the batch of `step` that fall to a process, in order of processes.

        Only these are read. ValueError where the rows cannot be shared evenly.
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
        places = np.arange(start, min(start + rows, self._sizes[bucket]))
        source = np.zeros((rows, shape.source), np.int32)
        target = np.zeros((rows, shape.target), np.int32)
        lengths = np.zeros((2, rows), np.int32)
        owners, members = self._pairs(epoch, bucket, places)
        for owner in np.unique(owners):
            mine = np.flatnonzero(owners == owner)
            found = self.shards.rows(int(owner), members[mine])
            source[mine, : found.source.shape[1]] = found.source
            target[mine, : found.target.shape[1]] = found.target
            lengths[0, mine] = found.source_lengths
            lengths[1, mine] = found.target_lengths
        return Batch(source, lengths[0], target, lengths[1])

    def own(self, step: int, process: int, processes: int) -> Batch:
        """`at(step)` with `part` in its place and filler rows for the other processes:
        what a process needs that lays its rows of a whole batch onto its devices."""
        mine = self.part(step, process, processes)
        place = process * len(mine.source)

        def widened(rows: np.ndarray) -> np.ndarray:
            whole = np.zeros((processes * len(rows), *rows.shape[1:]), rows.dtype)
            whole[place : place + len(rows)] = rows
            return whole

        return Batch(*map(widened, mine))

    def _place(self, step: int) -> tuple[int, int, int]:
        """(epoch, bucket, place of the first row in the bucket's shuffle) of a step."""
        epoch, index = divmod(step, len(self))
        key = (OF_BATCHES, epoch)  # the same for every seed
        planned = int(permuted(np.array([index]), len(self), key)[0])
        bucket = int(np.searchsorted(self._ends, planned, side="right"))
        number = planned - int(self._ends[bucket]) + self._numbers[bucket]
        return epoch, bucket, number * self._shapes[bucket].rows

    def _pairs(self, epoch: int, bucket: int, places: np.ndarray):
        """Bucket [N] and place in it [N] of the pairs at `places` of a shuffle."""
        key = (OF_PAIRS, self.seed, epoch, bucket)
        drawn = permuted(places, self._sizes[bucket], key)
        owners = np.full(len(places), bucket)
        members = drawn - self._carried[bucket]
        before = np.flatnonzero(members < 0)  # -1 is the last of the bucket before
        if len(before):
            last = self._sizes[bucket - 1]
            found = self._pairs(epoch, bucket - 1, last + members[before])
            owners[before], members[before] = found
        return owners, members
