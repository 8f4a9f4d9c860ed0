"""Answers of a trained model, and what they score."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.attention.base import SampleSpec
from attnlab.estimators.objective import is_hard
from attnlab.nn.losses import token_losses
from attnlab.tasks.memn2n import batches
from attnlab.tasks.memn2n import metrics as facts
from attnlab.tasks.memn2n.batches import StoryQuestion
from attnlab.tasks.memn2n.model import MemN2N, StoryLSTM, recency
from attnlab.text.vocabulary import UNK, Vocabulary


class MemN2NEvaluator:
    """Answers questions in batches with a compiled model; parameters are arguments.

    A hard read takes the likeliest memory of every hop.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        model: MemN2N | StoryLSTM,
        vocabulary: Vocabulary,
    ):
        self.vocabulary = vocabulary
        self.rows = config["evaluate"]["questions"]
        memory, hops = config["model"]["memory"], config["model"]["hops"]
        hard = is_hard(config) and config["model"]["system"] == "memn2n"

        def answer(params, batch: Any):
            times = recency(batch.lengths, batch.stories.shape[1], memory)
            draw = draws(None, hops, len(batch.answers)) if hard else None
            found: Any = model.apply(params, *batch[:-1], times, draw=draw)
            nats = token_losses(found.logits, batch.answers)
            return nats, jax.nn.softmax(found.logits), found.weights

        self._answer = jax.jit(answer)

    def __call__(self, params, encoded: batches.StoryBatch):
        """nats [N], probabilities [N, V] and weights [N, K, S] of all questions."""
        found = []
        for start in range(0, len(encoded.answers), self.rows):
            rows = np.arange(len(encoded.answers))[start : start + self.rows]
            batch = batches.rows_of(encoded, rows, self.rows)
            parts = jax.tree.map(np.asarray, self._answer(params, batch))
            found.append([part[: len(rows)] for part in parts])
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def scores(self, params, encoded: batches.StoryBatch) -> dict[str, float]:
        """Loss in nats a question, and accuracy."""
        nats, probabilities, _ = self(params, encoded)
        hits = right(probabilities, encoded.answers)
        return {"loss": float(nats.mean()), "accuracy": float(hits.mean())}


def right(probabilities: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """[N] bool: the likeliest word is the answer; an unknown answer is never right."""
    return (probabilities.argmax(axis=-1) == answers) & (answers != UNK)


def draws(rng, hops: int, rows: int, temperature: Any = 1.0) -> SampleSpec:
    """The chance of every hop and row, [K, B]; without `rng` the likeliest is read."""
    keys = None if rng is None else jax.random.split(rng, (hops, rows))
    return SampleSpec(
        keys, jnp.full((hops, rows), temperature), jnp.zeros((hops, rows), bool)
    )


def judge(
    evaluator: MemN2NEvaluator,
    params,
    questions: Sequence[StoryQuestion],
    encoded: batches.StoryBatch,
    folder: Path,
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """The scores of the test questions; writes what was done with each of them.

    pointing: the share of questions for which a supporting fact has the most weight of
    all memories, summed over the hops; `hops` say the same of each hop, and how much of
    its weight is on facts.
    """
    nats, probabilities, weights = evaluator(params, encoded)
    hits = right(probabilities, encoded.answers)
    gold = batches.gold_of(questions, encoded.stories.shape[1])
    asked = np.array([bool(one.facts) for one in questions])
    counts = {
        "accuracy": np.stack([hits, np.ones(len(hits))], axis=1),
        "loss": np.stack([nats, np.ones(len(hits))], axis=1),
    }
    results: dict[str, Any] = {
        "accuracy": float(hits.mean()),
        "loss": float(nats.mean()),
    }
    if weights.shape[1] and asked.any():
        found = facts.found(weights, gold, asked)
        counts["pointing"] = np.stack([found.mean_hits, asked], axis=1)
        many = asked.sum()
        results["pointing"] = float(found.mean_hits.sum() / many)
        results["mass_on_gold"] = float(found.mass.mean(axis=1).sum() / many)
        results["hops"] = {
            f"hop{hop + 1}": {
                "pointing": float(found.hits[:, hop].sum() / many),
                "mass_on_gold": float(found.mass[:, hop].sum() / many),
            }
            for hop in range(weights.shape[1])
        }
    tasks = sorted({one.task for one in questions}, key=lambda name: (len(name), name))
    if len(tasks) > 1:
        of = np.array([one.task for one in questions])
        results["tasks"] = {name: float(hits[of == name].mean()) for name in tasks}
    runs.write_example_counts(folder, [_name(one) for one in questions], counts)
    shown = questions[: config["evaluate"]["shown"]]
    words = evaluator.vocabulary.words
    aligned = [_aligned(*pair) for pair in zip(shown, weights, strict=False)]
    runs.write_alignments(folder, {"test": aligned})
    said = [
        {
            "task": one.task,
            "question": " ".join(one.question),
            "answer": one.answer,
            "predicted": words[int(row.argmax())],
            "probability": float(row.max()),
        }
        for one, row in zip(shown, probabilities, strict=False)
    ]
    text = np.frombuffer(json.dumps(said).encode(), np.uint8)
    runs.write_arrays(folder / runs.EXAMPLES, {"questions": text})
    return results


def _name(one: StoryQuestion) -> str:
    story = ". ".join(" ".join(sentence) for sentence in one.story)
    return f"{one.task}: {story}. {' '.join(one.question)}? {one.answer}"


def _aligned(one: StoryQuestion, weights: np.ndarray) -> runs.AlignedSentence:
    """Hops down, all sentences of the story across, the facts as gold of every hop."""
    hops, first = len(weights), batches.first_kept(one, weights.shape[1])
    wide = np.zeros((hops, len(one.story)), np.float32)
    wide[:, first:] = weights[:, : len(one.story) - first]
    links = frozenset((hop, fact) for hop in range(hops) for fact in one.facts)
    return runs.AlignedSentence(
        tuple(" ".join(sentence) for sentence in one.story),
        tuple(f"hop {hop + 1}" for hop in range(hops)),
        wide,
        links,
        links,
    )
