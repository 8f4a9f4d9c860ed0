"""Enumerated and sampled gradients of a toy model, and what the estimators are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from attnlab.estimators.objective import check_objective
from attnlab.nn.init_params import init_params
from attnlab.tasks.translation.task import build_model
from attnlab.text.batching import Batch
from experiments.estimators import gradients
from experiments.estimators.setup import (
    COUNTS,
    ESTIMATORS,
    OVER_SAMPLES,
    Estimator,
    FixedModel,
)
from experiments.estimators.statistics import measured
from tests.tiny import tiny

SIZE = 6
BATCH = Batch(  # two sentences, of 2 and 3 words, to 3 and 2 words with EOS
    source=np.array([[4, 5, 2, 0], [5, 4, 4, 2]], np.int32),
    source_lengths=np.array([3, 4], np.int32),
    target=np.array([[4, 3, 2, 0], [5, 2, 0, 0]], np.int32),
    target_lengths=np.array([3, 2], np.int32),
)
TO_GO = Estimator("reinforce", "sampled", "soft", "to-go")
STEP = TO_GO._replace(credit="step")


def toy_settings():
    names = ("embedding", "hidden", "attention_hidden", "readouts")
    small = {f"model.{name}": 3 for name in names}
    cell = {"model.encoder": "uni", "model.cell": "gru", "model.read": "hard"}
    return tiny(**small, **cell, **{"estimator.learning": "reinforce"})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(gradients, "QUICK", {"xla_backend_optimization_level": 0})


@pytest.fixture(scope="module")
def toy():
    """Not trained: normal numbers, so that nothing is near uniform."""
    settings = toy_settings()
    model = build_model(settings, SIZE, SIZE)
    shapes = jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
    random = np.random.default_rng(1)

    def draw(path, leaf):
        scale = 4.0 if "score" in str(path) else 1.5
        return jnp.asarray(scale * random.normal(size=leaf.shape), jnp.float32)

    params = jax.tree.map_with_path(draw, shapes)
    return FixedModel(settings, (SIZE, SIZE), params, BATCH, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("feed", ["expected", "sampled"])
def test_the_enumerated_gradient_is_the_slope_of_the_reward(toy, feed):
    estimator = Estimator("reinforce", feed, "none", "sentence")
    flat, unravel = ravel_pytree(toy.params)
    truth = gradients.exact(toy, estimator)
    way = truth.gradient / jnp.linalg.norm(truth.gradient)

    def total(length):
        there = toy._replace(params=unravel(flat + length * way))
        return gradients.exact(there, estimator).reward * BATCH.target_lengths.sum()

    slope = (total(5e-3) - total(-5e-3)) / 1e-2
    np.testing.assert_allclose(-slope, truth.gradient @ way, rtol=5e-3)


def test_samples_agree_with_enumeration_unless_their_credit_is_wrong(toy):
    heard = []
    both = [TO_GO, STEP]
    groups = gradients.sample_all(toy, both, samples=2_000, notify=heard.append)
    assert len(heard) == gradients.work(both)
    assert heard[:2] == [f"compiling {estimator.name}" for estimator in both]
    right, wrong = (measured(groups[estimator]) for estimator in both)
    assert not right.detected and wrong.detected
    assert right.seconds > 0 and groups[STEP].seconds.shape == (gradients.GROUPS,)
    variance = (groups[TO_GO].means / groups[TO_GO].scale).var(axis=0, ddof=1).sum()
    np.testing.assert_allclose(50 * variance, right.variance, rtol=0.4)
    again = gradients.sample_all(toy, [STEP], samples=2_000)[STEP]
    np.testing.assert_array_equal(again.means, groups[STEP].means)


@pytest.mark.parametrize("samples", [-1, 0, 79])
def test_too_few_samples_for_their_groups_are_refused(samples):
    with pytest.raises(ValueError, match=f"samples is {samples}; must be at least 80"):
        gradients.group_size(samples)


def test_no_sample_asked_for_is_left_out():
    assert [gradients.group_size(samples) for samples in (80, 81, 8_000)] == [2, 3, 200]


def test_names_tell_estimators_apart():
    every = ESTIMATORS + [
        item._replace(samples=count) for item in OVER_SAMPLES for count in COUNTS[1:]
    ]
    assert len({item.name for item in every}) == len(set(every)) == len(every)
    assert STEP.name == "sampled reinforce soft step"
    assert STEP._replace(samples=4).name == "sampled reinforce soft step 4 samples"
    cold = Estimator("gumbel", "expected", temperature=0.5)
    assert cold.name == "expected gumbel 0.5"


def test_an_estimator_sets_its_own_settings_only():
    before = toy_settings()
    after = STEP._replace(samples=3).settings(before)
    chosen = {"learning": "reinforce", "feed": "sampled", "samples": 3}
    chosen |= {"baseline": "soft", "credit": "step"}
    assert after.estimator == before.estimator.model_copy(update=chosen)
    assert after.model_copy(update={"estimator": before.estimator}) == before
    assert before == toy_settings()
    gumbel = Estimator("gumbel", "expected", temperature=0.3).settings(before).estimator
    assert gumbel.temperature == gumbel.final_temperature == 0.3
    assert gumbel.learning == "gumbel"
    assert gumbel.baseline == before.estimator.baseline


def test_training_takes_all_but_the_credit_that_is_biased():
    for estimator in ESTIMATORS:
        settings = estimator.settings(toy_settings())
        if estimator == STEP:
            with pytest.raises(ValueError, match="biased"):
                check_objective(settings)
        else:
            check_objective(settings)
    biased = [estimator.name for estimator in ESTIMATORS if estimator.biased]
    assert STEP.name in biased
    assert all(name == STEP.name or "gumbel" in name for name in biased)
    assert len(biased) == 7
