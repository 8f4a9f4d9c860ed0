"""Enumerated and sampled gradients of a toy model, and what the estimators are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from attnlab.estimators.objective import check_objective
from attnlab.tasks.translation.task import build_model, init_params
from attnlab.text.batching import Batch
from experiments.estimators import gradients
from experiments.estimators.setup import (
    COUNTS,
    ESTIMATORS,
    OVER_SAMPLES,
    Estimator,
    Fixed,
    fixed_model,
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


def toy_config():
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
    config = toy_config()
    model = build_model(config, SIZE, SIZE)
    shapes = jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
    random = np.random.default_rng(1)

    def draw(path, leaf):
        scale = 4.0 if "score" in str(path) else 1.5
        return jnp.asarray(scale * random.normal(size=leaf.shape), jnp.float32)

    params = jax.tree.map_with_path(draw, shapes)
    return Fixed(config, (SIZE, SIZE), params, BATCH, 1.0, 1.0, 1.0)


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
    found = gradients.sample_all(toy, both, samples=2_000, notify=heard.append)
    assert len(heard) == gradients.work(both)
    assert heard[:2] == [f"compiling {one.name}" for one in both]
    right, wrong = (measured(found[one]) for one in both)
    assert not right.found and wrong.found
    assert right.seconds > 0 and found[STEP].seconds.shape == (gradients.GROUPS,)
    variance = (found[TO_GO].means / found[TO_GO].scale).var(axis=0, ddof=1).sum()
    np.testing.assert_allclose(50 * variance, right.variance, rtol=0.4)
    again = gradients.sample_all(toy, [STEP], samples=2_000)[STEP]
    np.testing.assert_array_equal(again.means, found[STEP].means)


@pytest.mark.parametrize("samples", [-1, 0, 79])
def test_too_few_samples_for_their_groups_are_refused(samples):
    with pytest.raises(ValueError, match=f"samples is {samples}; must be at least 80"):
        gradients.group_size(samples)


def test_no_sample_asked_for_is_left_out():
    assert [gradients.group_size(samples) for samples in (80, 81, 8_000)] == [2, 3, 200]


def test_a_model_that_learns_nothing_is_refused():
    config = toy_config()
    config["train"]["steps"] = 0
    with pytest.raises(ValueError, match="steps is 0; must be at least 1"):
        fixed_model(config)


def test_names_tell_estimators_apart():
    every = ESTIMATORS + [
        one._replace(samples=count) for one in OVER_SAMPLES for count in COUNTS[1:]
    ]
    assert len({one.name for one in every}) == len(set(every)) == len(every)
    assert STEP.name == "sampled reinforce soft step"
    assert STEP._replace(samples=4).name == "sampled reinforce soft step 4 samples"
    cold = Estimator("gumbel", "expected", temperature=0.5)
    assert cold.name == "expected gumbel 0.5"


def test_an_estimator_sets_its_own_settings_only():
    before = toy_config()
    after = STEP._replace(samples=3).config(before)
    chosen = {"learning": "reinforce", "feed": "sampled", "samples": 3}
    chosen |= {"baseline": "soft", "credit": "step"}
    assert after == before | {"estimator": before["estimator"] | chosen}
    assert before == toy_config()
    heat = Estimator("gumbel", "expected", temperature=0.3).config(before)["estimator"]
    assert heat["temperature"] == heat["final_temperature"] == 0.3
    assert heat["learning"] == "gumbel"
    assert heat["baseline"] == before["estimator"]["baseline"]


def test_training_takes_all_but_the_credit_that_is_biased():
    for estimator in ESTIMATORS:
        config = estimator.config(toy_config())
        if estimator == STEP:
            with pytest.raises(ValueError, match="is biased"):
                check_objective(config)
        else:
            check_objective(config)
    biased = [one.name for one in ESTIMATORS if one.biased]
    assert STEP.name in biased
    assert all(name == STEP.name or "gumbel" in name for name in biased)
    assert len(biased) == 7
