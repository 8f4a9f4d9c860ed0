"""The reading task: which entity of a passage does a query's placeholder stand for?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.attention.compose import attention as compose
from attnlab.attention.normalizers import softmax
from attnlab.attention.presets import build
from attnlab.attention.windows import global_window
from attnlab.masking import zero_padding
from attnlab.nn.cells import cell_named
from attnlab.nn.losses import Sums
from attnlab.precision import COMPUTE, cast
from attnlab.task import Task
from attnlab.tasks.cloze import batches as questions
from attnlab.tasks.cloze import corpora
from attnlab.tasks.cloze.batches import QuestionBatches
from attnlab.tasks.cloze.corpora import Cloze
from attnlab.tasks.cloze.evaluate import (
    ClozeEvaluator,
    example_counts,
    log_probabilities,
    scores,
    write_examples,
)
from attnlab.tasks.cloze.model import Reader
from attnlab.tasks.cloze.readers import uniform
from attnlab.tasks.cloze.synthetic import synthetic_cloze
from attnlab.text.vocabulary import Vocabulary

CORPORA: dict[str, Callable[..., Cloze]] = {
    "synthetic": synthetic_cloze,
    "ieer": corpora.ieer,
    "files": corpora.question_files,
}
# What the softmax is over: every word of the vocabulary (Hermann et al. 2015), every
# entity that there can be, or the entities of the passage (Chen et al. 2016).
ANSWERS = ("words", "entities", "passage")
LEARNABLE = ("soft", "top-k")


def build_model(config: Mapping[str, Any], vocabulary: Vocabulary, slots: int):
    """The Reader of a configuration; ValueErrors name a wrong choice."""
    model = config["model"]
    if model["answers"] not in ANSWERS:
        choices = ", ".join(ANSWERS)
        raise ValueError(
            f"unknown model.answers {model['answers']!r}; choose {choices}"
        )
    if model["read"] not in LEARNABLE:
        choices = ", ".join(LEARNABLE)
        raise ValueError(
            f"a reader learns by cross entropy, which model.read {model['read']!r} "
            f"cannot; choose {choices}"
        )
    if model["score"] == "none":
        raise ValueError(
            "a reader without attention is model.reader deep-lstm; model.score none "
            "is for translation"
        )
    everything = model["answers"] == "words"
    return Reader(
        words=vocabulary.size,
        first=0 if everything else questions.FIRST,
        answers=vocabulary.size if everything else slots,
        attention=_attention(model),
        cell=cell_named(model["cell"]),
        reader=model["reader"],
        readout=model["readout"],
        embedding=model["embedding"],
        hidden=model["hidden"],
        attention_hidden=model["attention_hidden"],
        readouts=model["readouts"],
        layers=model["layers"],
        tied=model["tied"],
        matches=model["matches"],
        dropout=model["dropout"],
    )


def _attention(model: Mapping[str, Any]):
    if model["score"] == "uniform":
        return compose(uniform(), global_window(), softmax)
    return build(
        model["score"],
        model["window"],
        model["normalizer"],
        model["read"],
        half_width=model["half_width"],
        gaussian=model["gaussian"],
        coverage=model["coverage"],
        max_length=model["max_length"],
        k=model["k"],
    )


def load_questions(config: Mapping[str, Any]) -> Cloze:
    """The questions of `data.name` with the options under that name in `data`."""
    data = config["data"]
    if data["name"] not in CORPORA:
        choices = ", ".join(CORPORA)
        raise ValueError(f"unknown questions {data['name']!r}; choose {choices}")
    options = {
        key: value
        for key, value in dict(data.get(data["name"], {})).items()
        if value is not None
    }
    return CORPORA[data["name"]](**options)


def make_loss(model: Reader, config: Mapping[str, Any]):
    """loss(params, batch, rng, learner): summed -log p(answer), over real questions."""
    chosen, compute = config["model"]["answers"], config["train"]["compute"]
    first = questions.FIRST if chosen == "words" else 0

    def loss(params, batch: Any, rng, estimator_state):
        params = cast(params, compute)
        logs, _ = log_probabilities(model, params, batch, chosen, rng=rng)
        right = jnp.take_along_axis(logs, first + batch.answer[:, None], axis=1)[:, 0]
        real = batch.passage_lengths > 0
        total = -zero_padding(right, real).sum()
        return total, (Sums(total, real.sum()), estimator_state)

    return loss


def check(config: Mapping[str, Any]) -> None:
    """ValueErrors for what would else be noticed only after training."""
    train, model = config["train"], config["model"]
    counts = {f"train.{n}": train[n] for n in ("steps", "evaluate_every", "log_every")}
    counts |= {f"model.{n}": model[n] for n in ("layers", "hidden", "embedding")}
    counts["evaluate.questions"] = config["evaluate"]["questions"]
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be positive")
    if not 0.0 <= model["dropout"] < 1.0:
        raise ValueError(f"model.dropout is {model['dropout']}; it must be in [0, 1)")
    if train["compute"] not in COMPUTE:
        choices = ", ".join(COMPUTE)
        raise ValueError(
            f"unknown train.compute {train['compute']!r}; choose {choices}"
        )


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task of a configuration; what it needs follows from that alone."""
    del folder  # the vocabulary is made again, the same for the same questions
    check(config)
    corpus, data = load_questions(config), config["data"]
    splits = (corpus.train, corpus.dev, corpus.test)
    slots = questions.slots_of(one for split in splits for one in split)
    vocabulary = questions.make_vocabulary(
        corpus.train, slots, data["vocabulary"], data["min_count"]
    )
    train, dev, test = (
        [questions.encode(one, vocabulary) for one in split] for split in splits
    )
    model = build_model(config, vocabulary, slots)
    batches = QuestionBatches(
        train,
        slots=slots,
        rows=config["train"]["batch_size"],
        shapes=data["shapes"],
        longest=data["longest"],
        numbering=data["numbering"],
        seed=config["seed"],
    )
    evaluator = ClozeEvaluator(model, config, slots, batches.widths)

    def init(rng):
        return model.init(rng, method="parameters")

    def validate(params):
        counts = example_counts(corpus.dev, dev, evaluator.answers(params, dev))
        return scores(counts)

    def finish(params, folder: Path):
        answers = evaluator.answers(params, test)
        counts = example_counts(corpus.test, test, answers)
        names = [
            runs.unique_id(q.name, " ".join(q.passage), " ".join(q.query), q.answer)
            for q in corpus.test
        ]
        runs.write_example_counts(folder, names, counts)
        write_examples(folder, corpus.test, answers)
        return scores(counts) | {
            "most_frequent": float(np.mean(corpora.most_frequent(corpus.test))),
            "exclusive_frequency": float(
                np.mean(corpora.exclusive_frequency(corpus.test))
            ),
            "chance": corpora.chance(corpus.test),
            "training_questions": len(train),
            "dropped_questions": batches.dropped,
            "test_questions": len(test),
        }

    looks = config["model"]["reader"] != "deep-lstm"
    known = looks and any(one.support for one in corpus.dev)
    notes = []
    if batches.dropped:
        notes.append(
            f"{batches.dropped} of {len(train)} training questions have passages "
            f"longer than {data['longest']} with the end mark (data.longest), and are "
            "left out"
        )
    return Task(
        init,
        make_loss(model, config),
        batches,
        validate,
        finish,
        scores=("accuracy", "loss") + (("pointing",) if known else ()),
        notes=notes,
    )
