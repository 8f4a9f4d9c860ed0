"""Predictions of a trained classifier, and what they score."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.compilation import jit
from attnlab.estimators.objective import is_hard, is_local
from attnlab.estimators.prediction import prediction
from attnlab.metrics import attention_stats
from attnlab.tasks.classification.batches import Sentences, all_of, encode
from attnlab.tasks.classification.loss import predict
from attnlab.tasks.classification.model import Classifier, Pooled
from attnlab.tasks.classification.records import LabeledSentence
from attnlab.tasks.classification.settings import ClassificationSettings
from attnlab.text import word_positions
from attnlab.text.subwords import Codec


class Predictions(NamedTuple):
    """What a model makes of N sentences.

    Attributes:
      logs: [N, classes], log p(class).
      weights: for each sentence [words], as far as it was read.
      centres: [N], of local windows.
    """

    logs: np.ndarray
    weights: list[np.ndarray]
    centres: np.ndarray

    def hits(self, labels: np.ndarray) -> np.ndarray:
        """Which sentences are classified right.

        Args:
          labels: [N] int.

        Returns:
          [N] bool.
        """
        return self.logs.argmax(axis=1) == labels

    def nats(self, labels: np.ndarray) -> np.ndarray:
        """Minus log p of the right classes.

        Args:
          labels: [N] int.

        Returns:
          [N].
        """
        return -np.take_along_axis(self.logs, labels[:, None], axis=1)[:, 0]


class ClassificationEvaluator:
    """Classifies sentences in batches with a compiled model, given parameters."""

    def __init__(
        self,
        settings: ClassificationSettings,
        model: Classifier,
        codec: Codec,
        widths: Sequence[int] = (),
    ):
        self.settings, self.codec, self.classes = settings, codec, model.classes
        self.longest = settings.data.longest
        self.widths = sorted({*widths, self.longest})
        self.prediction = prediction(settings)
        self._predict = jit(partial(predict, model, by=self.prediction))

    def batches(
        self, params: Params, examples: Sequence[LabeledSentence]
    ) -> Iterator[tuple[np.ndarray, Sentences, jax.Array, Pooled]]:
        """Predictions in batches.

        Args:
          params: of the model.
          examples: the sentences.

        Yields:
          (indices of the examples, batch, log p(class) [B, classes], what was read);
          rows beyond the indices are fillers.
        """
        pairs, _ = encode(examples, self.codec, self.longest)
        rows = self.settings.evaluate.sentences
        for indices, batch in all_of(pairs, rows, self.widths):
            yield indices, batch, *self._predict(params, batch)

    def __call__(
        self, params: Params, examples: Sequence[LabeledSentence]
    ) -> Predictions:
        """Classifies sentences.

        Args:
          params: of the model.
          examples: N sentences; their labels are not looked at.

        Returns:
          The predictions, in the order of the sentences.
        """
        logs = np.zeros((len(examples), self.classes))
        weights = [np.zeros(0)] * len(examples)
        centres = np.zeros(len(examples))
        for indices, batch, log_classes, pooled in self.batches(params, examples):
            logs[indices] = np.asarray(log_classes)[: len(indices)]
            centres[indices] = np.asarray(pooled.centres)[: len(indices)]
            over = np.asarray(pooled.weights)
            for row, index in enumerate(indices):
                weights[index] = over[row, : batch.lengths[row] - 1]
        return Predictions(logs, weights, centres)

    def scores(
        self, params: Params, examples: Sequence[LabeledSentence]
    ) -> dict[str, float]:
        """How well a set of sentences is classified.

        Args:
          params: of the model.
          examples: the set.

        Returns:
          accuracy, in [0, 1], and loss, in nats a sentence.
        """
        predictions, labels = self(params, examples), labels_of(examples)
        hits, nats = predictions.hits(labels), predictions.nats(labels)
        return {"accuracy": float(hits.mean()), "loss": float(nats.mean())}

    def histograms(
        self, params: Params, examples: Sequence[LabeledSentence]
    ) -> dict[str, np.ndarray]:
        """States and weights of the words of one batch.

        Args:
          params: of the model.
          examples: to take the first batch of.

        Returns:
          states [words, C] and weights [words].
        """
        first = examples[: self.settings.evaluate.sentences]
        _, batch, _, pooled = next(self.batches(params, first))
        size = batch.words.shape[1]
        words = np.arange(size) < batch.lengths[:, None] - 1
        return {
            "states": np.asarray(pooled.values)[:, :size][words],
            "weights": np.asarray(pooled.weights)[:, :size][words],
        }


def labels_of(examples: Sequence[LabeledSentence]) -> np.ndarray:
    """The classes of sentences.

    Args:
      examples: N sentences.

    Returns:
      [N] int.
    """
    return np.array([example.label for example in examples])


def judge(
    evaluator: ClassificationEvaluator,
    params: Params,
    test: Sequence[LabeledSentence],
    classes: Sequence[str],
    folder: Path,
) -> dict[str, object]:
    """The scores of the test sentences; writes what was done with each of them.

    Args:
      evaluator: of the model.
      params: of the model.
      test: the test set.
      classes: names of the classes.
      folder: the run's folder.

    Returns:
      As `score`; weight_on_padding where padding shares the weights; and prediction,
      how classes are predicted.
    """
    predictions = evaluator(params, test)
    results, counts = score(predictions, test, evaluator.longest)
    names = [f"{n}: {' '.join(example.words[:8])}" for n, example in enumerate(test)]
    runs.write_example_counts(folder, names, counts)
    _write_shown(folder, evaluator.settings, predictions, test, classes)
    if evaluator.settings.model.compat:
        on_words = np.mean([weights.sum() for weights in predictions.weights])
        results["weight_on_padding"] = float(1 - on_words)
    return results | {"prediction": evaluator.prediction}


def score(
    predictions: Predictions, test: Sequence[LabeledSentence], longest: int
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Results and example counts of a test set.

    Args:
      predictions: of the sentences.
      test: the sentences.
      longest: words that were read of each at most, EOS counted.

    Returns:
      accuracy; loss, nats a sentence; pointing, the share of sentences with evidence
      whose heaviest weight is on it; mass_on_gold, their weight on it;
      attention_entropy (nats) and largest_weight: weights relative to their sum. What
      is said of weights is left out where the pooling has none. Then the counts [N, 2]
      of each score that is a mean over sentences.
    """
    labels, ones = labels_of(test), np.ones(len(test))
    hits, nats = predictions.hits(labels), predictions.nats(labels)
    counts = {
        "accuracy": np.stack([hits, ones], axis=1),
        "loss": np.stack([nats, ones], axis=1),
    }
    results: dict[str, object] = {
        "accuracy": float(hits.mean()),
        "loss": float(nats.mean()),
    }
    rows = [weights[None] for weights in predictions.weights]  # [1, words]: one look
    if not any(weights.any() for weights in predictions.weights):
        return results, counts
    results |= {
        "attention_entropy": attention_stats.entropy(rows),
        "largest_weight": attention_stats.largest_weight(rows),
    }
    gold = [{(0, s) for s in _evidence(example, longest)} for example in test]
    if any(gold):
        has_gold = np.array([bool(links) for links in gold])
        pointed = np.array(
            [
                weights.any() and (0, int(weights.argmax())) in links
                for weights, links in zip(predictions.weights, gold, strict=True)
            ]
        )
        both = np.stack([pointed & has_gold, has_gold], axis=1)
        counts["pointing"] = both.astype(float)
        results["pointing"] = float(pointed[has_gold].mean())
        results["mass_on_gold"] = attention_stats.mass_on_gold(rows, gold)
    return results, counts


def _evidence(example: LabeledSentence, longest: int) -> list[int]:
    """The positions of the evidence that was read."""
    return sorted(place for place in example.evidence if place < longest - 1)


def _write_shown(
    folder: Path,
    settings: ClassificationSettings,
    predictions: Predictions,
    test: Sequence[LabeledSentence],
    classes: Sequence[str],
) -> None:
    """The sentences that figures choose from, with weights and p(class).

    With the centre of a local window, and a sample of a hard read.
    """
    model = settings.model
    attends = model.pooling == "attention"
    hard, local = attends and is_hard(model), attends and is_local(model)
    count = min(settings.evaluate.shown, len(test))
    pairs = []
    examples = zip(test[:count], predictions.weights, strict=False)
    for n, (example, weights) in enumerate(examples):
        words = example.words[: len(weights)]
        links = frozenset((0, s) for s in example.evidence if s < len(words))
        # Of a seed of its own, so that a sentence's sample stays as others come in.
        rng = np.random.default_rng(n)
        sample = word_positions.drawn(weights[None], range(len(words)), [0], rng)
        pair = runs.AlignedSentence(
            words, (classes[example.label],), weights[None], links, links
        )
        centres = predictions.centres[n : n + 1] if local else None
        pairs.append(pair._replace(centres=centres, samples=sample if hard else None))
    runs.write_alignments(folder, {"test": pairs})
    arrays = {
        "classes": np.frombuffer("\n".join(classes).encode(), np.uint8),
        "probabilities": np.exp(predictions.logs[:count]),
    }
    runs.write_arrays(folder / runs.EXAMPLES, arrays)
