"""Looking up slots, and sampling them."""

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.estimators import at_every, at_slots, sample
from tests.estimators.tables import drawn, single, steps_of

P, LOGS = map(single, drawn(2, 3, 4))


def test_slots_are_looked_up_in_any_number_and_order():
    slots = np.random.default_rng(0).integers(0, 4, (2, 3, 5))
    result = at_slots(steps_of(P, LOGS), jnp.asarray(slots))
    assert result.shape == (2, 3, 5)
    for b, t, k in np.ndindex(2, 3, 5):
        assert result[b, t, k] == LOGS[b, t, slots[b, t, k]]


def test_every_slot_is_looked_up_in_order():
    np.testing.assert_array_equal(at_every(steps_of(P, LOGS)), LOGS)


def test_samples_come_as_often_as_they_are_likely(rng):
    p = single([[0.5, 0.2, 0.0, 0.3], [0.0, 0.0, 1.0, 0.0]])
    slots = np.asarray(sample(rng, jnp.asarray(p), 20_000))
    assert slots.shape == (2, 20_000)
    counts = np.stack([np.bincount(row, minlength=4) for row in slots])
    assert not counts[p == 0].any()
    errors = np.sqrt(20_000 * p * (1 - p))
    assert np.all(np.abs(counts - 20_000 * p) <= 4 * errors)
    pairs = np.bincount(4 * slots[0, ::2] + slots[0, 1::2], minlength=16)
    joint = np.outer(p[0], p[0]).ravel()  # one sample says nothing about the next
    errors = np.sqrt(10_000 * joint * (1 - joint))
    assert np.all(np.abs(pairs - 10_000 * joint) <= 4 * errors)


def test_the_same_key_draws_the_same_samples():
    first, again, other = (
        sample(jax.random.key(seed), jnp.asarray(P), 9) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
