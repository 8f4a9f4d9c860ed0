"""The gradient estimators to be measured, and the small model they are measured on."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from attnlab.attention.base import Params
from attnlab.estimators import BASELINES
from attnlab.estimators.decoder_steps import forced, real_steps
from attnlab.estimators.objective import initial_estimator_state, make_loss
from attnlab.nn.init_params import init_params
from attnlab.tasks.translation.data import make_codecs
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import build_model
from attnlab.text.batching import Batch, bucketed, encode_pairs

TEMPERATURES = (1.0, 0.5, 0.1)
# Most of the time goes into compiling; this halves it, and small arrays run no slower.
QUICK: dict[str, Any] = {"xla_backend_optimization_level": 1}


class Estimator(NamedTuple):
    """How gradients are sampled; reward_weight, coin and entropy keep their defaults.

    learning: reinforce, elbo or gumbel, or cross-entropy to train with.
    feed: what the next state sees, expected or sampled.
    baseline, credit: of reinforce and elbo.
    temperature: of gumbel.
    samples: K, of one gradient; 0 enumerates.
    """

    learning: str
    feed: str
    baseline: str = ""
    credit: str = ""
    temperature: float | None = None
    samples: int = 1

    @property
    def name(self) -> str:
        """All choices in words.

        Returns:
          "sampled reinforce soft to-go".
        """
        words = [self.feed, self.learning, self.baseline, self.credit]
        words += [] if self.temperature is None else [f"{self.temperature:g}"]
        words += [] if self.samples == 1 else [f"{self.samples} samples"]
        return " ".join(filter(None, words))

    @property
    def biased(self) -> bool:
        """Whether theory calls it biased.

        Returns:
          True for a relaxed sample, and where a sampled action is not credited with the
          later rewards that it changes.
        """
        sampled = self.feed == "sampled" and self.credit == "step"
        return sampled or self.learning == "gumbel"

    def settings(self, settings: TranslationSettings) -> TranslationSettings:
        """The settings of a model that learns so.

        They are not checked: a credit that is biased is refused by training, but is
        measured here.

        Args:
          settings: of the model.

        Returns:
          The same with this choice in the section `estimator`.
        """
        changes: dict[str, object] = {
            "learning": self.learning,
            "feed": self.feed,
            "samples": self.samples,
        }
        if self.baseline:
            changes |= {"baseline": self.baseline, "credit": self.credit}
        if self.temperature is not None:
            heat = self.temperature
            changes |= {"temperature": heat, "final_temperature": heat}
        section = settings.estimator.model_copy(update=changes)
        return settings.model_copy(update={"estimator": section})


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


class FixedModel(NamedTuple):
    """A trained model and a batch.

    settings: the model's sizes; each estimator says how it learns.
    sizes: of the source and target vocabularies.
    params: the parameters, which stay as they are.
    batch: the pairs whose gradients are measured.
    perplexity: per token of the batch, reading expected values.
    entropy: of its attention, in nats a step.
    largest_entropy: that of uniform attention, in nats a step.
    """

    settings: TranslationSettings
    sizes: tuple[int, int]
    params: Params
    batch: Batch
    perplexity: float
    entropy: float
    largest_entropy: float


def make_fixed_model(settings: TranslationSettings, sentences: int = 8) -> FixedModel:
    """A model after `train.steps` updates, and dev pairs as its batch.

    It learns by soft cross entropy, its inference network by the ELBO, which nothing
    else of it follows.

    Args:
      settings: of the model, its corpus and its training.
      sentences: pairs of the batch, B.

    Returns:
      The FixedModel.
    """
    corpus = settings.data.load()
    source, target = make_codecs(settings, corpus)
    sizes = (source.size, target.size)
    model = build_model(Estimator("elbo", "expected").settings(settings), *sizes)
    soft = make_loss(model, Estimator("cross-entropy", "expected").settings(settings))
    enumerated = Estimator("elbo", "expected", samples=0)
    bound = make_loss(model, enumerated.settings(settings))
    tx = optax.adam(settings.train.learning_rate)

    def batches_of(pairs, rows: int):
        return bucketed(
            encode_pairs(pairs, source, target),
            batch_size=rows,
            edges=settings.data.edges,
            seed=settings.seed,
        )

    def mean_loss(params, batch):
        others = jax.lax.stop_gradient(params["params"])
        q = {"params": {**others, "inference": params["params"]["inference"]}}
        rng = jax.random.key(0)  # nothing of the two is drawn
        loss, (sums, _) = soft(params, batch, rng, initial_estimator_state())
        return (loss + bound(q, batch, rng, initial_estimator_state())[0]) / sums.tokens

    def update(state, batch):
        params, optimizer = state
        gradient = jax.grad(mean_loss)(params, batch)
        updates, optimizer = tx.update(gradient, optimizer, params)
        return (optax.apply_updates(params, updates), optimizer), None

    @functools.partial(jax.jit, compiler_options=QUICK)
    def learn(rng, batches):
        params = init_params(model, rng)
        return jax.lax.scan(update, (params, tx.init(params)), batches)[0][0]

    @functools.partial(jax.jit, compiler_options=QUICK)
    def measure(params, batch):
        weights = forced(model, params, batch).weights
        _, (sums, _) = soft(params, batch, jax.random.key(0), initial_estimator_state())
        entropy = -jax.scipy.special.xlogy(weights, weights).sum(axis=-1)
        largest = jnp.log((weights > 0).sum(axis=-1))
        real = real_steps(batch)
        means = [jnp.where(real, a, 0).sum() / real.sum() for a in (entropy, largest)]
        return jnp.exp(sums.loss / sums.tokens), *means

    batches = batches_of(corpus.train, settings.train.batch_size)
    each = [batches.at(step) for step in range(settings.train.steps)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *each)
    params = learn(jax.random.key(settings.seed), stacked)
    batch = batches_of(corpus.dev, sentences).at(0)
    numbers = (float(number) for number in measure(params, batch))
    return FixedModel(settings, sizes, params, batch, *numbers)
