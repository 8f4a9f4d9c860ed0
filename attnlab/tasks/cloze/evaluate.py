"""Evaluation of readers: their answers, scores by question, and where they looked."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.compilation import jit
from attnlab.precision import wide
from attnlab.tasks.cloze.batches import (
    FIRST,
    ClozeBatch,
    EncodedQuestions,
    Numbering,
    in_order,
)
from attnlab.tasks.cloze.model import Read, Reader
from attnlab.tasks.cloze.questions import PLACEHOLDER, ClozeQuestion
from attnlab.tasks.cloze.settings import ClozeSettings


class Answer(NamedTuple):
    """What a model answers to one question.

    slot: of the most probable answer, entities numbered by first occurrence; -1 for a
      word that is no entity.
    nats: -log p of the right answer.
    weights: [N, S], its looks at the passage; N = 0 without attention.
    entities: log p [E] of each slot.
    """

    slot: int
    nats: float
    weights: np.ndarray
    entities: np.ndarray


def log_probabilities(
    model: Reader,
    params: Params,
    batch: ClozeBatch,
    answers: str,
    *,
    rng: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """log p of the answers, and where the model looked.

    Args:
      model: the reader.
      params: of the model.
      batch: of questions.
      answers: what the softmax is over, the setting model.answers; by "passage" an
        entity that is not in the passage has probability zero.
      rng: for dropout; none without it.

    Returns:
      log p [B, A] and weights [B, N, S].
    """
    rngs = None if rng is None else {"dropout": rng}
    read = cast(
        Read,
        model.apply(
            params,
            batch.passage,
            batch.passage_lengths,
            batch.query,
            batch.query_lengths,
            train=rng is not None,
            rngs=rngs,
        ),
    )
    logits = wide(read.logits)  # a softmax over many answers needs float32
    if answers == "passage":
        # A filler row has no candidates, and allows all answers: no row is all -inf.
        allowed = batch.candidates | ~batch.candidates.any(axis=1, keepdims=True)
        # Not -inf: the difference of two infinities is NaN.
        logits = jnp.where(allowed, logits, jnp.finfo(logits.dtype).min)
    return jax.nn.log_softmax(logits), read.weights


class ClozeEvaluator:
    """Asks a model all questions of a split; a program for each shape of batch.

    Args:
      model: the reader.
      settings: of the run.
      slots: E.
      widths: of passages, that batches are padded to.
      rows: of a batch; those of the settings where not given.
    """

    def __init__(
        self,
        model: Reader,
        settings: ClozeSettings,
        slots: int,
        widths: Sequence[int] = (),
        rows: int | None = None,
    ):
        answers = settings.model.answers
        # Answers are words of the vocabulary, or slots of entities.
        # The place of entity 0 among the answers.
        self._first = FIRST if answers == "words" else 0
        self._rows = rows or settings.evaluate.questions
        self._slots, self._widths = slots, widths
        self._numbering: Numbering = settings.data.numbering
        self._ask = jit(
            lambda params, batch: log_probabilities(model, params, batch, answers)
        )

    def answers(
        self, params: Params, encoded: Sequence[EncodedQuestions]
    ) -> list[Answer]:
        """What the model answers to each question.

        Args:
          params: of the model.
          encoded: the questions.

        Returns:
          An answer for each.
        """
        answers: dict[int, Answer] = {}
        batches = in_order(
            encoded,
            self._rows,
            self._widths,
            slots=self._slots,
            numbering=self._numbering,
        )
        for members, numbers, batch in batches:
            # One transfer a batch, of both arrays.
            logs, weights = jax.device_get(self._ask(params, batch))
            for row, n in enumerate(members):
                answers[int(n)] = self._answer(
                    logs[row], weights[row], numbers[row], batch.answer[row], encoded[n]
                )
        return [answers[n] for n in range(len(encoded))]

    def _answer(
        self,
        logs: np.ndarray,
        weights: np.ndarray,
        numbers: np.ndarray,
        answer: int,
        encoded: EncodedQuestions,
    ) -> Answer:
        """The answer of one row, back under the numbers by first occurrence."""
        slots = np.argsort(numbers)  # the inverse of the row's permutation
        best = int(logs.argmax()) - self._first
        slot = int(slots[best]) if 0 <= best < self._slots else -1
        # Rows of the query's end mark and padding are zero.
        if weights.shape[0] > 1:  # one look a word of the query
            weights = weights[: len(encoded.query)]
        return Answer(
            slot,
            -float(logs[self._first + answer]),
            weights[:, : len(encoded.passage)],
            logs[self._first + numbers],  # back to the order of first occurrence
        )


def example_counts(
    questions: Sequence[ClozeQuestion],
    encoded: Sequence[EncodedQuestions],
    answers: Sequence[Answer],
) -> dict[str, np.ndarray]:
    """Counts of each score by question: accuracy, loss in nats, pointing.

    pointing: is the heaviest weight of the last look in the sentence that tells the
    answer; pointing_answer: on the answer itself there. They are left out where the
    model does not look or no question says where.

    Args:
      questions: N of them.
      encoded: the same ones.
      answers: to them.

    Returns:
      [hits or nats, questions counted] by score, [N, 2].
    """
    pairs = zip(answers, encoded, strict=True)
    right = [answer.slot == question.answer for answer, question in pairs]
    ones = np.ones(len(answers))
    counts = {
        "accuracy": np.stack([right, ones], axis=1),
        "loss": np.stack([[answer.nats for answer in answers], ones], axis=1),
    }
    weights = [answer.weights for answer in answers]
    for score, gold in (
        ("pointing", [question.support for question in questions]),
        ("pointing_answer", [question.support_answer for question in questions]),
    ):
        # A question without gold, or without a look, counts for nobody.
        counted = [bool(g) and len(w) > 0 for g, w in zip(gold, weights, strict=True)]
        hits = [
            # Weights that are zero all over point nowhere, though argmax says 0.
            c and int(w[-1].argmax()) in g and w[-1].max() > 0
            for c, w, g in zip(counted, weights, gold, strict=True)
        ]
        if any(counted):
            counts[score] = np.stack([hits, counted], axis=1)
    return {name: np.asarray(pairs, np.float64) for name, pairs in counts.items()}


def scores(counts: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The scores over all questions.

    Args:
      counts: of `example_counts`.

    Returns:
      A number by score.
    """
    totals = {name: pairs.sum(axis=0) for name, pairs in counts.items()}
    return {name: float(hits / of) for name, (hits, of) in totals.items()}


def write_examples(
    folder: Path, questions: Sequence[ClozeQuestion], answers: Sequence[Answer]
) -> None:
    """Write where each test question was looked for (alignments), and its answer.

    A reader of one look has one row, the placeholder's; the impatient one a row for
    each word of the query. The last row's sure links lead to the answer where it is
    told, its possible ones to the sentence that tells it. Questions and answers are
    `questions` in examples.npz, as JSON text.

    Args:
      folder: the run's.
      questions: the test set.
      answers: to it.
    """
    texts = [
        {
            "name": question.name,
            "query": question.query,
            "answer": question.answer,
            "said": dict(enumerate(question.entities)).get(answer.slot, ""),
            "names": dict(question.names),
        }
        for question, answer in zip(questions, answers, strict=True)
    ]
    text = json.dumps(texts, ensure_ascii=False).encode()
    runs.write_arrays(
        folder / runs.EXAMPLES, {"questions": np.frombuffer(text, np.uint8)}
    )
    looks = [_aligned(*pair) for pair in zip(questions, answers, strict=True)]
    if all(len(look.target) for look in looks):
        runs.write_alignments(folder, {"test": looks})


def _aligned(question: ClozeQuestion, answer: Answer) -> runs.AlignedSentence:
    looks = len(answer.weights)
    rows = question.query if looks > 1 else (PLACEHOLDER,) * looks
    sure, possible = (
        frozenset((looks - 1, s) for s in positions if looks)
        for positions in (question.support_answer, question.support)
    )
    return runs.AlignedSentence(question.passage, rows, answer.weights, sure, possible)
