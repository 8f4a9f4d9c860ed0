"""A captioner with its vocabulary: pictures in, words and where they looked out."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.alignment import dense
from attnlab.attention.base import SampleSpec
from attnlab.estimators import prediction as predict
from attnlab.estimators.decoder_steps import forced
from attnlab.estimators.prediction import PREDICTIONS, Prediction, Search
from attnlab.tasks.captioning.batches import Captioned, with_pictures
from attnlab.tasks.captioning.model import CaptionModel
from attnlab.text.batching import Batch, in_order
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS

GREEDY, SOFTLY = Search(), Prediction()
EDGES = (16, 32)  # widths that captions are padded to: few, as each is compiled


class Description(NamedTuple):
    """A caption and the weights [T, L] of its words over the cells of the grid.

    score: the log-probability, divided by the length penalty where a beam searched.
    """

    words: tuple[str, ...]
    weights: np.ndarray
    score: float


class Captioner:
    """Batches pictures and runs the compiled model; as `Translator` does sentences.

    Parameters are an argument of every method. `batch_size` is the captions that are
    scored, and the hypotheses that are searched, at once. A caption of `longest` words
    ends there.
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
        self._losses = {
            name: jax.jit(partial(predict.losses, model, prediction._replace(by=name)))
            for name in PREDICTIONS
        }
        self._prior = jax.jit(partial(predict.prior, model))
        self._reads = jax.jit(partial(_reads, model))
        self._search: dict[Search, Callable] = {}

    def losses(
        self, params, items: Sequence[Captioned], by: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Forced nats [N] and units incl. EOS [N], over all captions of a picture."""
        losses = self._losses[by or self.prediction.by]
        nats, units = np.zeros(len(items)), np.zeros(len(items), np.int64)
        pairs = [(n, words) for n, item in enumerate(items) for words in item.captions]
        for rows, batch in self._batches(items, pairs):
            found = np.asarray(losses(params, batch))[: len(rows)]
            owners = [pairs[row][0] for row in rows]
            np.add.at(nats, owners, found)
            np.add.at(units, owners, batch.target_lengths[: len(rows)])
        return nats, units

    def align(
        self, params, items: Sequence[Captioned], captions: Sequence[Sequence[str]]
    ) -> list[np.ndarray]:
        """Weights [T, L] while a caption of each picture is forced, EOS cut."""

        def weights(params, batch):
            return self._prior(params, batch)[0]

        return self._forced(weights, params, items, captions)

    def draw(
        self, params, items: Sequence[Captioned], captions: Sequence[Sequence[str]]
    ) -> list[np.ndarray]:
        """What is read, [T, L], while the captions are forced: for a hard read drawn.

        A single cell a word; the states are fed what was drawn.
        """
        return self._forced(self._reads, params, items, captions)

    def describe(
        self, params, items: Sequence[Captioned], search: Search = GREEDY
    ) -> list[Description]:
        """The best caption of each picture."""
        if search not in self._search:
            self._search[search] = jax.jit(partial(_search, self, search))
        found: list[Any] = [None] * len(items)
        for rows, batch in self._batches(items, [(n, ()) for n in range(len(items))]):
            done = self._search[search](params, batch.source, batch.source_lengths)
            decoded = jax.tree.map(np.asarray, done)
            for row, place in enumerate(rows):
                ids = decoded.tokens[row][: decoded.lengths[row]]
                ids = ids[ids != EOS]
                words = tuple(self.codec.decode(ids.tolist()))
                weights = decoded.alignments[row][: len(ids)]
                score = float(decoded.scores[row])
                found[place] = Description(words, weights, score)
        return found

    def _forced(self, run, params, items, captions) -> list[np.ndarray]:
        pairs = list(enumerate(captions))
        found: list[Any] = [None] * len(pairs)
        for rows, batch in self._batches(items, pairs):
            weights = np.asarray(run(params, batch))
            for row, place in enumerate(rows):
                found[place] = weights[row, : batch.target_lengths[row] - 1]
        return found

    def _batches(
        self, items: Sequence[Captioned], pairs: Sequence[tuple[int, Sequence[str]]]
    ) -> Iterator[tuple[np.ndarray, Batch]]:
        """(indices of `pairs`, batch) of captions with their pictures."""
        ids = [((number,), self.codec.encode(words).ids) for number, words in pairs]
        for rows, batch in in_order(ids, self.batch_size, EDGES):
            yield rows, with_pictures(batch, items)


def _reads(model: CaptionModel, params, batch: Any) -> jax.Array:
    """Reads [B, T, L] of one draw while the target is forced."""
    unrolled = forced(model, params, batch, draw=SampleSpec(jax.random.key(0)))
    return dense(unrolled.reads, unrolled.positions, unrolled.values.shape[1])


def _search(captioner: Captioner, search: Search, params, source, there):
    return predict.search(
        captioner.model,
        search,
        captioner.prediction,
        params,
        source,
        there,
        limits=jnp.where(there > 0, captioner.longest, 0),
        longest=captioner.longest,
        slots=max(1, captioner.batch_size // search.beams),
    )
