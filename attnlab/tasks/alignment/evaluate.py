"""From posteriors to links, and what the links are worth."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.compilation import jit
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import attention_stats
from attnlab.metrics.links import Link, LinkSet, reverse
from attnlab.metrics.symmetrization import every_symmetrization
from attnlab.tasks.alignment.batches import (
    AlignmentBatch,
    Side,
    occurring,
)
from attnlab.tasks.alignment.loss import passes
from attnlab.tasks.alignment.model import Aligner
from attnlab.tasks.alignment.normalizers import Normalizers
from attnlab.text.batching import encode_pairs, in_order
from attnlab.text.pairs import GoldPair, Pair

PRODUCT = 0.1  # of both posteriors, from which on two words are linked


class Aligned(NamedTuple):
    """What the two directions make of a pair.

    forward: [T, S], p(source word | target word), of sum at most one a row. backward:
    [T, S], of sum at most one a column. nats: of all words of both sides.
    """

    forward: np.ndarray
    backward: np.ndarray
    nats: float

    @property
    def mean(self) -> np.ndarray:
        """The mean of both posteriors [T, S]."""
        return 0.5 * (self.forward + self.backward)

    def links(self, threshold: float) -> set[tuple[int, int]]:
        """The links (t, s) whose mean posterior reaches a threshold.

        Args:
          threshold: in (0, 1].

        Returns:
          The links.
        """
        return aer.links(self.mean, method="threshold", threshold=threshold)


class PairAligner:
    """Batches pairs and runs both directions over them, each vocabulary in full.

    Parameters are an argument of every method.
    """

    def __init__(
        self,
        aligner: Aligner,
        source: Side,
        target: Side,
        batch_size: int,
        edges: Sequence[int],
    ):
        """The functions of a model with its vocabularies.

        Args:
          aligner: the model.
          source: vocabulary and spellings of the source.
          target: those of the target.
          batch_size: pairs that are aligned at once.
          edges: widths that sentences are padded to.
        """
        self.aligner, self.source, self.target = aligner, source, target
        self.batch_size, self.edges = batch_size, tuple(edges)
        self._run = jit(partial(_both, aligner), runs="seldom")
        self._norms = (
            Normalizers(aligner, "forward", target),
            Normalizers(aligner, "backward", source),
        )

    def align(self, params: Params, pairs: Sequence[Pair | GoldPair]) -> list[Aligned]:
        """Align pairs; words that no vocabulary has count by their spelling.

        Args:
          params: of both directions.
          pairs: sentences and their translations.

        Returns:
          An Aligned of each.
        """
        aligned: dict[int, Aligned] = {}
        ids = encode_pairs(pairs, self.source.vocabulary, self.target.vocabulary)
        for rows, plain in in_order(ids, self.batch_size, self.edges):
            texts = [pairs[row] for row in rows]
            source, read = occurring(*plain[:2], [t.source for t in texts], self.source)
            target, said = occurring(*plain[2:], [t.target for t in texts], self.target)
            norms = (
                self._norms[0].of(params, source.known, read),
                self._norms[1].of(params, target.known, said),
            )
            batch = AlignmentBatch.of(source, target)
            forward, backward, nats = jax.device_get(self._run(params, batch, norms))
            for row, place in enumerate(rows):
                words = len(pairs[place].target), len(pairs[place].source)
                aligned[int(place)] = Aligned(
                    forward[row, : words[0], : words[1]],
                    backward[row, : words[1], : words[0]].T,
                    float(nats[row]),
                )
        return [aligned[place] for place in range(len(pairs))]


def _both(
    aligner: Aligner,
    params: Params,
    batch: AlignmentBatch,
    norms: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Posteriors [B, T, S] and [B, S, T], and the nats [B] of both sides."""
    forward, backward = passes(aligner, params, batch, norms)
    return (
        forward.posterior.positions,
        backward.posterior.positions,
        forward.nats + backward.nats,
    )


def judge(
    aligned: Sequence[Aligned], gold: Sequence[GoldPair], threshold: float
) -> tuple[list[runs.AlignedSentence], dict[str, float]]:
    """Compare links with gold links.

    aer, precision and recall are of the mean posterior: each target word has the link
    of its largest one, if that reaches the threshold. aer_threshold has every link that
    reaches it; aer_forward and aer_backward one a word of the side that is explained,
    if no NULL is likelier; aer_<symmetrization> join those two; aer_product has links
    whose product of posteriors reaches PRODUCT.

    Args:
      aligned: of N pairs.
      gold: the same pairs.
      threshold: of the mean.

    Returns:
      The alignments, whose rows are zero where nothing is linked, and the numbers.
    """
    marks = [(pair.sure, pair.possible) for pair in gold]
    weights = [linked_rows(pair.mean, threshold) for pair in aligned]
    forward, backward = direction_links(aligned)
    ways: dict[str, Sequence[LinkSet]] = {
        "forward": forward,
        "backward": backward,
        "threshold": [pair.links(threshold) for pair in aligned],
        "product": product_links(aligned),
    }
    for name, joined in every_symmetrization(forward, backward).items():
        ways[name.replace("-", "_")] = joined
    pooled = aer.corpus_agreement([aer.links(rows) for rows in weights], marks)
    numbers = {"aer": pooled.aer, "precision": pooled.precision}
    numbers |= {"recall": pooled.recall, "agreement": agreement(aligned)}
    numbers |= {
        f"aer_{name}": aer.corpus_agreement(links, marks).aer
        for name, links in ways.items()
    }
    sentences = [
        runs.AlignedSentence(
            tuple(pair.source), tuple(pair.target), rows, pair.sure, pair.possible
        )
        for pair, rows in zip(gold, weights, strict=True)
    ]
    return sentences, {name: float(value) for name, value in numbers.items()}


def direction_links(
    aligned: Sequence[Aligned],
) -> tuple[list[set[Link]], list[set[Link]]]:
    """The links of either direction alone, as those of other aligners are.

    Args:
      aligned: of N pairs.

    Returns:
      Links (t, s) of N pairs, at most one a target word; and at most one a source word.
      A word has none where NULL is likelier than every position.
    """
    forward = [aer.argmax_links(pair.forward, null=True) for pair in aligned]
    backward = [
        reverse(aer.argmax_links(pair.backward.T, null=True)) for pair in aligned
    ]
    return forward, backward


def product_links(aligned: Sequence[Aligned]) -> list[set[Link]]:
    """The links whose product of both posteriors reaches PRODUCT.

    Args:
      aligned: of N pairs.

    Returns:
      Links (t, s) of N pairs.
    """
    return [
        aer.links(pair.forward * pair.backward, method="threshold", threshold=PRODUCT)
        for pair in aligned
    ]


def linked_rows(mean: np.ndarray, threshold: float) -> np.ndarray:
    """The mean posterior, where a target word is linked at all.

    Args:
      mean: [T, S].
      threshold: that the largest of a row has to reach.

    Returns:
      [T, S], zero in the other rows.
    """
    if not mean.size:
        return mean
    return np.where(mean.max(axis=1, keepdims=True) >= threshold, mean, 0.0)


def agreement(aligned: Sequence[Aligned]) -> float:
    """How much of the links of either direction the other one has, without any gold.

    Args:
      aligned: of N pairs.

    Returns:
      2 sum gamma delta / (sum gamma + sum delta), in [0, 1]; nan without a word.
    """
    both = sum(float((pair.forward * pair.backward).sum()) for pair in aligned)
    each = sum(float((pair.forward + pair.backward).sum()) for pair in aligned)
    return 2 * both / each if each else float("nan")


def score_text(
    pair_aligner: PairAligner, params: Params, pairs: Sequence[Pair]
) -> dict[str, float]:
    """What a model makes of text without links.

    Args:
      pair_aligner: the model with its vocabularies.
      params: its parameters.
      pairs: sentences and their translations.

    Returns:
      perplexity, of the words of both sides; agreement of the directions.
    """
    aligned = pair_aligner.align(params, pairs)
    words = sum(len(pair.source) + len(pair.target) for pair in pairs)
    nats = sum(pair.nats for pair in aligned)
    return {
        "perplexity": attention_stats.perplexity(nats, words),
        "agreement": agreement(aligned),
    }


def evaluate_run(
    pair_aligner: PairAligner,
    params: Params,
    test: Sequence[Pair],
    gold: Mapping[str, Sequence[GoldPair]],
    *,
    chosen: str,
    threshold: float,
    folder: Path,
) -> dict[str, object]:
    """The scores of a finished run.

    Args:
      pair_aligner: the model with its vocabularies.
      params: its parameters.
      test: pairs without links.
      gold: gold sets by name.
      chosen: the gold set of the AER column; "": the first.
      threshold: of the mean posterior.
      folder: the run's folder, which gets the alignments.

    Returns:
      What result.json says of them.
    """
    results: dict[str, object] = dict(score_text(pair_aligner, params, test))
    alignments, scores = {}, {}
    for name, pairs in gold.items():
        aligned = pair_aligner.align(params, pairs)
        alignments[name], scores[name] = judge(aligned, pairs, threshold)
    runs.write_alignments(folder, alignments)
    if scores:
        first = chosen or next(iter(scores))
        results |= {**scores[first], "gold": first, "aers": scores}
    return results
