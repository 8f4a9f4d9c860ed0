"""N sentences through R slots: one that ends leaves, and one that waits comes in.

A batch that runs until its longest translation ends computes mostly words that nobody
reads. Here the rows of a step stay those of open sentences until none waits. The last
half of the slots then go on by themselves.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

# Sentences come in when this share of the slots is free: it copies their memories.
FREE = 1 / 8
# From this many slots on, steps of half as many are worth a program of their own.
MANY = 16


class _Places(NamedTuple):
    rows: Any  # leaves [R, ...]
    sentence: jax.Array  # [R] whose row it is; N where nobody's
    come: jax.Array  # [] how many sentences have come in
    found: Any  # leaves [N, ...]


def through_slots(
    advance: Callable[[Any, jax.Array, Any], tuple[Any, Any]],
    is_open: Callable[[Any], jax.Array],
    waiting: Any,
    found: Any,
    order: jax.Array,
    slots: int | None,
) -> Any:
    """`found` after the search of every sentence in `waiting`, R = `slots` at a time.

    waiting: what each search starts from, leaves [N, ...]; found: results, the same.
    advance(rows, sentence [R], found) -> rows, found: one step of R searches, leaves
    [R, ...]; what is found for a `sentence` of N must be dropped. is_open(rows) -> [R]
    says which need more steps. Sentences come in by `order` [N]: if those that take
    longest come first, few slots stand idle at the end.
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
            found=places.found,
        )

    def step(places: _Places) -> _Places:
        rows, found = advance(places.rows, places.sentence, places.found)
        return places._replace(rows=rows, found=found)

    def unfinished(places: _Places):
        return (places.come < count) | (jnp.sum(busy(places)) > few)

    def worthwhile(places: _Places):
        most = jnp.where(places.come < count, slots - enough, few)
        return jnp.sum(busy(places)) > most

    waiting = jax.tree.map(jnp.asarray, waiting)
    places = _Places(
        rows=jax.tree.map(lambda leaf: leaf[:slots], waiting),
        sentence=jnp.full((slots,), count, jnp.int32),
        come=jnp.int32(0),
        found=found,
    )
    few = slots // 2 if slots >= MANY else 0
    places = lax.while_loop(
        unfinished,
        lambda places: lax.while_loop(worthwhile, step, come_in(places)),
        places,
    )
    if not few:
        return places.found
    last = jnp.argsort(~busy(places), stable=True)[:few]
    places = places._replace(
        rows=jax.tree.map(lambda leaf: leaf[last], places.rows),
        sentence=places.sentence[last],
    )
    return lax.while_loop(lambda places: jnp.any(busy(places)), step, places).found
