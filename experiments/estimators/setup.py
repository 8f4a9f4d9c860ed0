"""The gradient estimators on trial, and the small model that they are tried on."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from attnlab.estimators import BASELINES
from attnlab.estimators.decoder_steps import forced, real_steps
from attnlab.estimators.objective import initial_estimator_state, make_loss
from attnlab.tasks.translation.task import (
    build_model,
    init_params,
    load_corpus,
    make_codecs,
)
from attnlab.text.batching import Batch, bucketed, encode_pairs

TEMPERATURES = (1.0, 0.5, 0.1)
# Most of the time goes into compiling; this halves it, and small arrays run no slower.
QUICK: dict[str, Any] = {"xla_backend_optimization_level": 1}


class Estimator(NamedTuple):
    """How gradients are sampled; reward_weight, coin and entropy keep their defaults.

    baseline and credit are of reinforce and elbo, the temperature of gumbel.
    """

    learning: str
    feed: str
    baseline: str = ""
    credit: str = ""
    temperature: float | None = None
    samples: int = 1

    @property
    def name(self) -> str:
        given = [self.feed, self.learning, self.baseline, self.credit]
        given += [] if self.temperature is None else [f"{self.temperature:g}"]
        given += [] if self.samples == 1 else [f"{self.samples} samples"]
        return " ".join(filter(None, given))

    @property
    def biased(self) -> bool:
        """By theory: relaxed, or without the rewards that an action changes (4.18)."""
        sampled = self.feed == "sampled" and self.credit == "step"
        return sampled or self.learning == "gumbel"

    def config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """`config` with this choice."""
        chosen = {"learning": self.learning, "feed": self.feed, "samples": self.samples}
        if self.baseline:
            chosen |= {"baseline": self.baseline, "credit": self.credit}
        if self.temperature is not None:
            chosen |= dict.fromkeys(
                ("temperature", "final_temperature"), self.temperature
            )
        return {**config, "estimator": {**config["estimator"], **chosen}}


def _all() -> list[Estimator]:
    gumbel = [
        Estimator("gumbel", feed, temperature=heat)
        for feed in ("expected", "sampled")
        for heat in TEMPERATURES
    ]
    return [
        *(Estimator("reinforce", "expected", name, "step") for name in BASELINES),
        Estimator("reinforce", "expected", "soft", "to-go"),
        Estimator("reinforce", "expected", "soft", "sentence"),
        *(Estimator("elbo", "expected", name, "step") for name in BASELINES),
        *gumbel[: len(TEMPERATURES)],
        *(Estimator("reinforce", "sampled", name, "to-go") for name in BASELINES),
        Estimator("reinforce", "sampled", "soft", "sentence"),
        Estimator("reinforce", "sampled", "soft", "step"),
        *gumbel[len(TEMPERATURES) :],
    ]


ESTIMATORS = _all()
COUNTS = (1, 2, 4, 8, 16)  # samples K that the variance is drawn against,
OVER_SAMPLES = ESTIMATORS[: len(BASELINES)]  # of these


class Fixed(NamedTuple):
    """A trained model and a batch; `config` names the model's sizes, not how to learn.

    perplexity: per token of the batch, reading expected values. entropy: of its
    attention, in nats a step, and at most `most` on average.
    """

    config: Mapping[str, Any]
    sizes: tuple[int, int]
    params: Any
    batch: Batch
    perplexity: float
    entropy: float
    most: float


def fixed_model(config: Mapping[str, Any], sentences: int = 8) -> Fixed:
    """The model of `config` after `train.steps` updates, and dev pairs as its batch.

    It learns by soft cross entropy, its inference network by the ELBO, which nothing
    else of it follows. Raises ValueError for `train.steps` below 1.
    """
    if config["train"]["steps"] < 1:
        raise ValueError(f"steps is {config['train']['steps']}; must be at least 1")
    corpus = load_corpus(config)
    source, target = make_codecs(config, corpus)
    sizes = (source.size, target.size)
    model = build_model(Estimator("elbo", "expected").config(config), *sizes)
    soft = make_loss(model, Estimator("cross-entropy", "expected").config(config))
    bound = make_loss(model, Estimator("elbo", "expected", samples=0).config(config))
    train = config["train"]
    batches = bucketed(
        encode_pairs(corpus.train, source, target),
        batch_size=train["batch_size"],
        edges=config["data"]["edges"],
        seed=config["seed"],
    )
    tx = optax.adam(train["learning_rate"])

    def mean_loss(params, batch):
        others = jax.lax.stop_gradient(params["params"])
        q = {"params": {**others, "inference": params["params"]["inference"]}}
        rng = jax.random.key(0)  # nothing of the two is drawn
        learned, (sums, _) = soft(params, batch, rng, initial_estimator_state())
        return (
            learned + bound(q, batch, rng, initial_estimator_state())[0]
        ) / sums.tokens

    def update(state, batch):
        params, optimizer = state
        gradient = jax.grad(mean_loss)(params, batch)
        updates, optimizer = tx.update(gradient, optimizer, params)
        return (optax.apply_updates(params, updates), optimizer), None

    @functools.partial(jax.jit, compiler_options=QUICK)
    def learn(rng, batches):
        params = init_params(model, rng)
        return jax.lax.scan(update, (params, tx.init(params)), batches)[0][0]

    each = [batches.at(step) for step in range(train["steps"])]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *each)
    params = learn(jax.random.key(config["seed"]), stacked)
    held = bucketed(
        encode_pairs(corpus.dev, source, target),
        batch_size=sentences,
        edges=config["data"]["edges"],
        seed=config["seed"],
    ).at(0)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def look(params, batch):
        weights = forced(model, params, batch).weights
        _, (sums, _) = soft(params, batch, jax.random.key(0), initial_estimator_state())
        entropy = -jax.scipy.special.xlogy(weights, weights).sum(axis=-1)
        most = jnp.log((weights > 0).sum(axis=-1))
        real = real_steps(batch)
        means = [jnp.where(real, a, 0).sum() / real.sum() for a in (entropy, most)]
        return jnp.exp(sums.loss / sums.tokens), *means

    found = (float(number) for number in look(params, held))
    return Fixed(config, sizes, params, held, *found)
