"""Windows: which positions a step may look at, and with what prior.

A window says where its centre is; `compose.py` cuts the positions around it.
"""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Dims, Params, Window
from attnlab.precision import wide, wide_type

glorot = jax.nn.initializers.glorot_uniform()


def global_window() -> Window:
    """Luong et al. 2015, section 3.1, and Bahdanau et al. 2014: the whole sentence."""

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def centre(params, query, length, step):
        del params, length, step
        return jnp.zeros((), wide_type(query.dtype))  # no window: it means nothing

    return Window(init, centre, _no_prior)


def local_m(half_width: int) -> Window:
    """Luong et al. 2015, section 3.2 "monotonic": the window walks with the step.

    centre = min(step, length - 1): target words past the end keep the last source word,
    on which the paper is silent (nmt.matlab does so).
    """
    _check(half_width)

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def centre(params, query, length, step):
        del params
        last = jnp.maximum(length - 1, 0)  # a filler row has no words
        return jnp.minimum(step, last).astype(wide_type(query.dtype))

    return Window(init, centre, _no_prior, half_width)


def local_p(half_width: int, gaussian: str = "after") -> Window:
    """Luong et al. 2015, eqs. 9-10 "predictive": a Gaussian around a predicted centre.

    centre = length * sigmoid(v . tanh(W q)) is real and lies in [0, length]; counted
    from 0 it needs no + 1. The prior exp(-(s - centre)^2 / 2 sigma^2), sigma =
    half_width / 2, is taken at the real centre: it alone carries gradients to W and v.
    `after` multiplies it onto the weights, which then sum to less than one (paper and
    released default); `before` onto the scores (nmt.matlab's normLocalAttn).
    """
    _check(half_width)
    places = {"after": "weights", "before": "scores"}
    if gaussian not in places:
        raise ValueError(f"unknown gaussian {gaussian!r}; choose {', '.join(places)}")

    def init(rng: jax.Array, dims: Dims) -> Params:
        rng_w, rng_v = jax.random.split(rng)
        return {
            "w": glorot(rng_w, (dims.query, dims.hidden)),
            "v": glorot(rng_v, (dims.hidden, 1)),
        }

    def centre(params, query, length, step):
        del step  # the query alone decides where to look
        hidden = jnp.tanh(query @ params["w"])
        return length * jax.nn.sigmoid(wide(hidden @ params["v"]))[0]

    def prior(centre, positions):
        return jnp.exp(-2.0 * ((positions - centre) / half_width) ** 2)

    return Window(init, centre, prior, half_width, prior_on=places[gaussian])


def _no_prior(centre: jax.Array, positions: jax.Array) -> jax.Array:
    return jnp.ones(positions.shape, centre.dtype)


def _check(half_width: int) -> None:
    if half_width < 1:
        raise ValueError(f"half_width is {half_width}, must be at least 1")
