"""Continuous batching: a finished row is refilled from the queue of sentences.

A batch that runs until its longest translation ends computes mostly words that nobody
reads. Here N sentences go through R slots, and the rows of a step stay those of
unfinished sentences until none waits. With R = N / 2 or less few rows stand idle.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

# Sentences come in when this share of the slots is free: it copies their memories.
FREE = 1 / 8


Rows = TypeVar("Rows")  # pytrees of arrays
Results = TypeVar("Results")


class _Places(NamedTuple):
    """The searches of a moment, and the results so far."""

    rows: Any  # leaves [R, ...]
    sentence: jax.Array  # [R] whose row it is; N where nobody's
    come: jax.Array  # [] how many sentences have come in
    results: Any  # leaves [N, ...]


def through_slots(
    advance: Callable[[Rows, jax.Array, Results], tuple[Rows, Results]],
    is_open: Callable[[Rows], jax.Array],
    waiting: Rows,
    results: Results,
    order: jax.Array,
    slots: int | None,
) -> Results:
    """The results of searching every sentence, R = `slots` at a time.

    Args:
      advance: (rows, sentence [R], results) -> (rows, results), one step of R searches,
        rows with leaves [R, ...]; results of a sentence number N must be dropped.
      is_open: rows -> [R] bool, which need more steps.
      waiting: what each search starts from, leaves [N, ...].
      results: before any step, leaves [N, ...].
      order: [N] int, in which sentences come in: if those that take longest come first,
        few slots stand idle at the end.
      slots: R; None is N.

    Returns:
      The results, leaves [N, ...].

    Raises:
      ValueError: for slots below 1.
    """
    count = order.shape[0]
    if slots is not None and slots < 1:
        raise ValueError(f"slots is {slots}, it must be 1 or more")
    slots = min(slots or count, count)
    enough = max(1, int(slots * FREE))

    def busy(places: _Places):
        return is_open(places.rows) & (places.sentence < count)

    def come_in(places: _Places) -> _Places:
        free = ~busy(places)
        number = places.come + jnp.cumsum(free, dtype=jnp.int32) - 1
        comes = free & (number < count)
        newcomer = order[jnp.minimum(number, count - 1)]

        def fill(everybody, rows):
            chosen = comes.reshape(-1, *[1] * (rows.ndim - 1))
            return jnp.where(chosen, everybody[newcomer], rows)

        leaves = jnp.where(free, count, places.sentence)
        return _Places(
            rows=jax.tree.map(fill, waiting, places.rows),
            sentence=jnp.where(comes, newcomer, leaves),
            come=places.come + jnp.sum(comes, dtype=jnp.int32),
            results=places.results,
        )

    def step(places: _Places) -> _Places:
        rows, results = advance(places.rows, places.sentence, places.results)
        return places._replace(rows=rows, results=results)

    def unfinished(places: _Places):
        return (places.come < count) | jnp.any(busy(places))

    def worthwhile(places: _Places):
        most = jnp.where(places.come < count, slots - enough, 0)
        return jnp.sum(busy(places)) > most

    waiting = jax.tree.map(jnp.asarray, waiting)
    places = _Places(
        rows=jax.tree.map(lambda leaf: leaf[:slots], waiting),
        sentence=jnp.full((slots,), count, jnp.int32),
        come=jnp.int32(0),
        results=results,
    )
    return lax.while_loop(
        unfinished,
        lambda places: lax.while_loop(worthwhile, step, come_in(places)),
        places,
    ).results
