"""Transitions: how the position of a hard read depends on the one before it.

    none           not at all
    jumps          a table over the distance s - c          Vogel et al. 1996
    jumps-by-word  and what stands where it starts and lands
    monotonic      never back: a table over s - c >= 0      Wu and Cotterell 2019

A chain (a hidden Markov model over positions) multiplies them onto the weights of
score and window: p(a_t = s | a_{t-1} = c) is proportional to
exp(log_potentials[c, s]) w_t(s).
To add one, write a factory here and a line in `TRANSITIONS`.
"""

import inspect
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.attention.base import Dims, Params, factory_name
from attnlab.precision import wide, wide_type

REACH = 12  # distances that are told apart; longer ones count as this


class Transition(NamedTuple):
    """What a step's position says of the next one's.

    init(rng, dims) -> params
    log_potentials(params, values [S, C]) -> [S + 1, S], from where to where: row 0 is
      from before the sentence, row 1 + c from position c. Nats, up to a constant a row;
      -inf where there is no way.

    name: what a repr shows.
    """

    init: Callable[[jax.Array, Dims], Params]
    log_potentials: Callable[[Params, jax.Array], jax.Array]
    name: str = ""

    def __repr__(self) -> str:
        return f"Transition({self.name or factory_name(self.log_potentials)})"


def none() -> Transition:
    """Every step is on its own: a chain of order zero.

    Returns:
      The Transition, without parameters.
    """

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {}

    def log_potentials(params, values):
        del params
        size = values.shape[0]
        return jnp.zeros((size + 1, size), wide_type(values.dtype))

    return Transition(init, log_potentials)


def jumps(reach: int = REACH) -> Transition:
    """Vogel et al. 1996: one number for each distance, whatever stands there.

    log_potentials[c, s] = j[s - c], distances beyond `reach` counting as it. The first
    jump, from before the sentence, has numbers of its own. https://aclanthology.org/C96-2141

    Args:
      reach: the longest distance that is told apart, at least 1.

    Returns:
      The Transition, with parameters table [2 reach + 1] and first [reach + 1].

    Raises:
      ValueError: for a reach below 1.
    """
    _check(reach)

    def init(rng: jax.Array, dims: Dims) -> Params:
        del rng, dims
        return {"table": jnp.zeros(2 * reach + 1), "first": jnp.zeros(reach + 1)}

    def log_potentials(params, values):
        size = values.shape[0]
        between = wide(params["table"])[_distances(size, reach) + reach]
        first = wide(params["first"])[jnp.minimum(jnp.arange(size), reach)]
        return jnp.concatenate([first[None], between])

    return Transition(init, log_potentials, f"jumps(reach={reach})")


def jumps_by_word(reach: int = REACH) -> Transition:
    """Jumps whose numbers depend on the values where they start and where they land.

    log_potentials[c, s] = j[s - c] + (V h_c)[s - c] + (U h_s)[s - c].

    Args:
      reach: the longest distance that is told apart, at least 1.

    Returns:
      The Transition, with those of `jumps` and start and land [C, 2 reach + 1], zeros
      at first.

    Raises:
      ValueError: for a reach below 1.
    """
    plain = jumps(reach)

    def init(rng: jax.Array, dims: Dims) -> Params:
        shape = (dims.value, 2 * reach + 1)
        by_word = {"start": jnp.zeros(shape), "land": jnp.zeros(shape)}
        return plain.init(rng, dims) | by_word

    def log_potentials(params, values):
        size = values.shape[0]
        # By a product, as the gradient of a gather is a scatter, slow on a CPU.
        distances = _distances(size, reach) + reach
        chosen = jax.nn.one_hot(distances, 2 * reach + 1, dtype=values.dtype)
        start = jnp.einsum("cd,csd->cs", values @ params["start"], chosen)
        land = jnp.einsum("sd,csd->cs", values @ params["land"], chosen)
        potentials = plain.log_potentials(params, values)
        return potentials.at[1:].add(wide(start + land))

    return Transition(init, log_potentials, f"jumps-by-word(reach={reach})")


def monotonic(reach: int = REACH) -> Transition:
    """Never back: a table over the distances 0 to `reach`.

    log_potentials[c, s] = j[s - c] for s >= c, else -inf. Wu and Cotterell 2019,
    "Exact Hard Monotonic Attention": https://arxiv.org/abs/1905.06319

    Args:
      reach: the longest distance that is told apart, at least 1.

    Returns:
      The Transition, with parameters table [2 reach + 1], of which the distances from 0
      on count, and first [reach + 1].

    Raises:
      ValueError: for a reach below 1.
    """
    plain = jumps(reach)

    def log_potentials(params, values):
        size = values.shape[0]
        potentials = plain.log_potentials(params, values)
        forward = _distances(size, 1) >= 0
        allowed = jnp.concatenate([jnp.ones((1, size), bool), forward])
        return jnp.where(allowed, potentials, -jnp.inf)

    return Transition(plain.init, log_potentials, f"monotonic(reach={reach})")


TRANSITIONS: dict[str, Callable[..., Transition]] = {
    "none": none,
    "jumps": jumps,
    "jumps-by-word": jumps_by_word,
    "monotonic": monotonic,
}


def make_transition(name: str, **options: int) -> Transition:
    """The transition of a name.

    Args:
      name: in TRANSITIONS.
      **options: arguments of factories, such as reach; those that this one takes count.

    Returns:
      The Transition.

    Raises:
      ValueError: for a value that it refuses.
    """
    make = TRANSITIONS[name]
    takes = inspect.signature(make).parameters
    return make(**{option: options[option] for option in options if option in takes})


def _distances(size: int, reach: int) -> jax.Array:
    """s - c, from -reach to reach: [c, s]."""
    places = jnp.arange(size, dtype=jnp.int32)
    return jnp.clip(places[None] - places[:, None], -reach, reach)


def _check(reach: int) -> None:
    if not isinstance(reach, int) or reach < 1:
        raise ValueError(f"reach is {reach!r}; it must be a whole number, at least 1")
