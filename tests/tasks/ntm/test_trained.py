"""A trained machine does with sequences what its run did."""

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.tasks import make_task, spec
from tests.tasks.ntm.small import small


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """(the run's folder, its results, the run with parameters that nobody trained)."""
    folder = tmp_path_factory.mktemp("ntm")
    settings = small(**{"model.system": "lstm"})  # compiles faster
    task = make_task(settings, folder)
    params = task.init(jax.random.key(0))
    results = task.finish(params, folder)
    loader = spec("ntm").loader(settings, folder)
    shapes = jax.eval_shape(loader.init, jax.random.key(0))
    assert jax.tree.structure(shapes) == jax.tree.structure(params)
    return folder, results, loader.make(folder, 7, params)


def test_it_puts_out_what_the_run_wrote(opened):
    folder, _, run = opened
    arrays = runs.read_arrays(folder / runs.EXAMPLES)
    batch = run.draw((5,))
    np.testing.assert_array_equal(batch.inputs[0], arrays["5/inputs"])
    outputs = 1 / (1 + np.exp(-run(batch.inputs).logits[0]))
    np.testing.assert_allclose(outputs, arrays["5/outputs"], rtol=1e-4)


def test_its_scores_are_the_runs(opened):
    _, results, run = opened
    scores = run.scores((5,), rows=6)
    for name, value in scores.items():
        assert value == pytest.approx(results[f"{name}_by_size"]["5"], rel=1e-5)
    assert run.sizes() == ["5"]


def test_its_repr_is_short(opened):
    folder, _, run = opened
    assert repr(run) == f"<lstm on copy, step 7, {folder}>"


@pytest.mark.parametrize("size", [5, None, (0,), (1.5,), (1, 2), ("5",), (2**63,)])
def test_a_size_that_is_none_is_named(opened, size):
    with pytest.raises(ValueError, match="^size is "):
        opened[2].draw(size)


@pytest.mark.parametrize("rows", [0, 1.5, "2", float("nan"), 2**63])
def test_rows_that_are_no_number_are_named(opened, rows):
    with pytest.raises(ValueError, match="^rows is "):
        opened[2].scores((5,), rows=rows)


@pytest.mark.parametrize("inputs", [5, None, np.zeros((2, 3)), np.zeros((1, 3, 2))])
def test_inputs_of_another_shape_are_named(opened, inputs):
    with pytest.raises(ValueError, match="^inputs have shape"):
        opened[2](inputs)
