"""The classification task: from a configuration to a model, its data and its scores."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab import runs
from attnlab.attention.base import Attention
from attnlab.attention.fixed_context import fixed_context
from attnlab.attention.pooled import pooled
from attnlab.attention.presets import build
from attnlab.estimators.objective import (
    check_objective,
    initial_estimator_state,
    is_hard,
    is_local,
    training_read,
)
from attnlab.metrics import attention_stats
from attnlab.nn.cells import cell_named
from attnlab.task import Task
from attnlab.tasks.classification import corpora
from attnlab.tasks.classification.batches import SentenceBatches, all_of, encode
from attnlab.tasks.classification.loss import make_loss, predict
from attnlab.tasks.classification.model import Classifier
from attnlab.tasks.classification.records import Labeled, LabeledSentence
from attnlab.text import vocabularies, word_positions
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import Vocabulary

CODEC = "words.codec"
PREDICTIONS = ("expected", "marginal", "argmax")
POOLINGS = ("attention", "mean", "max", "last")


class Predictions(NamedTuple):
    """What a model made of N sentences: log p(class) [N, classes], the weights [words]
    over each, as far as it was read, and the centres [N] of local windows."""

    logs: np.ndarray
    weights: list[np.ndarray]
    centres: np.ndarray


def build_attention(config: Mapping[str, Any]) -> Attention:
    """What pools the states: an attention of the configuration's choices, or none."""
    model = config["model"]
    if model["pooling"] in ("mean", "max"):
        return pooled(model["pooling"])
    if model["pooling"] == "last":
        return fixed_context("both")  # of either direction, its last
    return build(
        model["score"],
        model["window"],
        model["normalizer"],
        training_read(config),
        half_width=model["half_width"],
        gaussian=model["gaussian"],
        max_length=model["max_length"],
        k=model["k"],
    )


def build_model(config: Mapping[str, Any], size: int, classes: int) -> Classifier:
    """The Classifier of a configuration; ValueErrors name a wrong choice."""
    model = config["model"]
    return Classifier(
        size=size,
        classes=classes,
        attention=build_attention(config),
        cell=cell_named(model["cell"]),
        embedding=model["embedding"],
        hidden=model["hidden"],
        attention_hidden=model["attention_hidden"],
        layers=model["layers"],
        dropout=model["dropout"],
        asks=model["pooling"] == "attention",
        padded_to=config["data"]["longest"] if model["compat"] else 0,
    )


def load_corpus(config: Mapping[str, Any]) -> Labeled:
    """The corpus of `data.name` with the options under that name in `data`."""
    data = config["data"]
    given = dict(data.get(data["name"], {}))
    options = {key: value for key, value in given.items() if value is not None}
    return corpora.load(data["name"], **options)


def check(config: Mapping[str, Any]) -> None:
    """ValueErrors for what would else be noticed only after training, or never."""
    model, chosen = config["model"], config["estimator"]
    evaluate, train = config["evaluate"], config["train"]
    for name, value, known in (
        ("model.pooling", model["pooling"], POOLINGS),
        ("evaluate.predict", evaluate["predict"], ("", *PREDICTIONS)),
    ):
        if value not in known:
            listed = ", ".join(map(repr, known))
            raise ValueError(f"unknown {name} {value!r}; choose {listed}")
    if chosen["feed"] == "sampled":
        raise ValueError(
            "estimator.feed sampled is for what comes after a look, and a classifier "
            "looks once; choose estimator.feed expected"
        )
    check_objective(config)
    if chosen["learning"] == "elbo":
        raise ValueError(
            "estimator.learning elbo needs an inference network, which the classifier "
            "has not: its marginal is a sum over a sentence's words; choose reinforce, "
            "marginal, top-k, gumbel"
        )
    if model["coverage"]:
        raise ValueError("model.coverage is of earlier looks; a classifier looks once")
    if model["pooling"] != "attention":
        for name, used in (
            (f"model.read {model['read']}", model["read"] != "soft"),
            ("model.compat", model["compat"]),
        ):
            if used:
                raise ValueError(
                    f"{name} is of attention, not of model.pooling "
                    f"{model['pooling']}; choose model.pooling attention"
                )
    elif model["score"] == "none":
        raise ValueError("model.score none looks at nothing; choose model.pooling last")
    if config["data"]["longest"] < 2:
        longest = config["data"]["longest"]
        raise ValueError(f"data.longest is {longest}; a word and EOS take 2")
    for section, names in (
        (train, ("train.steps", "train.evaluate_every", "train.log_every")),
        (evaluate, ("evaluate.sentences", "evaluate.dev_sentences")),
    ):
        for name in names:
            value = section[name.split(".")[1]]
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be positive")
    build_attention(config)  # both name an unknown choice
    cell_named(model["cell"])
    if not 0.0 <= model["dropout"] < 1.0:
        raise ValueError(f"model.dropout is {model['dropout']}; it must be in [0, 1)")


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task of a configuration; writes its vocabulary into the run folder."""
    check(config)
    corpus = load_corpus(config)
    codec = _codec(config, corpus, folder)
    data, evaluate = config["data"], config["evaluate"]
    model = build_model(config, codec.size, len(corpus.classes))
    pairs, cut = encode(corpus.train, codec, data["longest"])
    batches = SentenceBatches(
        pairs,
        batch_size=config["train"]["batch_size"],
        shapes=data["shapes"],
        seed=config["seed"],
    )
    widths = sorted({*batches.widths, data["longest"]})
    attends = config["model"]["pooling"] == "attention"
    hard, local = attends and is_hard(config), attends and is_local(config)
    usual = "marginal" if is_hard(config) else "expected"
    how = evaluate["predict"] or usual
    looked = jax.jit(partial(predict, model, how=how))

    def each(params, examples: Sequence[LabeledSentence]):
        """(indices, batch, log p(class), look) of all examples, in batches."""
        encoded, _ = encode(examples, codec, data["longest"])
        for indices, batch in all_of(encoded, evaluate["sentences"], widths):
            yield indices, batch, *looked(params, batch)

    def judged(params, examples: Sequence[LabeledSentence]) -> Predictions:
        logs = np.zeros((len(examples), len(corpus.classes)))
        weights: list[Any] = [None] * len(examples)
        centres = np.zeros(len(examples))
        for indices, batch, found, look in each(params, examples):
            logs[indices] = np.asarray(found)[: len(indices)]
            centres[indices] = np.asarray(look.centres)[: len(indices)]
            over = np.asarray(look.weights)
            for row, place in enumerate(indices):
                weights[place] = over[row, : batch.lengths[row] - 1]
        return Predictions(logs, weights, centres)

    dev = corpus.dev[: evaluate["dev_sentences"]]

    def validate(params):
        hits, nats = _hits(judged(params, dev), dev)
        return {"accuracy": hits.mean(), "loss": nats.mean()}

    def histograms(params):
        _, batch, _, look = next(each(params, dev[: evaluate["sentences"]]))
        words = np.arange(batch.words.shape[1]) < batch.lengths[:, None] - 1
        size = batch.words.shape[1]
        return {
            "states": np.asarray(look.values)[:, :size][words],
            "weights": np.asarray(look.weights)[:, :size][words],
        }

    def finish(params, folder: Path):
        test = corpus.test
        found = judged(params, test)
        results, example_counts = score(found, test, data["longest"])
        names = [f"{n}: {' '.join(one.words[:8])}" for n, one in enumerate(test)]
        runs.write_example_counts(folder, names, example_counts)
        shown = range(min(evaluate["shown"], len(test)))
        _write_shown(folder, corpus.classes, test, found, shown, local, hard)
        if config["model"]["compat"]:
            on_words = np.mean([weights.sum() for weights in found.weights])
            results["weight_on_padding"] = float(1 - on_words)
        return results | {
            "prediction": how,
            "training_sentences": len(corpus.train),
            "cut_sentences": cut,
        }

    return Task(
        lambda rng: model.init(rng, method="parameters"),
        make_loss(model, config),
        batches,
        validate,
        finish,
        scores=("accuracy", "loss"),
        estimator_state=initial_estimator_state(),
        notes=_left_out(cut, len(corpus.train), data["longest"]),
        histograms=histograms,
    )


def score(
    found: Predictions, test: Sequence[LabeledSentence], longest: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Results and tallies of a test set of which at most `longest` words were read.

    accuracy; loss, nats a sentence; pointing, the share of sentences with evidence
    whose heaviest weight is on it; mass_on_gold, their weight on it; attention_entropy
    (nats) and largest_weight. Weights are taken relative to their sum; what is said of
    them is left out where the pooling has none.
    """
    hits, nats = _hits(found, test)
    ones = np.ones(len(test))
    example_counts = {
        "accuracy": np.stack([hits, ones], axis=1),
        "loss": np.stack([nats, ones], axis=1),
    }
    results = {"accuracy": float(hits.mean()), "loss": float(nats.mean())}
    rows = [weights[None] for weights in found.weights]  # [1, words]: one look
    if not any(weights.any() for weights in found.weights):
        return results, example_counts
    results |= {
        "attention_entropy": attention_stats.entropy(rows),
        "largest_weight": attention_stats.largest_weight(rows),
    }
    gold = [{(0, s) for s in _evidence(one, longest)} for one in test]
    if any(gold):
        known = np.array([bool(links) for links in gold])
        pointed = np.array(
            [
                weights.any() and (0, int(weights.argmax())) in links
                for weights, links in zip(found.weights, gold, strict=True)
            ]
        )
        example_counts["pointing"] = np.stack([pointed & known, known], axis=1).astype(
            float
        )
        results["pointing"] = float(pointed[known].mean())
        results["mass_on_gold"] = attention_stats.mass_on_gold(rows, gold)
    return results, example_counts


def _hits(
    found: Predictions, examples: Sequence[LabeledSentence]
) -> tuple[np.ndarray, np.ndarray]:
    """Which are right [N] bool, and the nats of each class [N]."""
    labels = np.array([one.label for one in examples])
    nats = -np.take_along_axis(found.logs, labels[:, None], axis=1)[:, 0]
    return found.logs.argmax(axis=1) == labels, nats


def _evidence(example: LabeledSentence, longest: int) -> list[int]:
    """The positions of the evidence that was read."""
    return sorted(place for place in example.evidence if place < longest - 1)


def _write_shown(
    folder,
    classes,
    test,
    found: Predictions,
    shown: Sequence[int],
    local: bool,
    hard: bool,
) -> None:
    """The sentences that figures choose from, with weights and p(class).

    With the centre of a `local` window, and a draw of a `hard` read.
    """
    aligned = []
    for n in shown:
        weights, one = found.weights[n], test[n]
        read = one.words[: len(weights)]
        links = frozenset((0, s) for s in one.evidence if s < len(read))
        target = (classes[one.label],)
        centres = found.centres[n : n + 1] if local else None
        rng = np.random.default_rng(n)
        drawn = word_positions.drawn(weights[None], range(len(read)), [0], rng)
        one_look = runs.AlignedSentence(read, target, weights[None], links, links)
        one_look = one_look._replace(centres=centres, samples=drawn if hard else None)
        aligned.append(one_look)
    runs.write_alignments(folder, {"test": aligned})
    arrays = {
        "classes": np.frombuffer("\n".join(classes).encode(), np.uint8),
        "probabilities": np.exp(found.logs[list(shown)]),
    }
    runs.write_arrays(folder / runs.EXAMPLES, arrays)


def _codec(config: Mapping[str, Any], corpus: Labeled, folder: Path) -> Codec:
    """The vocabulary of a run, made when it begins."""
    data = config["data"]

    def make():
        sentences = [one.words for one in corpus.train]
        return [Vocabulary.build(sentences, data["vocabulary"], data["min_count"])]

    return vocabularies.load_or_build(folder, [CODEC], make)[0]


def _left_out(cut: int, sentences: int, longest: int) -> list[str]:
    if not cut:
        return []
    return [
        f"{cut} of {sentences} training sentences are longer than {longest} with the "
        f"end mark (data.longest); the first {longest - 1} words are read"
    ]
