"""The answering task: questions over stories, for a memory network or an LSTM."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from attnlab.attention.base import Attention
from attnlab.attention.compose import attention
from attnlab.attention.presets import SCORES, build
from attnlab.attention.windows import global_window
from attnlab.estimators import reinforce
from attnlab.estimators.objective import (
    EstimatorState,
    check_objective,
    initial_estimator_state,
    temperature_of,
    training_read,
)
from attnlab.masking import distribution, masked_sum, safe_log, zero_padding
from attnlab.nn.losses import Sums, token_losses
from attnlab.task import Task
from attnlab.tasks.memn2n import batches
from attnlab.tasks.memn2n.babi import babi
from attnlab.tasks.memn2n.batches import Stories
from attnlab.tasks.memn2n.evaluate import MemN2NEvaluator, draws, judge
from attnlab.tasks.memn2n.model import Answered, MemN2N, StoryLSTM, recency
from attnlab.tasks.memn2n.stories import stories
from attnlab.text import vocabularies
from attnlab.text.vocabulary import PAD

CORPORA: dict[str, Callable[..., Stories]] = {"stories": stories, "babi": babi}
SYSTEMS = ("memn2n", "lstm")
SETTLED = ("cross-entropy", "reinforce", "gumbel")  # how a read of several hops learns
SETTLED_BASELINES = ("none", "moving-average", "soft")
WORDS = "words.vocabulary"


def load_stories(config: Mapping[str, Any]) -> Stories:
    """The corpus of `data.name` with the options under that name in `data`."""
    name = config["data"]["name"]
    if name not in CORPORA:
        raise ValueError(f"unknown corpus {name!r}; choose {', '.join(CORPORA)}")
    options = dict(config["data"].get(name, {}))
    known = inspect.signature(CORPORA[name]).parameters
    for option in options:
        if option not in known:
            choices = ", ".join(known)
            raise ValueError(
                f"unknown option {option!r} of corpus {name!r}; choose {choices}"
            )
    return CORPORA[name](**options)


def check(config: Mapping[str, Any]) -> None:
    """ValueErrors for what would else be noticed late or not at all."""
    model, train, evaluate = config["model"], config["train"], config["evaluate"]
    if model["system"] not in SYSTEMS:
        choices = ", ".join(SYSTEMS)
        raise ValueError(f"unknown model.system {model['system']!r}; choose {choices}")
    if model["score"] == "none":
        raise ValueError(
            "model.score none leaves a memory network nothing to read by; the system "
            "without attention is model.system lstm"
        )
    for name in ("coin", "entropy"):
        if config["estimator"][name]:
            value = config["estimator"][name]
            raise ValueError(f"estimator.{name} is {value}; answer has none, so 0")
    without = {"evaluate": {"predict": ""}, "train": {**train, "label_smoothing": 0.0}}
    check_objective({**config, **without})  # which translation has and answer has not
    learning = config["estimator"]["learning"]
    if learning not in SETTLED:
        raise ValueError(
            f"estimator.learning {learning!r} sums over what one step reads, and hops "
            f"read one after the other; choose {', '.join(SETTLED)}"
        )
    if learning == "reinforce":
        baseline = config["estimator"]["baseline"]
        if baseline not in SETTLED_BASELINES:
            choices = ", ".join(SETTLED_BASELINES)
            raise ValueError(
                f"estimator.baseline {baseline!r} is not for answer; choose {choices}"
            )
    if learning == "reinforce" and config["estimator"]["feed"] == "expected":
        raise ValueError(
            "a memory network feeds what a hop reads to the next: estimator.feed "
            "sampled, and estimator.credit to-go or sentence"
        )
    if train["compute"] != "float32":
        raise ValueError(f"train.compute is {train['compute']!r}; answer has float32")
    for name, value in (
        ("train.steps", train["steps"]),
        ("train.batch_size", train["batch_size"]),
        ("model.width", model["width"]),
        ("model.memory", model["memory"]),
        ("evaluate.questions", evaluate["questions"]),
    ):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be positive")
    if model["linear_start"] < 0:
        raise ValueError(f"model.linear_start is {model['linear_start']}, below 0")
    if not 0.0 <= model["noise"] < 1.0:
        raise ValueError(f"model.noise is {model['noise']}; it must be in [0, 1)")


def build_model(config: Mapping[str, Any], words: int) -> MemN2N | StoryLSTM:
    """The model of a configuration; ValueErrors name a wrong choice."""
    model = config["model"]
    if model["system"] == "lstm":
        return StoryLSTM(words, hidden=model["hidden"], embedding=model["width"])
    usual = build(
        model["score"],
        model["window"],
        model["normalizer"],
        training_read(config),
        half_width=model["half_width"],
        gaussian=model["gaussian"],
        coverage=model["coverage"],
        max_length=model["max_length"],
        k=model["k"],
    )
    return MemN2N(
        words=words,
        attention=usual,
        linear=_linear(model) if model["linear_start"] else None,
        hops=model["hops"],
        width=model["width"],
        memory=model["memory"],
        tying=model["tying"],
        encoding=model["encoding"],
        temporal=model["temporal"],
        empty_slots=model["empty_slots"],
    )


def _linear(model: Mapping[str, Any]) -> Attention:
    """The attention whose weights are the scores themselves: linear start."""
    if model["window"] != "global" or model["coverage"]:
        raise ValueError("model.linear_start is for window global without coverage")

    def as_they_are(scores, valid):
        return jnp.where(valid, scores, 0)

    return attention(SCORES[model["score"]](), global_window(), as_they_are)


def make_loss(model: MemN2N | StoryLSTM, config: Mapping[str, Any]):
    """loss(params, batch, rng, learner) -> (to minimize, (Sums, next learner)).

    Sums hold nats of the expected reads, or of the sampled ones where the read is hard.
    """
    settings, chosen = config["model"], config["estimator"]

    def run(params, batch: Any, times, linear, draw) -> Answered:
        found: Any = model.apply(params, *batch[:-1], times, linear=linear, draw=draw)
        return found

    def loss(params, batch: Any, rng, estimator_state: EstimatorState):
        rng_noise, rng_draw = jax.random.split(rng)
        size, real = batch.stories.shape[1], batch.answers != PAD
        times = recency(
            batch.lengths, size, settings["memory"], rng_noise, settings["noise"]
        )
        start = settings["linear_start"]
        linear = estimator_state.updates < start if start else False

        def likelihood(draw):
            answered = run(params, batch, times, linear, draw)
            return -token_losses(answered.logits, batch.answers), answered

        def sampled(rng):
            temperature = temperature_of(config, estimator_state.updates)
            draw = draws(rng, settings["hops"], len(batch.answers), temperature)
            reward, answered = likelihood(draw)
            logs = safe_log(distribution(answered.weights))
            actions = (answered.reads * logs).sum(axis=-1)
            return reward, jnp.where(linear, 0, actions)  # [B], [B, K]

        learning = chosen["learning"]
        if learning == "cross-entropy" or settings["system"] == "lstm":
            bound, _ = likelihood(None)
            reward = bound
        else:
            keys = jax.random.split(rng_draw, chosen["samples"])
            rewards, actions = jax.vmap(sampled)(keys)  # [N, B], [N, B, K]
            bound = reward = rewards.mean(axis=0)
            if learning == "reinforce":
                basis = _baseline(
                    chosen["baseline"], likelihood, estimator_state, reward
                )
                bound = reinforce(
                    jnp.moveaxis(actions, 0, -1),
                    _last_hop(rewards.T, actions.shape[-1]),
                    _last_hop(basis[:, None], actions.shape[-1]),
                    credit=chosen["credit"],
                    weight=chosen["reward_weight"],
                ).sum(axis=-1)
        total = masked_sum(bound, real)
        average = estimator_state.average.after(
            zero_padding(reward, real)[:, None, None], real[:, None], chosen["decay"]
        )
        nats = -masked_sum(reward, real)
        estimator_state = EstimatorState(average, estimator_state.updates + 1)
        return -total, (Sums(nats, real.sum()), estimator_state)

    return loss


def _baseline(kind: str, likelihood, estimator_state: EstimatorState, reward):
    if kind == "soft":
        return likelihood(None)[0]
    if kind == "moving-average":
        return jnp.broadcast_to(estimator_state.average.mean, reward.shape)
    return jnp.zeros_like(reward)


def _last_hop(rewards, hops: int):
    """Rewards [B, N] as those of the last of the hops, [B, K, N]: only then is there
    an answer."""
    nothing = jnp.zeros((rewards.shape[0], hops - 1, rewards.shape[1]))
    return jnp.concatenate([nothing, rewards[:, None]], axis=1)


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task of a configuration; writes its vocabulary into the run folder."""
    check(config)
    corpus = load_stories(config)
    (vocabulary,) = vocabularies.load_or_build(
        folder, [WORDS], lambda: [batches.vocabulary_of(corpus.train)]
    )
    splits = (corpus.train, corpus.dev, corpus.test)
    train, dev, test = batches.encode(splits, vocabulary, config["model"]["memory"])
    model = build_model(config, vocabulary.size)
    evaluator = MemN2NEvaluator(config, model, vocabulary)

    def finish(params, folder: Path):
        learned = evaluator.scores(params, train)
        chosen = evaluator.scores(params, dev)
        results = judge(evaluator, params, corpus.test, test, folder, config)
        names = ("train_loss", "train_accuracy", "dev_loss", "dev_accuracy")
        return results | dict(
            zip(names, [*learned.values(), *chosen.values()], strict=True)
        )

    return Task(
        lambda rng: model.init(rng, method="parameters"),
        make_loss(model, config),
        batches.StoryBatches(train, config["train"]["batch_size"], config["seed"]),
        lambda params: evaluator.scores(params, dev),
        finish,
        scores=("accuracy", "loss"),
        estimator_state=initial_estimator_state(),
        shared=("texts",),
    )
