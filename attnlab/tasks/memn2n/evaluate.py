"""Answers of a trained model, and what they score."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import jax
import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.compilation import jit
from attnlab.estimators.objective import is_hard
from attnlab.nn.losses import token_losses
from attnlab.tasks.memn2n import batches
from attnlab.tasks.memn2n.batches import StoryBatch, StoryQuestion
from attnlab.tasks.memn2n.loss import sample_spec
from attnlab.tasks.memn2n.metrics import fact_scores
from attnlab.tasks.memn2n.model import MemN2N, MemN2NOutputs, StoryLSTM, recency
from attnlab.tasks.memn2n.settings import MemN2NSettings
from attnlab.text.vocabulary import UNK, Vocabulary


class Answers(NamedTuple):
    """What a model makes of N questions.

    Attributes:
      nats: [N], minus log p(answer).
      probabilities: [N, V], of every word of the vocabulary.
      weights: [N, K, S], of every hop over the memory; K is 0 for the baseline.
    """

    nats: np.ndarray
    probabilities: np.ndarray
    weights: np.ndarray

    def hits(self, answers: np.ndarray) -> np.ndarray:
        """Which answers are right.

        Args:
          answers: [N] int, the ids of the right ones.

        Returns:
          [N] bool: the most probable word is the answer. An answer outside the
          vocabulary is never right.
        """
        return (self.probabilities.argmax(axis=-1) == answers) & (answers != UNK)


class MemN2NEvaluator:
    """Answers questions in batches with a compiled model; parameters are arguments.

    A hard read takes the most probable memory of every hop.
    """

    def __init__(
        self,
        settings: MemN2NSettings,
        model: MemN2N | StoryLSTM,
        vocabulary: Vocabulary,
    ):
        self.vocabulary = vocabulary
        self.rows = settings.evaluate.questions
        memory, hops = settings.model.memory, settings.model.hops
        hard = is_hard(settings.model) and settings.model.system == "memn2n"

        def answer(params, batch):
            times = recency(batch.lengths, batch.stories.shape[1], memory)
            draw = sample_spec(None, hops, len(batch.answers)) if hard else None
            outputs = cast(
                MemN2NOutputs, model.apply(params, *batch[:-1], times, draw=draw)
            )
            nats = token_losses(outputs.logits, batch.answers)
            return nats, jax.nn.softmax(outputs.logits), outputs.weights

        self._answer = jit(answer)

    def __call__(self, params: Params, questions: StoryBatch) -> Answers:
        """Answers all questions, some at a time.

        Args:
          params: of the model.
          questions: N of them.

        Returns:
          The answers, in the order of the questions.
        """
        parts = []
        for start in range(0, len(questions.answers), self.rows):
            rows = np.arange(len(questions.answers))[start : start + self.rows]
            # The last batch is filled up: one shape is compiled once.
            batch = batches.rows_of(questions, rows, self.rows)
            answers = jax.tree.map(np.asarray, self._answer(params, batch))
            parts.append([part[: len(rows)] for part in answers])
        return Answers(*map(np.concatenate, zip(*parts, strict=True)))

    def scores(self, params: Params, questions: StoryBatch) -> dict[str, float]:
        """How well a set of questions is answered.

        Args:
          params: of the model.
          questions: the set.

        Returns:
          loss, in nats a question, and accuracy, in [0, 1].
        """
        answers = self(params, questions)
        hits = answers.hits(questions.answers)
        return {"loss": float(answers.nats.mean()), "accuracy": float(hits.mean())}


def judge(
    evaluator: MemN2NEvaluator,
    params: Params,
    questions: Sequence[StoryQuestion],
    encoded: StoryBatch,
    folder: Path,
    shown: int,
) -> dict[str, object]:
    """The scores of the test questions; writes what was done with each of them.

    Args:
      evaluator: of the model.
      params: of the model.
      questions: the test set.
      encoded: the same as numbers.
      folder: the run's folder.
      shown: how many questions have their weights written.

    Returns:
      accuracy and loss; where questions have facts, pointing (the share of questions
      for which a supporting fact has the most weight of all memories, summed over the
      hops), mass_on_gold (the share of the weight that is on facts) and the same of
      each of the `hops`; where there are several tasks, the accuracy of each.
    """
    answers = evaluator(params, encoded)
    hits = answers.hits(encoded.answers)
    ones = np.ones(len(hits))
    counts = {
        "accuracy": np.stack([hits, ones], axis=1),
        "loss": np.stack([answers.nats, ones], axis=1),
    }
    results: dict[str, object] = {
        "accuracy": float(hits.mean()),
        "loss": float(answers.nats.mean()),
    }
    of_facts, pointing = _of_facts(answers.weights, questions)
    results |= of_facts
    if pointing is not None:
        counts["pointing"] = pointing
    # By length first: task 2 stands before task 10.
    tasks = sorted({q.task for q in questions}, key=lambda name: (len(name), name))
    if len(tasks) > 1:
        task = np.array([question.task for question in questions])
        results["tasks"] = {name: float(hits[task == name].mean()) for name in tasks}
    runs.write_example_counts(
        folder, [_name(question) for question in questions], counts
    )
    _write_shown(folder, questions[:shown], answers, evaluator.vocabulary)
    return results


def _of_facts(
    weights: np.ndarray, questions: Sequence[StoryQuestion]
) -> tuple[dict[str, object], np.ndarray | None]:
    """Results on supporting facts, and counts of pointing [N, 2]; nothing of a model
    without weights, or of questions without facts."""
    _, hops, size = weights.shape
    asked = np.array([bool(question.facts) for question in questions])
    many = asked.sum()
    if not hops or not many:
        return {}, None
    scores = fact_scores(weights, batches.gold_of(questions, size), asked)
    results: dict[str, object] = {
        "pointing": float(scores.mean_hits.sum() / many),
        "mass_on_gold": float(scores.mass.mean(axis=1).sum() / many),
        "hops": {
            f"hop{hop + 1}": {
                "pointing": float(scores.hits[:, hop].sum() / many),
                "mass_on_gold": float(scores.mass[:, hop].sum() / many),
            }
            for hop in range(hops)
        },
    }
    return results, np.stack([scores.mean_hits, asked], axis=1)


def _write_shown(
    folder: Path,
    questions: Sequence[StoryQuestion],
    answers: Answers,
    vocabulary: Vocabulary,
) -> None:
    """Weights and answers of the first questions, for figures."""
    pairs = [
        _aligned(question, weights)
        for question, weights in zip(questions, answers.weights, strict=False)
    ]
    runs.write_alignments(folder, {"test": pairs})
    records = [
        {
            "task": question.task,
            "question": " ".join(question.question),
            "answer": question.answer,
            "predicted": vocabulary.words[int(row.argmax())],
            "probability": float(row.max()),
        }
        for question, row in zip(questions, answers.probabilities, strict=False)
    ]
    text = np.frombuffer(json.dumps(records).encode(), np.uint8)
    runs.write_arrays(folder / runs.EXAMPLES, {"questions": text})


def _name(question: StoryQuestion) -> str:
    story = ". ".join(" ".join(sentence) for sentence in question.story)
    asked = " ".join(question.question)
    return f"{question.task}: {story}. {asked}? {question.answer}"


def over_story(question: StoryQuestion, weights: np.ndarray) -> np.ndarray:
    """Weights over all sentences of a story, also those that have left the memory.

    Args:
      question: the question with its story of n sentences.
      weights: [K, S], over the memory.

    Returns:
      [K, n]; zero for sentences that were forgotten.
    """
    first = batches.first_remembered(question, weights.shape[1])
    whole = np.zeros((len(weights), len(question.story)), np.float32)
    whole[:, first:] = weights[:, : len(question.story) - first]
    return whole


def _aligned(question: StoryQuestion, weights: np.ndarray) -> runs.AlignedSentence:
    """Hops down, all sentences of the story across, the facts as gold of every hop."""
    hops = len(weights)
    links = frozenset((hop, fact) for hop in range(hops) for fact in question.facts)
    return runs.AlignedSentence(
        tuple(" ".join(sentence) for sentence in question.story),
        tuple(f"hop {hop + 1}" for hop in range(hops)),
        over_story(question, weights),
        links,
        links,
    )
