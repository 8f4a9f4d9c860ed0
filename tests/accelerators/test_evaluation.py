"""What evaluation computes compiles for a GPU and a TPU."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.estimators import prediction
from attnlab.estimators.prediction import Prediction, Search
from attnlab.tasks.translation.task import build_model
from benchmarks.accelerators.programs import training
from benchmarks.accelerators.targets import TARGETS, compile_for
from tests.accelerators.small import SMALL

pytestmark = [
    pytest.mark.accelerators,
    pytest.mark.parametrize("target", TARGETS),
]


@pytest.fixture(scope="module")
def run():
    """A hard read, whose words are predicted by the marginal over positions."""
    return training("translation", SMALL["translation"] | {"preset": "deng2018-hard"})


def model_of(run):
    words = run.state.params["params"]
    sizes = (len(words[f"{side}_embedding"]) for side in ("source", "target"))
    return build_model(run.settings, *sizes)


def test_forced_targets_and_their_posterior(run, target):
    model = model_of(run)

    forced = partial(prediction.teacher_forced, model, Prediction("marginal"))
    arguments = run.state.params, run.batch, np.True_
    program = compile_for(target, forced, *arguments)
    assert program.memory_analysis().output_size_in_bytes > 0


@pytest.mark.parametrize("beams", [1, 3])
def test_search(run, target, beams):
    model = model_of(run)
    rows, size = run.batch.source.shape
    search = partial(
        prediction.search,
        model,
        Search(beams=beams),
        Prediction("expected"),
        limits=jnp.full(rows, 10),
        longest=10,
        slots=4,  # fewer than there are sentences: rows are refilled
    )
    arguments = run.state.params, run.batch.source, run.batch.source_lengths
    program = compile_for(target, search, *arguments)
    tokens = jax.eval_shape(search, *arguments).tokens
    assert tokens.shape == (rows, 10) and tokens.dtype == np.int32
    assert "while(" in program.as_text()
