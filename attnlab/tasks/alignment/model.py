"""One direction of an aligner: a chain over source words that spell out target words.

    u_s = tanh(W [E x_(s-1); E x_s; E x_(s+1)] + w)
    g_s = [E x_s + k C u_s; A F(x_s)]    k = 0 for half of the sentences in training
    p(v | s) is proportional to exp(g_s . [O v; F(v)] + b_v)

F are the features of a word's letters (`spelling.py`), the same in both languages. What
a word is read as does not depend on the step, so that the vocabulary is met once a
position. NULL has a vector of its own and no spelling; jumps see u.
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
from attnlab.tasks.alignment.batches import Candidates, Words
from attnlab.tasks.alignment.settings import AlignmentModel

SPREAD = 0.1  # of the first embeddings
SPELLING = 2.0  # A is this times the identity at first
Array = jax.Array | np.ndarray


class Aligner(NamedTuple):
    """The functions of one direction.

    init(rng, source counts [V], target counts [V]) -> params
    chains(params, source, target, candidates, rng) -> a Chain of each of B pairs;
      without an rng nothing is dropped, and the neighbors count in every sentence.
    """

    init: Callable[[jax.Array, np.ndarray, np.ndarray], Params]
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
        keys = [*jax.random.split(rng, 6)]
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
                "out": glorot(keys[5], (width, width)),
            }
        if spelling:
            params["spelling"] = SPELLING * jnp.eye(spelling)
        return params

    def chains(
        params: Params,
        source: Words,
        target: Words,
        candidates: Candidates,
        rng: jax.Array | None = None,
    ) -> Chain:
        mask = length_mask(jnp.asarray(source.lengths), source.ids.shape[1])
        said, around = _read(params, settings, source, mask, rng)
        words = _words(params, target.ids, target.spelling)  # [B, T, D]
        menu = _words(params, candidates.ids, candidates.spelling)  # [M, D]
        menu_bias = params["bias"][candidates.ids] + candidates.log_weights
        bias = params["bias"][target.ids]  # [B, T]

        def norm(vectors):  # [..., D] -> [...]
            logits = dense(vectors, menu.T, menu_bias)
            return jax.nn.logsumexp(logits, axis=-1)

        if rng is None:  # a sentence at a time: the vocabulary may be a whole one
            norms = jax.lax.map(norm, said)
        else:
            norms = norm(said)
        emissions = jnp.einsum("bsd,btd->bts", said, words) + bias[..., None]
        emissions = emissions - norms[:, None]
        null = jnp.concatenate([params["null"], jnp.zeros(spelling)])
        null_emissions = (
            dense(words, null[:, None])[..., 0] + bias - norm(null[None])[0]
        )
        real = length_mask(jnp.asarray(target.lengths), target.ids.shape[1])
        weights = jnp.broadcast_to(mask[:, None], emissions.shape)
        jumps = jax.vmap(transition.log_potentials, in_axes=(None, 0))
        return Chain(
            weights.astype(emissions.dtype),
            jumps(params["transition"], around),
            emissions,
            real,
            jnp.full(bias.shape, settings.null, emissions.dtype),
            null_emissions,
        )

    return Aligner(init, chains)


def _read(
    params: Params,
    settings: AlignmentModel,
    source: Words,
    mask: jax.Array,
    rng: jax.Array | None,
) -> tuple[jax.Array, jax.Array]:
    """What each source word says [B, S, D], and what jumps see of it [B, S, E]."""
    embedded = zero_padding(params["source"][source.ids], mask)
    said = around = embedded
    if settings.neighbors:
        keys = [*jax.random.split(rng, 3)] if rng is not None else [None] * 3
        seen = _drop(keys[0], embedded, settings.dropout)
        shifted = [
            _shift(seen, by)
            for by in range(-settings.neighbors, settings.neighbors + 1)
        ]
        part = params["neighbors"]
        hidden = dense(jnp.concatenate(shifted, axis=-1), part["kernel"], part["bias"])
        around = zero_padding(jnp.tanh(hidden), mask)
        around = _drop(keys[1], around, settings.dropout)
        more = dense(around, part["out"])
        if keys[2] is not None:
            # Half of the sentences do without, so that a word says much by itself.
            coin = jax.random.bernoulli(keys[2], 0.5, (len(mask), 1, 1))
            more = jnp.where(coin, more, 0)
        said = embedded + more
    if settings.spelling:
        spelled = dense(jnp.asarray(source.spelling), params["spelling"])
        said = jnp.concatenate([said, spelled], axis=-1)
    return said, around


def _words(params: Params, ids: Array, spelling: Array) -> jax.Array:
    """Target words as they are compared with what is said: [..., D]."""
    return jnp.concatenate([params["target"][ids], jnp.asarray(spelling)], axis=-1)


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
