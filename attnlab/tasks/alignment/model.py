"""One direction of an aligner: a chain over source words that spell out target words.

    g_s = [E x_s; A F(x_s)]
    p(v | s) is proportional to exp(g_s . [O v; F(v)] + b_v)
    u_s = tanh(W [E x_(s-1); E x_s; E x_(s+1)] + w)

F are the features of a word's letters (`spelling.py`), the same in both languages. What
a word is read as depends on nothing else, so that the vocabulary is met once a word of
the batch, and not once a position or step. NULL has a vector of its own and no
spelling. Jumps see u.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.base import Dims, Params
from attnlab.attention.transitions import make_transition
from attnlab.estimators.chain import Chain
from attnlab.masking import length_mask, zero_padding
from attnlab.nn.cells import dense
from attnlab.nn.embedding import dropout
from attnlab.tasks.alignment.batches import WordList, Words
from attnlab.tasks.alignment.settings import AlignmentModel

SPREAD = 0.1  # of the first embeddings
SPELLING = 2.0  # A is this times the identity at first


class Aligner(NamedTuple):
    """The functions of one direction.

    init(rng, source counts [V], target counts [V]) -> params
    norms(params, source words [U], target words) -> [U + 1], the logarithm of what each
      source word's p(v | s), and last that of NULL, is divided by
    chains(params, source, target, norms, rng) -> a Chain of each of B pairs; norms are
      of the source's list, by default over the target's; without an rng nothing is
      dropped.
    """

    init: Callable[[jax.Array, np.ndarray, np.ndarray], Params]
    norms: Callable[[Params, WordList, WordList], jax.Array]
    chains: Callable[..., Chain]


def make_aligner(settings: AlignmentModel) -> Aligner:
    """A direction by its settings.

    Args:
      settings: of the model.

    Returns:
      The Aligner.
    """
    transition = make_transition(settings.transition, reach=settings.reach)
    width, spelling = settings.embedding, settings.spelling
    seen = (2 * settings.neighbors + 1) * width

    def init(rng, source_counts, target_counts) -> Params:
        keys = [*jax.random.split(rng, 5)]
        glorot = jax.nn.initializers.glorot_uniform()
        normal = jax.nn.initializers.normal(SPREAD)
        logs = np.log((target_counts + 1.0) / (target_counts + 1.0).sum())
        params = {
            "source": normal(keys[0], (len(source_counts), width)),
            "target": normal(keys[1], (len(target_counts), width)),
            "bias": jnp.asarray(logs - logs.mean(), jnp.float32),
            "null": normal(keys[2], (width,)),
            "transition": transition.init(
                keys[3], Dims(query=width, value=width, hidden=width)
            ),
        }
        if settings.neighbors:
            params["neighbors"] = {
                "kernel": glorot(keys[4], (seen, width)),
                "bias": jnp.zeros(width),
            }
        if spelling:
            params["spelling"] = SPELLING * jnp.eye(spelling)
        return params

    def norms(params: Params, source: WordList, target: WordList) -> jax.Array:
        bias = params["bias"][target.ids] + target.log_weights
        logits = dense(_read(params, settings, source), _said(params, target).T, bias)
        return jax.nn.logsumexp(logits, axis=-1)

    def chains(
        params: Params,
        source: Words,
        target: Words,
        norms_of: jax.Array | None = None,
        rng: jax.Array | None = None,
    ) -> Chain:
        if norms_of is None:
            norms_of = norms(params, source.known, target.known)
        read = _read(params, settings, source.known)
        said = _said(params, target.known)[target.places]  # [B, T, D]
        bias = params["bias"][target.known.ids][target.places]
        emissions = jnp.einsum("bsd,btd->bts", read[source.places], said)
        emissions += bias[..., None] - norms_of[source.places][:, None]
        null_emissions = dense(said, read[-1:].T)[..., 0] + bias - norms_of[-1]
        mask = length_mask(jnp.asarray(source.lengths), source.places.shape[1])
        real = length_mask(jnp.asarray(target.lengths), target.places.shape[1])
        jumps = jax.vmap(transition.log_potentials, in_axes=(None, 0))(
            params["transition"], _seen(params, settings, source, mask, rng)
        )
        null = jnp.full(bias.shape, settings.null, emissions.dtype)
        return Chain(
            mask[:, None].astype(emissions.dtype),
            jumps,
            emissions,
            real,
            null,
            null_emissions,
        )

    return Aligner(init, norms, chains)


def _read(params: Params, settings: AlignmentModel, words: WordList) -> jax.Array:
    """What source words are read as, NULL last: [U + 1, D]."""
    read = jnp.concatenate([params["source"][words.ids], params["null"][None]])
    if not settings.spelling:
        return read
    spelled = dense(jnp.asarray(words.spelling), params["spelling"])
    return jnp.concatenate([read, jnp.pad(spelled, ((0, 1), (0, 0)))], axis=-1)


def _said(params: Params, words: WordList) -> jax.Array:
    """Target words as they are compared with what is read: [U, D]."""
    said = params["target"][words.ids]
    return jnp.concatenate([said, jnp.asarray(words.spelling)], axis=-1)


def _seen(
    params: Params,
    settings: AlignmentModel,
    source: Words,
    mask: jax.Array,
    rng: jax.Array | None,
) -> jax.Array:
    """What jumps see of each source position: [B, S, E]."""
    embedded = params["source"][source.known.ids][source.places]
    embedded = zero_padding(embedded, mask)
    if not settings.neighbors:
        return embedded
    keys = [*jax.random.split(rng)] if rng is not None else [None] * 2
    seen = _drop(keys[0], embedded, settings.dropout)
    places = range(-settings.neighbors, settings.neighbors + 1)
    beside = jnp.concatenate([_shift(seen, by) for by in places], axis=-1)
    part = params["neighbors"]
    hidden = jnp.tanh(dense(beside, part["kernel"], part["bias"]))
    return _drop(keys[1], zero_padding(hidden, mask), settings.dropout)


def _shift(array: jax.Array, by: int) -> jax.Array:
    """[B, S, E] moved along S, zeros where nothing comes from."""
    if by == 0:
        return array
    rolled = jnp.roll(array, -by, axis=1)
    places = jnp.arange(array.shape[1]) + by
    inside = (places >= 0) & (places < array.shape[1])
    return jnp.where(inside[None, :, None], rolled, 0)


def _drop(rng: jax.Array | None, array: jax.Array, share: float) -> jax.Array:
    return array if rng is None or not share else dropout(rng, array, share)
