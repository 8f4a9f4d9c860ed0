"""Captions of pictures: generated, forced, and where each word looked."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.alignment import dense
from attnlab.attention.base import Params, SampleSpec
from attnlab.compilation import jit
from attnlab.decoding import Decoded
from attnlab.estimators import prediction as predict
from attnlab.estimators.decoder_steps import forced
from attnlab.estimators.prediction import Prediction, Search
from attnlab.tasks.captioning.batches import Captioned, with_pictures
from attnlab.tasks.captioning.model import CaptionModel
from attnlab.text.batching import Batch, in_order
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS

GREEDY, SOFTLY = Search(), Prediction()
EDGES = (16, 32)  # widths that captions are padded to: few, as each is compiled


class Description(NamedTuple):
    """A generated caption.

    weights: [T, L] of its words over the cells of the grid.
    score: the log-probability, divided by the length penalty where a beam searched.
    """

    words: tuple[str, ...]
    weights: np.ndarray
    score: float


class Captioner:
    """A captioning model with its vocabulary, compiled for batches of pictures.

    Parameters are an argument of every method.

    Attributes:
      model: the model.
      codec: its vocabulary.
      prediction: how words are predicted.
      batch_size: captions that are scored at once; half as many are searched.
      longest: words after which a caption ends.
    """

    def __init__(
        self,
        model: CaptionModel,
        codec: Codec,
        *,
        batch_size: int = 64,
        longest: int = 20,
        prediction: Prediction = SOFTLY,
    ):
        self.model, self.codec, self.prediction = model, codec, prediction
        self.batch_size, self.longest = batch_size, longest
        self._forced = jit(partial(predict.teacher_forced, model, prediction))
        self._reads = jit(partial(_reads, model))
        # Compiled when first asked for: dev and test may be decoded in two ways.
        self._search: dict[Search, Callable] = {}

    def losses(
        self, params: Params, items: Sequence[Captioned], by: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The loss of each picture, summed over all its captions, which are forced.

        Args:
          params: of the model.
          items: N pictures.
          by: how words are predicted, one of PREDICTIONS; `prediction.by` where not
            given.

        Returns:
          Nats [N], and units incl. the end mark [N].
        """
        by = by or self.prediction.by
        every = by not in ("expected", self.prediction.by)
        # In float64, as many captions may be summed.
        nats, units = np.zeros(len(items)), np.zeros(len(items), np.int64)
        pairs = [(n, words) for n, item in enumerate(items) for words in item.captions]
        for rows, batch in self._batches(items, pairs):
            # Rows beyond len(rows) are fillers.
            done = self._forced(params, batch, np.bool_(every))
            batch_nats = np.asarray(done.nats[by])[: len(rows)]
            owners = [pairs[row][0] for row in rows]
            # Not +=: it would add one of several captions that a picture has here.
            np.add.at(nats, owners, batch_nats)
            np.add.at(units, owners, batch.target_lengths[: len(rows)])
        return nats, units

    def align(
        self,
        params: Params,
        items: Sequence[Captioned],
        captions: Sequence[Sequence[str]],
    ) -> list[np.ndarray]:
        """The attention weights while a caption of each picture is forced.

        Args:
          params: of the model.
          items: the pictures.
          captions: the words of one for each.

        Returns:
          Weights [T, L] of each, a row a word.
        """

        def weights(params, batch):
            return self._forced(params, batch, np.False_).weights

        return self._cut(weights, params, items, captions)

    def draw(
        self,
        params: Params,
        items: Sequence[Captioned],
        captions: Sequence[Sequence[str]],
    ) -> list[np.ndarray]:
        """What a hard read draws while a caption of each picture is forced.

        The states are fed what was drawn.

        Args:
          params: of the model.
          items: the pictures.
          captions: the words of one for each.

        Returns:
          Reads [T, L] of each: a single cell a word.
        """
        return self._cut(self._reads, params, items, captions)

    def describe(
        self, params: Params, items: Sequence[Captioned], search: Search = GREEDY
    ) -> list[Description]:
        """The best caption of each picture.

        Args:
          params: of the model.
          items: the pictures.
          search: how to decode.

        Returns:
          A caption for each.
        """
        if search not in self._search:
            self._search[search] = jit(partial(_search, self, search))
        captions: dict[int, Description] = {}
        # The search sees no caption, so that all are empty and one width is compiled.
        for rows, batch in self._batches(items, [(n, ()) for n in range(len(items))]):
            done = self._search[search](params, batch.source, batch.source_lengths)
            decoded = jax.tree.map(np.asarray, done)
            for row, place in enumerate(rows):
                ids = decoded.tokens[row][: decoded.lengths[row]]
                # A caption that was cut at `longest` has no EOS.
                ids = ids[ids != EOS]
                captions[int(place)] = Description(
                    tuple(self.codec.decode(ids.tolist())),
                    decoded.alignments[row][: len(ids)],
                    float(decoded.scores[row]),
                )
        return [captions[n] for n in range(len(items))]

    def _cut(
        self,
        run: Callable[[Params, Batch], jax.Array],
        params: Params,
        items: Sequence[Captioned],
        captions: Sequence[Sequence[str]],
    ) -> list[np.ndarray]:
        """run(params, batch) [B, T, L], cut to the words of each caption."""
        pairs = list(enumerate(captions))
        cut: dict[int, np.ndarray] = {}
        for rows, batch in self._batches(items, pairs):
            weights = np.asarray(run(params, batch))
            for row, place in enumerate(rows):
                # The length counts EOS, whose weights are of no word.
                cut[int(place)] = weights[row, : batch.target_lengths[row] - 1]
        return [cut[n] for n in range(len(pairs))]

    def _batches(
        self, items: Sequence[Captioned], pairs: Sequence[tuple[int, Sequence[str]]]
    ) -> Iterator[tuple[np.ndarray, Batch]]:
        """(indices of `pairs`, batch) of captions with their pictures."""
        ids = [((number,), self.codec.encode(words).ids) for number, words in pairs]
        for rows, batch in in_order(ids, self.batch_size, EDGES):
            yield rows, with_pictures(batch, items)


def _reads(model: CaptionModel, params: Params, batch: Batch) -> jax.Array:
    """Reads [B, T, L] of one draw while the target is forced."""
    # A fixed key: the figures of a run are the same whenever they are made.
    unrolled = forced(model, params, batch, draw=SampleSpec(jax.random.key(0)))
    # From a window's positions to all cells: [B, T, W] to [B, T, L].
    return dense(unrolled.reads, unrolled.positions, unrolled.values.shape[1])


def _search(
    captioner: Captioner,
    search: Search,
    params: Params,
    source: jax.Array,
    lengths: jax.Array,
) -> Decoded:
    return predict.search(
        captioner.model,
        search,
        captioner.prediction,
        params,
        source,
        lengths,
        # Fillers end at once, and their slots are given to waiting pictures.
        limits=jnp.where(lengths > 0, captioner.longest, 0),
        longest=captioner.longest,
        # The other half comes in where captions end.
        slots=max(1, captioner.batch_size // (2 * search.beams)),
    )
