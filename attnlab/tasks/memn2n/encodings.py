"""How a sentence of a memory network adds up its words, and when it was.

A memory is m = sum_j l_j * A x_j + t * T: the words' embeddings A x_j with a share l_j
in each dimension, and the embedding T of its time with a share t (Sukhbaatar et al.
2015, section 4.1, https://arxiv.org/abs/1503.08895).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.masking import zero_padding


class Shares(NamedTuple):
    """What each part of a sentence is multiplied by.

    Attributes:
      words: [..., L, E], of each word; 0 for padding.
      time: [E], of the time.
    """

    words: jax.Array
    time: jax.Array


def bag(real: jax.Array, width: int, temporal: bool) -> Shares:
    """Bag of words: every word counts alike, and so does the time.

    Args:
      real: [..., L] bool, which words are no padding.
      width: numbers of an embedded word, E.
      temporal: of no use here.

    Returns:
      The Shares, 1 for all.
    """
    del temporal
    words = zero_padding(jnp.ones((*real.shape, width)), real)
    return Shares(words, jnp.ones(width))


def position(real: jax.Array, width: int, temporal: bool) -> Shares:
    """Position encoding as printed (section 4.1).

    Word j of J in dimension k of E, both counted from 1, has

        l_kj = (1 - j / J) - (k / E) (1 - 2 j / J)

    and the time is added as it is.

    Args:
      real: [..., L] bool, which words are no padding; J is how many those are.
      width: numbers of an embedded word, E.
      temporal: of no use here.

    Returns:
      The Shares.
    """
    del temporal
    words = jnp.maximum(real.sum(axis=-1), 1)[..., None, None]
    order = jnp.arange(1, real.shape[-1] + 1)[:, None]
    place = jnp.broadcast_to(order, (*real.shape, 1)) / words  # j / J
    depth = jnp.arange(1, width + 1) / width
    depth = jnp.broadcast_to(depth, (*real.shape, width))
    shares = zero_padding((1 - place) - depth * (1 - 2 * place), real)
    return Shares(shares, jnp.ones(width))


def released(real: jax.Array, width: int, temporal: bool) -> Shares:
    """Position encoding of the released code, twice as large and centred.

    Word j of J in dimension k of E, both counted from 1, has

        l_kj = 1 + 4 (k - (E + 1) / 2) (j - (J + 1) / 2) / (E J)

    where J is the same for every sentence and question: L, the length of the corpus's
    longest one, and one more where memories have times. A time is a word there, the
    J-th however short its sentence is; a question has none.

    Args:
      real: [..., L] bool, which words are no padding.
      width: numbers of an embedded word, E.
      temporal: memories have times.

    Returns:
      The Shares.
    """
    longest = real.shape[-1]
    places = _centred(longest + temporal, width)
    words = jnp.broadcast_to(places[:longest], (*real.shape, width))
    time = places[longest] if temporal else jnp.ones(width)
    return Shares(zero_padding(words, real), time)


def released_words(real: jax.Array, width: int, temporal: bool) -> Shares:
    """The released code's shares for words alone: J is L, and a time is added as it is.

    What attnlab called "released" up to version 3 of its settings.

    Args:
      real: [..., L] bool, which words are no padding.
      width: numbers of an embedded word, E.
      temporal: of no use here.

    Returns:
      The Shares.
    """
    del temporal
    return released(real, width, False)


def _centred(count: int, width: int) -> jax.Array:
    """l of `released` for J = `count` places, [J, E]."""
    order = jnp.arange(count) - (count - 1) / 2
    depth = jnp.arange(width) - (width - 1) / 2
    return 1 + 4 * jnp.outer(order, depth) / (count * width)


ENCODINGS: dict[str, Callable[[jax.Array, int, bool], Shares]] = {
    "bag": bag,
    "position": position,
    "released": released,
    "released-words": released_words,
}
