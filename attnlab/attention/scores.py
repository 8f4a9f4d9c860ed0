"""Scores: how well a query matches the key at each position. One function each.

    dot               q . h                       Luong et al. 2015
    scaled-dot        q . h / sqrt(width)         Vaswani et al. 2017
    general           q . W h                     Luong et al. 2015
    additive          v . tanh(W q + U h)         Bahdanau et al. 2014
    concat            v . tanh(W [q; h])          Luong et al. 2015
    concat-luong2015  v . tanh(W q + h)           Luong et al. 2015, as released
    location          row s of W, times q         Luong et al. 2015
    cosine            softplus(b . q) cos(W q, h) Graves et al. 2014
    uniform           0                           Hermann et al. 2015

To add a score, write a factory here and a line in `presets.SCORES`. Its arguments are
its options. `keys` does, once per sentence, all the work that does not depend on the
query. Matrices start Glorot-uniform; none of the papers' scores has a bias.
"""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Dims, Params, Score, factory_name
from attnlab.precision import wide

glorot = jax.nn.initializers.glorot_uniform()

# Below these (padded) lengths a local window costs more to gather than it saves
# (CPU, forward and backward, 16 sentences, width 256, half_width 10).
DENSE_BELOW_DOT = 64
DENSE_BELOW_TANH = 48


def dot() -> Score:
    """Luong et al. 2015, eq. 8 "dot": q . h. Query and values have one width.

    Returns:
      The Score, without parameters.
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng
        _same_width("dot", dims)
        return {}

    def keys(params, values):
        del params
        return values

    def apply(params, query, keys, positions, coverage):
        del params, positions, coverage
        return jnp.einsum("wk,k->w", keys, query)

    return Score(init, keys, apply, dense_below=DENSE_BELOW_DOT)


def scaled_dot() -> Score:
    """Vaswani et al. 2017, eq. 1: q . h / sqrt(width). Query and values have one width.

    Without their projections of queries, keys and values, and with one head.
    https://arxiv.org/abs/1706.03762

    Returns:
      The Score, without parameters.
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng
        _same_width("scaled-dot", dims)
        return {}

    def keys(params, values):
        del params
        return values / jnp.sqrt(jnp.asarray(values.shape[-1], values.dtype))

    def apply(params, query, keys, positions, coverage):
        del params, positions, coverage
        return jnp.einsum("wk,k->w", keys, query)

    return Score(init, keys, apply, dense_below=DENSE_BELOW_DOT)


def general() -> Score:
    """Luong et al. 2015, eq. 8 "general": q . W h, where keys are W h.

    Returns:
      The Score, with parameter w [C, Q].
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        return {"w": glorot(rng, (dims.value, dims.query))}

    def keys(params, values):
        return values @ params["w"]

    def apply(params, query, keys, positions, coverage):
        del params, positions, coverage
        return jnp.einsum("wk,k->w", keys, query)

    return Score(init, keys, apply, dense_below=DENSE_BELOW_DOT)


def additive() -> Score:
    """Bahdanau et al. 2014, appendix A.1.2: v . tanh(W q + U h), where keys are U h.

    https://arxiv.org/abs/1409.0473

    Returns:
      The Score, with parameters w [Q, H], u [C, H] and v [H, 1].
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_w, rng_u, rng_v = jax.random.split(rng, 3)
        return {
            "w": glorot(rng_w, (dims.query, dims.hidden)),
            "u": glorot(rng_u, (dims.value, dims.hidden)),
            "v": glorot(rng_v, (dims.hidden, 1)),
        }

    def keys(params, values):
        return values @ params["u"]

    def apply(params, query, keys, positions, coverage):
        del positions, coverage
        return _tanh_score(query @ params["w"], keys, params["v"])

    return Score(init, keys, apply, dense_below=DENSE_BELOW_TANH, is_matmul=False)


def concat() -> Score:
    """Luong et al. 2015, eq. 8 "concat": v . tanh(W [q; h]), keys are W's part of h.

    The same family as `additive`; one matrix over both, so it starts smaller: Glorot's
    range falls with the number of its rows.

    Returns:
      The Score, with parameters w [Q + C, H] and v [H, 1].
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_w, rng_v = jax.random.split(rng)
        return {
            "w": glorot(rng_w, (dims.query + dims.value, dims.hidden)),
            "v": glorot(rng_v, (dims.hidden, 1)),
        }

    def keys(params, values):
        return values @ params["w"][-values.shape[-1] :]

    def apply(params, query, keys, positions, coverage):
        del positions, coverage
        return _tanh_score(query @ params["w"][: query.shape[-1]], keys, params["v"])

    return Score(init, keys, apply, dense_below=DENSE_BELOW_TANH, is_matmul=False)


def concat_luong2015() -> Score:
    """Luong et al. 2015 as released: v . tanh(W q + h), no learned source projection.

    Their footnote blames the identity for concat's poor perplexity (6.7 to 7.1).

    Returns:
      The Score, with parameters w [Q, C] and v [C, 1].
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_w, rng_v = jax.random.split(rng)
        return {
            "w": glorot(rng_w, (dims.query, dims.value)),
            "v": glorot(rng_v, (dims.value, 1)),
        }

    def keys(params, values):
        del params
        return values

    def apply(params, query, keys, positions, coverage):
        del positions, coverage
        return _tanh_score(query @ params["w"], keys, params["v"])

    return Score(init, keys, apply, dense_below=DENSE_BELOW_TANH, is_matmul=False)


def location(max_length: int = 50) -> Score:
    """Luong et al. 2015, eq. 7: row s of W times q, whatever stands at position s.

    Shorter sentences use the first rows, and words beyond the table get no weight
    (nmt.matlab; 50 was the longest training sentence).

    Args:
      max_length: rows of W, positions that can be scored.

    Returns:
      The Score, with parameter w [max_length, Q].

    Raises:
      ValueError: for a max_length below 1.
    """
    if max_length < 1:
        raise ValueError(f"max_length is {max_length}, must be at least 1")

    def init(rng: jax.Array, dims: Dims) -> Params:
        return {"w": glorot(rng, (max_length, dims.query))}

    def keys(params, values):
        del params
        return values[:, :0]  # [S, 0]: the values are not looked at

    def apply(params, query, keys, positions, coverage):
        del keys, coverage
        rows = jnp.take(params["w"], positions, axis=0, mode="clip")  # [W, Q]
        return jnp.einsum("wq,q->w", rows, query)

    return Score(
        init,
        keys,
        apply,
        max_positions=max_length,
        has_keys=False,
        dense_below=DENSE_BELOW_DOT,
        name=f"location(max_length={max_length})",
    )


def cosine() -> Score:
    """Graves et al. 2014, eqs. 5-6: strength * cos(W q, h), strength = softplus(b . q).

    The query emits the key and its positive strength, as an NTM controller does. The
    1e-6 inside the norms' square roots keeps the gradient of a zero vector finite.
    https://arxiv.org/abs/1410.5401

    Returns:
      The Score, with parameters w [Q, C] and b [Q, 1].
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_w, rng_b = jax.random.split(rng)
        return {
            "w": glorot(rng_w, (dims.query, dims.value)),
            "b": glorot(rng_b, (dims.query, 1)),
        }

    def unit(vectors):
        # wide: squares of bfloat16 lose too much in a sum
        square = jnp.sum(wide(vectors) ** 2, axis=-1, keepdims=True)
        return (vectors / jnp.sqrt(square + 1e-6)).astype(vectors.dtype)

    def keys(params, values):
        del params
        return unit(values)

    def apply(params, query, keys, positions, coverage):
        del positions, coverage
        strength = jax.nn.softplus(wide(query @ params["b"]))[0]
        return strength * jnp.einsum("wk,k->w", keys, unit(query @ params["w"]))

    return Score(init, keys, apply, dense_below=DENSE_BELOW_DOT)


def uniform() -> Score:
    """Hermann et al. 2015's "uniform reader": no position is better than another.

    By softmax every attendable position weighs the same, so that the context is the
    mean of the values. https://arxiv.org/abs/1506.03340

    Returns:
      The Score, without parameters.
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def keys(params, values):
        del params
        return values[:, :0]  # [S, 0]: the values are not looked at

    def apply(params, query, keys, positions, coverage):
        del params, query, keys, positions
        return jnp.zeros_like(coverage)  # [W]

    return Score(init, keys, apply, has_keys=False, dense_below=DENSE_BELOW_DOT)


def with_coverage(score: Score) -> Score:
    """`score` with keys k + c w, where c is the weight the position has had so far.

    With `additive` this is See et al. 2017, eq. 11, https://arxiv.org/abs/1704.04368
    (Tu et al. 2016's linguistic coverage of one dimension): v . tanh(W q + U h + c w).
    The keys themselves stay as they are, so coverage does not compound from step to
    step.

    Args:
      score: one that looks at keys.

    Returns:
      The Score, with parameters "score" and w [K].

    Raises:
      ValueError: for a score that looks at no keys.
    """
    name = score.name or factory_name(score.apply)
    if not score.has_keys:
        raise ValueError(
            f"score {name} looks at no keys and takes no coverage; choose another "
            "score, or coverage=False"
        )

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_score, rng_w = jax.random.split(rng)
        params = score.init(rng_score, dims)
        one_value = jax.ShapeDtypeStruct((1, dims.value), jnp.float32)
        width = jax.eval_shape(score.keys, params, one_value).shape[-1]
        return {"score": params, "w": glorot(rng_w, (1, width))[0]}

    def keys(params, values):
        return score.keys(params["score"], values)

    def apply(params, query, keys, positions, coverage):
        keys = keys + jnp.outer(coverage.astype(keys.dtype), params["w"])
        return score.apply(params["score"], query, keys, positions, coverage)

    return score._replace(
        init=init,
        keys=keys,
        apply=apply,
        needs_coverage=True,
        name=f"{name} with coverage",
    )


@jax.checkpoint  # saving tanh [T, S, H] for the gradient is slower than redoing it
def _tanh_score(projected, keys, v):
    """v . tanh(projected + key) for projected [H], keys [W, H] and v [H, 1]."""
    return (jnp.tanh(projected[None, :] + keys) @ v)[:, 0]


def _same_width(name: str, dims: Dims) -> None:
    if dims.query != dims.value:
        raise ValueError(
            f"{name} needs queries and values of one width, got {dims.query} and "
            f"{dims.value} (in translation: model.hidden, and model.encoder_hidden "
            "times the encoder's directions); general, additive and concat take any two"
        )
