"""Windows: which positions a step may look at, and with what prior.

    global    the whole sentence
    local-m   2 half_width + 1 positions around the step's number, "monotonic"
    local-p   2 half_width + 1 positions around a predicted centre, "predictive"

A window says where its centre is; `compose.py` cuts the positions around it (in short
sentences it masks all S positions instead, with equal results).
"""

import jax
import jax.numpy as jnp

from attnlab.attention.base import Dims, Params, Window
from attnlab.precision import wide, wide_type

glorot = jax.nn.initializers.glorot_uniform()


def global_window() -> Window:
    """Luong et al. 2015, section 3.1, and Bahdanau et al. 2014: the whole sentence.

    Returns:
      The Window, without parameters; its centre is 0 and means nothing.
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def centre(params, query, length, step):
        del params, length, step
        return jnp.zeros((), wide_type(query.dtype))

    return Window(init, centre, _no_prior, name="global")


def local_m(half_width: int = 10) -> Window:
    """Luong et al. 2015, section 3.2 "monotonic": the window walks with the step.

    https://arxiv.org/abs/1508.04025. centre = min(step, length - 1): target words past
    the end keep the last source word, on which the paper is silent (nmt.matlab does
    so).

    Args:
      half_width: D; 2 D + 1 positions are looked at.

    Returns:
      The Window, without parameters.

    Raises:
      ValueError: for a half_width below 1.
    """
    _check(half_width)

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def centre(params, query, length, step):
        del params
        last = jnp.maximum(length - 1, 0)  # a filler row has no words
        return jnp.minimum(step, last).astype(wide_type(query.dtype))

    name = f"local-m(half_width={half_width})"
    return Window(init, centre, _no_prior, half_width, name=name)


def local_p(half_width: int = 10, gaussian: str = "after") -> Window:
    """Luong et al. 2015, eqs. 9-10 "predictive": a Gaussian around a predicted centre.

    https://arxiv.org/abs/1508.04025. centre = length * sigmoid(v . tanh(W q)) is real
    and lies in [0, length], positions counted from 0. The prior
    exp(-(s - centre)^2 / (2 sigma^2)), sigma = half_width / 2, is taken at the real
    centre: gradients reach W and v through the prior alone, as the cut at
    floor(centre) passes none.

    Args:
      half_width: D; 2 D + 1 positions are looked at.
      gaussian: "after" multiplies the prior onto the weights, which then sum to less
        than one (paper and released default); "before" onto the scores (nmt.matlab's
        normLocalAttn).

    Returns:
      The Window, with parameters w [Q, H] and v [H, 1].

    Raises:
      ValueError: for a half_width below 1, or another gaussian.
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
        # wide: bfloat16 has 8 bits, too few for a place in a sentence of 50 words
        return length * jax.nn.sigmoid(wide(hidden @ params["v"]))[0]

    def prior(centre, positions):
        return jnp.exp(-2.0 * ((positions - centre) / half_width) ** 2)

    before = ", gaussian=before" if gaussian == "before" else ""
    name = f"local-p(half_width={half_width}{before})"
    return Window(init, centre, prior, half_width, places[gaussian], name)


def _no_prior(centre: jax.Array, positions: jax.Array) -> jax.Array:
    return jnp.ones(positions.shape, centre.dtype)


def _check(half_width: int) -> None:
    if not isinstance(half_width, int) or half_width < 1:
        raise ValueError(
            f"half_width is {half_width!r}; it must be a whole number, at least 1"
        )
