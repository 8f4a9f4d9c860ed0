"""Guided alignment: weights that are pulled to links of another tool.

Chen et al. 2016 (https://arxiv.org/abs/1607.01628) add to the loss of a translation the
cross entropy of its attention against given links, `A` with rows that sum to one:

    - strength sum_t sum_s A_ts log alpha_ts

over target words that have a link. The links are of the training text alone.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.alignment import dense
from attnlab.estimators.decoder_steps import TargetBatch
from attnlab.estimators.objective import Penalty, no_penalty
from attnlab.masking import safe_log
from attnlab.nn.decoders import DecoderOutputs
from attnlab.text.batching import Batches, Endless, Shape
from attnlab.text.concatenate import joined_order
from attnlab.text.links import read_pharaoh
from attnlab.text.pairs import Link, Pair
from attnlab.text.subwords import Codec


class GuidedBatch(NamedTuple):
    """A batch of pairs (`attnlab.text.batching.Batch`) and its links.

    links [B, T, S] float32: a target unit's row sums to one over the source units that
    it is linked to, and is zero where it has none.
    """

    source: np.ndarray
    source_lengths: np.ndarray
    target: np.ndarray
    target_lengths: np.ndarray
    links: np.ndarray


class GuidedBatches(Endless):
    """Batches with links.

    Args:
      batches: of the pairs.
      links: of each pair the links [n, 2] of its units, (target, source) from 0.
    """

    def __init__(self, batches: Batches, links: Sequence[np.ndarray]):
        self.batches = batches
        self.pairs, self.dropped = batches.pairs, batches.dropped
        self.longest, self.tokens = batches.longest, batches.tokens
        self._counts = np.array([len(each) for each in links], np.int64)
        self._starts = np.cumsum(self._counts) - self._counts
        # One flat array, as of the ids of the pairs.
        self._flat = np.concatenate([*links, np.zeros((0, 2), np.int32)])

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def counts(self) -> dict[Shape, int]:
        return self.batches.counts

    def at(self, step: int) -> GuidedBatch:
        """The batch of a training step.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          The batch, a function of (seed, step) alone.
        """
        shape, members = self.batches.planned(step)
        counts = self._counts[members]
        ends = np.cumsum(counts)
        row = np.repeat(np.arange(len(members)), counts)
        shift = np.repeat(self._starts[members] - (ends - counts), counts)
        t, s = self._flat[shift + np.arange(len(row))].T
        links = np.zeros((shape.rows, shape.target, shape.source), np.float32)
        links[row, t, s] = 1.0
        links /= np.maximum(links.sum(axis=-1, keepdims=True), 1.0)
        return GuidedBatch(*self.batches.at(step), links)


def read_links(
    path: str, pairs: Sequence[Pair], join: float, source: Codec, target: Codec
) -> list[np.ndarray]:
    """The links of the training pairs, between their units.

    Args:
      path: a file of sure and possible links as Pharaoh has them, a line a pair.
      pairs: of the training text, as the corpus has them.
      join: the share of them that is glued in twos.
      source: the vocabulary of the source.
      target: that of the target.

    Returns:
      [n, 2] (target unit, source unit) of each pair that is learned from, in the order
      of `joined`.

    Raises:
      ValueError: naming file and line of what is broken, and for another number of
        lines than pairs.
      FileNotFoundError: where the file is not there.
    """
    lengths = [(len(pair.source), len(pair.target)) for pair in pairs]
    words = [possible for _, possible in read_pharaoh(path, lengths=lengths)]
    glued = []
    for group in joined_order(len(pairs), join):
        links: list[Link] = []
        s_start = t_start = 0
        whole: list[tuple[str, ...]] = [(), ()]
        for number in group:
            links += [(t + t_start, s + s_start) for t, s in words[number]]
            s_length, t_length = lengths[number]
            s_start, t_start = s_start + s_length, t_start + t_length
            whole = [whole[0] + pairs[number].source, whole[1] + pairs[number].target]
        owners = [
            codec.encode(side).owner
            for codec, side in zip((target, source), whole[::-1], strict=True)
        ]
        glued.append(unit_links(links, *owners))
    return glued


def unit_links(
    links: Sequence[Link], target: Sequence[int], source: Sequence[int]
) -> np.ndarray:
    """Links of words as links of all their units.

    Args:
      links: (t, s) of words.
      target: the word that each target unit belongs to.
      source: the word that each source unit belongs to.

    Returns:
      [n, 2] int32, (target unit, source unit).
    """
    if not links:
        return np.zeros((0, 2), np.int32)
    linked = np.zeros((max(target) + 1, max(source) + 1), bool)
    linked[tuple(np.array(links).T)] = True
    return np.argwhere(linked[np.ix_(target, source)]).astype(np.int32)


def penalty_of(strength: float) -> Penalty:
    """The cross entropy of weights against links.

    A linked position outside a window adds a constant, as its weight is zero there.

    Args:
      strength: its weight beside the loss of the words; 0 adds nothing.

    Returns:
      penalty(unrolled, batch) of a pass over a GuidedBatch, to be added to the loss.
    """
    if not strength:
        return no_penalty

    def penalty(unrolled: DecoderOutputs, batch: TargetBatch) -> jax.Array:
        links = jnp.asarray(cast(GuidedBatch, batch).links)
        weights = dense(unrolled.weights, unrolled.positions, links.shape[-1])
        return -strength * (links * safe_log(weights)).sum()

    return penalty
