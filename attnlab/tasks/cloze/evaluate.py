"""What a reader says to questions: its answers, what they are worth, and its looks."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.precision import wide
from attnlab.tasks.cloze import batches as questions
from attnlab.tasks.cloze.batches import EncodedQuestions
from attnlab.tasks.cloze.corpora import PLACEHOLDER, ClozeQuestion
from attnlab.tasks.cloze.model import Reader


class Answer(NamedTuple):
    """What a model says to one question.

    slot: of the likeliest answer, -1 for a word that is no entity. nats: -log p of the
    right one. weights [N, S]: its looks at the passage, N = 0 without attention.
    """

    slot: int
    nats: float
    weights: np.ndarray


def log_probabilities(model: Reader, params, batch: Any, chosen: str, *, rng=None):
    """log p [B, A] of the answers, and the model's weights; dropout with an `rng`.

    Answers that `chosen` leaves out have the probability zero.
    """
    rngs = None if rng is None else {"dropout": rng}
    read: Any = model.apply(
        params,
        batch.passage,
        batch.passage_lengths,
        batch.query,
        batch.query_lengths,
        train=rng is not None,
        rngs=rngs,
    )
    logits = wide(read.logits)
    if chosen == "passage":  # a filler row has no candidates: it may say anything
        known = batch.candidates | ~batch.candidates.any(axis=1, keepdims=True)
        logits = jnp.where(known, logits, jnp.finfo(logits.dtype).min)
    return jax.nn.log_softmax(logits), read.weights


class ClozeEvaluator:
    """Asks a model all questions of a split; one program for each shape of batch."""

    def __init__(self, model: Reader, config: Mapping[str, Any], slots: int, widths):
        chosen = config["model"]["answers"]
        self._first = questions.FIRST if chosen == "words" else 0
        self._rows, self._widths = config["evaluate"]["questions"], widths
        self._slots, self._numbering = slots, config["data"]["numbering"]
        self._ask = jax.jit(
            lambda params, batch: log_probabilities(model, params, batch, chosen)
        )

    def answers(self, params, encoded: Sequence[EncodedQuestions]) -> list[Answer]:
        """What the model says to each question, in their order."""
        found: dict[int, Answer] = {}
        batches = questions.in_order(
            encoded,
            self._rows,
            self._widths,
            slots=self._slots,
            numbering=self._numbering,
        )
        for members, numbers, batch in batches:
            logs, weights = jax.device_get(self._ask(params, batch))
            for row, n in enumerate(members):
                # Back to the numbers by first occurrence.
                names = np.argsort(numbers[row])
                said = int(logs[row].argmax()) - self._first
                slot = int(names[said]) if 0 <= said < self._slots else -1
                nats = -float(logs[row, self._first + batch.answer[row]])
                looked = weights[row]
                if looked.shape[0] > 1:
                    looked = looked[: len(encoded[n].query)]
                looked = looked[:, : len(encoded[n].passage)]
                found[int(n)] = Answer(slot, nats, looked)
        return [found[n] for n in range(len(encoded))]


def example_counts(
    asked: Sequence[ClozeQuestion],
    encoded: Sequence[EncodedQuestions],
    answers: Sequence[Answer],
) -> dict[str, np.ndarray]:
    """Counts [N, 2] of each score, by question: accuracy, loss in nats, pointing.

    pointing: is the heaviest weight of the last look in the sentence that tells the
    answer; pointing_answer: on the answer itself there. They are left out where the
    model does not look or no question says where.
    """
    pairs = zip(answers, encoded, strict=True)
    right = [answer.slot == one.answer for answer, one in pairs]
    ones = np.ones(len(answers))
    found = {
        "accuracy": np.stack([right, ones], axis=1),
        "loss": np.stack([[one.nats for one in answers], ones], axis=1),
    }
    for score, part in (("pointing", "support"), ("pointing_answer", "told")):
        gold = [getattr(question, part) for question in asked]
        looked = [one.weights for one in answers]
        known = [bool(g) and len(w) > 0 for g, w in zip(gold, looked, strict=True)]
        hits = [
            k and int(w[-1].argmax()) in g and w[-1].max() > 0
            for k, w, g in zip(known, looked, gold, strict=True)
        ]
        if any(known):
            found[score] = np.stack([hits, known], axis=1)
    return {name: np.asarray(pairs, np.float64) for name, pairs in found.items()}


def scores(counts: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The scores of counts [N, 2], over all questions."""
    totals = {name: pairs.sum(axis=0) for name, pairs in counts.items()}
    return {name: float(hits / of) for name, (hits, of) in totals.items()}


def write_examples(
    folder: Path, asked: Sequence[ClozeQuestion], answers: Sequence[Answer]
) -> None:
    """Where each test question was looked for (alignments), and what was said to it.

    A reader of one look has one row, the placeholder's; the impatient one a row for
    each word of the query. The last row's sure links lead to the answer where it is
    told, its possible ones to the sentence that tells it. What was asked and said is
    `questions` in examples.npz, as JSON text.
    """
    said = [
        {
            "name": one.name,
            "query": one.query,
            "answer": one.answer,
            "said": dict(enumerate(one.entities)).get(answer.slot, ""),
            "names": dict(one.names),
        }
        for one, answer in zip(asked, answers, strict=True)
    ]
    text = json.dumps(said, ensure_ascii=False).encode()
    runs.write_arrays(
        folder / runs.EXAMPLES, {"questions": np.frombuffer(text, np.uint8)}
    )
    looks = [_aligned(*pair) for pair in zip(asked, answers, strict=True)]
    if all(len(one.target) for one in looks):
        runs.write_alignments(folder, {"test": looks})


def _aligned(one: ClozeQuestion, answer: Answer) -> runs.AlignedSentence:
    looks = len(answer.weights)
    rows = one.query if looks > 1 else (PLACEHOLDER,) * looks
    told, support = (
        frozenset((looks - 1, s) for s in positions if looks)
        for positions in (one.told, one.support)
    )
    return runs.AlignedSentence(one.passage, rows, answer.weights, told, support)
