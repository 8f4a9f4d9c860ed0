"""What the README promises: a new choice is a few lines, and composes with the rest."""

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention import (
    NORMALIZERS,
    SCORES,
    WINDOWS,
    Dims,
    Score,
    Window,
    build,
    options_of,
)

DIMS = Dims(query=3, value=4, hidden=5)


def distance(temperature=2.0):
    """A score: minus the squared distance between key and projected query."""

    def init(rng, dims):
        return {"w": jax.random.normal(rng, (dims.query, dims.value))}

    def keys(params, values):
        return values

    def apply(params, query, keys, positions, coverage):
        return -jnp.sum((keys - (query @ params["w"])[None]) ** 2, 1) / temperature

    return Score(init, keys, apply)


def halfway(half_width):
    """A window: around the middle of the sentence, preferring what comes after it."""

    def centre(params, query, length, step):
        return jnp.asarray(length / 2, query.dtype)

    def prior(centre, positions):
        return jnp.where(positions >= centre, 1.0, 0.5)

    return Window(lambda rng, dims: {}, centre, prior, half_width)


def sigmoid(scores, valid):
    """A normalizer: independent gates."""
    return jnp.where(valid, jax.nn.sigmoid(scores), 0) / scores.shape[0]


def test_new_choices_compose_by_name(monkeypatch):
    monkeypatch.setitem(SCORES, "distance", distance)
    monkeypatch.setitem(WINDOWS, "halfway", halfway)
    monkeypatch.setitem(NORMALIZERS, "sigmoid", sigmoid)
    values = jnp.asarray(np.random.default_rng(0).normal(size=(300, 4)), "float32")
    mask, length = jnp.arange(300) < 9, 8
    query = jnp.ones(3)
    for score, window, normalizer in [
        ("distance", "local-p", "sparsemax"),
        ("additive", "halfway", "entmax-1.5"),
        ("general", "global", "sigmoid"),
        ("distance", "halfway", "sigmoid"),
    ]:
        options = {} if window == "global" else {"half_width": 3}
        attend = build(score, window, normalizer, **options)
        assert options_of(score, window) >= set(options)
        assert repr(attend).startswith(f"Attention({score}, {window}")
        params = attend.init(jax.random.key(1), DIMS)
        memory = attend.prepare(params, values, mask, length)
        step = attend.apply(params, query, memory, step=0, carry=())
        width = 300 if window == "global" else 7
        assert step.weights.shape == (width,)
        assert (step.weights >= 0).all()
        assert 0 < step.weights.sum() <= 1 + 1e-6
        slots = np.clip(step.positions, 0, 299)
        np.testing.assert_allclose(
            step.context, step.weights @ values[slots], rtol=1e-5, atol=1e-6
        )
        assert not np.asarray(step.weights)[~np.asarray(mask)[slots]].any()

    # the last one by hand: positions 1 to 7 around 4, gates, a prior of a half before
    projected = np.ones(3) @ np.asarray(params["score"]["w"])
    for i, s in enumerate(range(1, 8)):
        gap = sum((np.asarray(values[s]) - projected) ** 2) / 2.0
        gate = 1 / (1 + np.exp(gap)) / 7 * (1.0 if s >= 4 else 0.5)
        np.testing.assert_allclose(step.weights[i], gate, rtol=1e-4)
