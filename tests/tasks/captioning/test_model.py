"""The captioner against plain loops over one picture, from Xu et al. 2015."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import SampleSpec, build
from attnlab.nn.cells import cell_named
from attnlab.nn.decoder_model import BOS
from attnlab.tasks.captioning.image_encoder import ImageGrid, grid_of
from attnlab.tasks.captioning.model import CaptionModel
from tests.estimators.toy import FAST
from tests.nn import cells_by_hand as cells

ROWS, COLUMNS, FEATURES, HIDDEN, EMBEDDING, ATTENTION, WORDS = 2, 3, 5, 4, 3, 6, 9
LENGTHS = np.array([1, 1, 0], np.int32)  # the last is a filler
TARGET = np.array([[4, 5, 2, 0], [6, 7, 8, 2], [0] * 4], np.int32)
TARGET_LENGTHS = (3, 4, 0)
SOURCE = np.random.default_rng(0).normal(size=(3, ROWS, COLUMNS, FEATURES))
SOURCE = SOURCE.astype(np.float32)


class Case(NamedTuple):
    cell: str = "lstm"
    gate: bool = True


CASES = [Case(), Case("cho-gru", gate=False)]


def make(case=CASES[0], read="soft", **others) -> CaptionModel:
    return CaptionModel(
        shape=(ROWS, COLUMNS, FEATURES),
        channels=(),
        target_size=WORDS,
        attention=build("additive", read=read),
        cell=cell_named(case.cell),
        embedding=EMBEDDING,
        hidden=HIDDEN,
        attention_hidden=ATTENTION,
        gate=case.gate,
        **others,
    )


def parameters(model, seed=0):
    init = partial(model.init, method="parameters")
    return cells.random_like(jax.eval_shape(init, jax.random.key(0)), seed)


def f64(array):
    return np.asarray(array, np.float64)


class Step(NamedTuple):
    weights: np.ndarray
    context: np.ndarray
    readout: np.ndarray
    other: np.ndarray  # the readout of cell 1 alone
    logits: np.ndarray


def say(case, params, source, words):
    """Xu et al. 2015, section 3.1.2, one word of one picture at a time."""
    tree, params = params["params"], params["params"]["decoder"]
    cells_of = f64(source).reshape(-1, FEATURES)
    mean = sum(cells_of) / len(cells_of)
    starts = [
        np.tanh(mean @ f64(params[f"start{n}"]) + f64(params[f"start{n}_bias"]))
        for n in range(2 if case.cell == "lstm" else 1)
    ]
    carry = tuple(starts) if case.cell == "lstm" else starts[0]
    score = params["attention"]["score"]

    def read(carry, word, context):
        """z_t, the carry after the step, and the deep output."""
        before = cells.output(case.cell, carry)
        beta = 1.0
        if case.gate:
            raw = before @ f64(params["gate"])[:, 0] + f64(params["gate_bias"])[0]
            beta = cells.sigmoid(raw)
        seen = beta * context
        into = np.concatenate([word, seen])
        after = cells.STEPS[case.cell](params["cell"], carry, into)
        deep = np.tanh(
            word
            + cells.output(case.cell, after) @ f64(params["readout_state"])
            + seen @ f64(params["readout_context"])
            + f64(params["readout_bias"])
        )
        return after, deep

    found = []
    for number in (BOS, *words[:-1]):
        word = f64(tree["target_embedding"])[number]
        query = cells.output(case.cell, carry)
        energies = []
        for a in cells_of:
            hidden = np.tanh(query @ f64(score["w"]) + a @ f64(score["u"]))
            energies.append(float(hidden @ f64(score["v"])[:, 0]))
        weights = np.exp(energies) / np.exp(energies).sum()
        context = sum(alpha * a for alpha, a in zip(weights, cells_of, strict=True))
        _, other = read(carry, word, cells_of[1])
        carry, deep = read(carry, word, context)
        logits = deep @ f64(tree["vocabulary"]) + f64(tree["vocabulary_bias"])
        found.append(Step(weights, context, deep, other, logits))
    return Step(*map(np.array, zip(*found, strict=True)))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.cell)
def passes(request):
    """Teacher-forced, step by step, by another context, and a gradient, at once."""
    case = request.param
    model = make(case)
    params = parameters(model)

    def step_by_step(params, source):
        memory, state = model.apply(params, source, LENGTHS, method="start")

        def advance(state, tokens):
            state, logits, aligned = model.apply(
                params, memory, state, tokens, method="step"
            )
            return state, (logits, aligned.weights)

        before = jnp.full_like(TARGET[:, :1], BOS)
        tokens = jnp.concatenate([before, TARGET[:, :-1]], axis=1)
        _, found = jax.lax.scan(advance, state, tokens.T)
        return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), found)

    @partial(jax.jit, compiler_options=FAST)
    def run(params, source):
        unrolled = model.apply(params, source, LENGTHS, TARGET)
        logits = model.apply(params, unrolled.readouts, method="logits")
        others = jnp.broadcast_to(unrolled.values[:, None, 1], unrolled.contexts.shape)
        other = model.apply(
            params, unrolled.queries, unrolled.embedded, others, method="readout"
        )

        def total(params, source):
            found = model.apply(params, source, LENGTHS, TARGET)
            return (found.readouts**2).sum()

        slopes = jax.grad(total, argnums=(0, 1))(params, source)
        return unrolled, logits, other, step_by_step(params, source), slopes

    return case, params, run, run(params, SOURCE)


def close(found, expected, rtol=1e-4):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-5)


def test_teacher_forcing_is_the_papers_loop(passes):
    case, params, _, (unrolled, logits, other, *_) = passes
    for row in range(2):
        length = TARGET_LENGTHS[row]
        said = say(case, params, SOURCE[row], TARGET[row, :length])
        close(unrolled.weights[row, :length], said.weights)
        close(unrolled.contexts[row, :length], said.context)
        close(unrolled.readouts[row, :length], said.readout)
        close(logits[row, :length], said.logits)
        close(other[row, :length], said.other)  # another context enters h_t as well
        assert np.abs(said.other - said.readout).max() > 0.01


def test_step_by_step_is_teacher_forcing(passes):
    _, _, _, (unrolled, logits, _, (step_logits, step_weights), _) = passes
    close(step_logits, logits, rtol=1e-5)
    close(step_weights, unrolled.weights, rtol=1e-5)


def test_a_filler_is_never_read_and_has_finite_slopes(passes):
    _, params, run, (unrolled, *_, (slopes, at_source)) = passes
    assert not unrolled.weights[2].any() and not unrolled.contexts[2].any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert np.abs(at_source[:2]).min() > 0 and not at_source[2].any()
    again = run(params, np.where(LENGTHS[:, None, None, None] > 0, SOURCE, np.nan))
    np.testing.assert_array_equal(again[0].readouts, unrolled.readouts)
    jax.tree.map(np.testing.assert_array_equal, again[-1][0], slopes)


def test_all_parameters_are_drawn_without_a_pass():
    model = make(inference=True)
    drawn = model.init(jax.random.key(0), method="parameters")

    def through(rng):
        return model.init(
            rng,
            TARGET,
            np.array(TARGET_LENGTHS),
            SOURCE.reshape(3, -1, FEATURES),
            np.zeros((3, 4, 6), np.float32),
            np.zeros((3, 4, 6), np.int32),
            method="infer",
        )

    wanted = jax.eval_shape(through, jax.random.key(0))
    names = set(drawn["params"])
    assert names == {"decoder", "inference", *wanted["params"]} | {
        "target_embedding",
        "vocabulary",
        "vocabulary_bias",
    }
    passed = jax.eval_shape(model.init, jax.random.key(0), SOURCE, LENGTHS, TARGET)
    assert set(passed["params"]["decoder"]) == set(drawn["params"]["decoder"])


def test_a_drawn_cell_is_what_the_next_state_sees():
    model = make(read="hard")
    params = parameters(model)
    draw = SampleSpec(jax.random.key(3))
    run = jax.jit(model.apply, compiler_options=FAST)
    found = run(params, SOURCE, LENGTHS, TARGET, draw=draw)
    expected = run(params, SOURCE, LENGTHS, TARGET)
    reads = np.asarray(found.reads)
    assert np.isin(reads, [0, 1]).all() and (reads[:2].sum(axis=-1) == 1).all()
    close(found.contexts, np.einsum("btl,blc->btc", reads, found.values), 1e-6)
    close(found.weights[:, 0], expected.weights[:, 0], 1e-5)
    assert np.abs(found.weights[:2, 1:] - expected.weights[:2, 1:]).max() > 1e-3


def correlated(kernel, seen):
    """3 x 3 correlations with zeros outside, one pixel at a time."""
    height, width = seen.shape[:2]
    padded = np.pad(seen, ((1, 1), (1, 1), (0, 0)))
    found = np.zeros((height, width, kernel.shape[-1]))
    for y in range(height):
        for x in range(width):
            for out in range(kernel.shape[-1]):
                patch = padded[y : y + 3, x : x + 3]
                found[y, x, out] = (patch * kernel[..., out]).sum()
    return found


def grid_by_hand(params, picture):
    """Correlate, take the maximum of 2 x 2, twice; then add places, and a layer."""
    seen = f64(picture) - 0.5
    for n in range(2):
        wide = correlated(f64(params[f"filter{n}"]), seen)
        seen = np.zeros((wide.shape[0] // 2, wide.shape[1] // 2, wide.shape[2]))
        for y in range(seen.shape[0]):
            for x in range(seen.shape[1]):
                four = wide[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
                most = four.max(axis=(0, 1)) + f64(params[f"filter{n}_bias"])
                seen[y, x] = np.maximum(most, 0)
    found = []
    for cell, place in enumerate(f64(params["places"])):
        told = seen[divmod(cell, seen.shape[1])] + place
        mixed = told @ f64(params["mix"]) + f64(params["mix_bias"])
        found.append(np.maximum(mixed, 0))
    return np.array(found)


def test_the_grid_is_convolutions_and_halvings():
    grid = ImageGrid((4, 8, 2), (3, 5))
    pictures = np.random.default_rng(1).random((2, 4, 8, 2)).astype(np.float32)
    shapes = jax.eval_shape(grid.init, jax.random.key(0), pictures)
    params = cells.random_like(shapes)
    found = jax.jit(grid.apply, compiler_options=FAST)(params, pictures)
    assert found.shape == (2, 2, 5)
    for row in range(2):
        close(found[row], grid_by_hand(params["params"], pictures[row]))


def test_pictures_that_do_not_fit_are_named():
    assert grid_of((36, 24, 3), 2) == (9, 6)
    with pytest.raises(ValueError, match="36 x 20 pixels .* 3 times; .* of 8"):
        grid_of((36, 20), 3)
    grid = ImageGrid((4, 8, 1), (3,))
    with pytest.raises(ValueError, match=r"shape \(8, 8, 1\), .* \(4, 8, 1\)"):
        grid.init(jax.random.key(0), np.zeros((1, 8, 8, 1)))
