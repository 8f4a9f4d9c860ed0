"""`train.compute`: bfloat16 in the model's products, float32 in all that is kept."""

import functools
import itertools
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention.presets import NORMALISERS, SCORES, WINDOWS
from attnlab.layers.cells import CELLS
from attnlab.models.seq2seq import DECODERS
from attnlab.tasks.objective import (
    LEARNING,
    check_objective,
    first_learner,
    make_loss,
)
from attnlab.tasks.translate import build_model, init_params
from tests.estimators.toy import BATCH, SIZE
from tests.tiny import tiny

SAMPLED = {"estimator.feed": "sampled", "estimator.credit": "to-go"}
WAYS: list[dict[str, Any]] = [  # every read in every way it learns
    *(
        {"model.read": read, "estimator.learning": learning}
        for read, ways in LEARNING.items()
        for learning in ways
    ),
    {"model.read": "hard", "estimator.learning": "reinforce"} | SAMPLED,
    {"model.read": "hard", "estimator.learning": "gumbel"} | SAMPLED,
    {"train.label_smoothing": 0.1, "model.score": "none"},
    {"model.decoder": "luong", "model.layers": 2, "model.input_feeding": False},
    {"model.decoder": "luong", "model.layers": 2, "model.tied": True},
]
AXES = {
    "model.score": SCORES,
    "model.decoder": DECODERS,
    "model.window": WINDOWS,
    "model.normaliser": NORMALISERS,
    "model.cell": CELLS,
    "model.coverage": (False, True, False, True, False),
}


def combinations() -> list[dict[str, Any]]:
    """Every choice of every axis at least once, as few models as that takes."""
    fixed = {"model.half_width": 1, "model.k": 2, "model.dropout": 0.1}
    fixed |= {"model.encoder": "uni", "estimator.entropy": 0.1}
    turns = [itertools.cycle(choices) for choices in AXES.values()]
    found = []
    for way in WAYS:
        chosen = dict(zip(AXES, map(next, turns), strict=True))
        if chosen["model.score"] == "location":
            chosen["model.coverage"] = False
        found.append(fixed | chosen | way)
    return found


COMBINATIONS = combinations()
LONG = BATCH._replace(source=np.pad(BATCH.source, ((0, 0), (0, 96))))  # gathered from


def equations(jaxpr):
    """All equations of a jaxpr and of those within it."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from equations(inner)


def traced(chosen, compute):
    """Equations and output shapes of value_and_grad of a loss; nothing is compiled."""
    config = tiny(**chosen | {"train.compute": compute})
    check_objective(config)
    model = build_model(config, SIZE, SIZE)
    params = jax.eval_shape(functools.partial(init_params, model), jax.random.key(0))
    run = jax.value_and_grad(make_loss(model, config), has_aux=True)
    given = (params, LONG, jax.random.key(1), first_learner())
    closed, shapes = jax.make_jaxpr(run, return_shape=True)(*given)
    return list(equations(closed.jaxpr)), shapes, params


def names(chosen):
    return ", ".join(
        str(chosen[name])
        for name in (*AXES, "model.read", "estimator.learning")
        if name in chosen
    )


def test_the_combinations_leave_no_choice_out():
    for name, choices in AXES.items():
        assert set(choices) <= {chosen[name] for chosen in COMBINATIONS}, name


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=names)
def test_products_read_bfloat16_and_gradients_are_float32(chosen):
    found, ((loss, (sums, learner)), gradient), params = traced(chosen, "bfloat16")
    products = [e for e in found if e.primitive.name == "dot_general"]
    assert len(products) > 10
    for product in products:
        assert all(var.aval.dtype == jnp.bfloat16 for var in product.invars), product
    assert loss.dtype == sums.loss.dtype == learner.average.mean.dtype == jnp.float32
    same = jax.tree.map(
        lambda g, p: (g.shape, g.dtype) == (p.shape, p.dtype), gradient, params
    )
    assert all(jax.tree.leaves(same))
    for exponential in (e for e in found if e.primitive.name in ("exp", "log")):
        assert exponential.outvars[0].aval.dtype == jnp.float32, exponential
