"""A chain over positions: a hidden Markov model whose states are what a step reads.

A step reads a position or, with probability `null`, nothing; reading nothing leaves the
chain where it is. With c the last position that was read,

    p(a_t = s | c) = (1 - null_t) J(c, s) w_t(s) / sum_s' J(c, s') w_t(s')

where w_t are the weights of the attention and J = exp(jumps) is a transition
(`attnlab.attention.transitions`). A way that leads nowhere (all its J w_t are below
1e-30) goes by w_t alone. With J = 1 it is the exact marginal of every step by itself.

Vogel, Ney and Tillmann 1996, https://aclanthology.org/C96-2141; as attention, Wu,
Shapiro and Cotterell 2018, https://arxiv.org/abs/1808.10024.

Everything works on one pair; `jax.vmap` goes over a batch.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from attnlab.masking import distribution, zero_padding
from attnlab.precision import wide

NULL = -1  # among positions: nothing is read
RARE = 1e-30  # a probability below it decides no scale, and leads nowhere


class Chain(NamedTuple):
    """One pair of S source positions and T target steps.

    weights: [T, S], not negative and not all zero at a real step, zero at padding; or
      [1, S], the same at every step, which normalizes the ways once.
    jumps: [S + 1, S], log potentials; row 0 is from before the sentence, row 1 + c from
      position c.
    emissions: [T, S], log p(y_t | position s is read).
    real: [T] bool, which steps are no padding.
    null: [T], the probability of reading nothing, in [0, 1).
    null_emissions: [T], log p(y_t | nothing is read).
    """

    weights: jax.Array
    jumps: jax.Array
    emissions: jax.Array
    real: jax.Array
    null: jax.Array
    null_emissions: jax.Array


class Posterior(NamedTuple):
    """What both sides together say of the reads.

    positions: [T, S], p(a_t = s | x, y), exactly zero at padding.
    null: [T], p(nothing is read at t | x, y).
    """

    positions: jax.Array
    null: jax.Array


class Forward(NamedTuple):
    """What the forward recursion leaves behind.

    log_probs: [T], log p(y_t | y_<t), zero at padding; their sum is log p(y).
    priors: [T, S], p(a_t = s | y_<t); what is missing to one is null's.
    states: [T + 1, S + 1], p(last position read | y_<=t), slot 0 for none yet.
    """

    log_probs: jax.Array
    priors: jax.Array
    states: jax.Array


def forward(chain: Chain) -> Forward:
    """The forward recursion, scaled at every step.

    S^2 multiplications a step and nothing larger than [T, S] and [S, S]. Its gradient
    is the backward recursion.

    Args:
      chain: of a pair.

    Returns:
      The Forward.
    """
    ways = ways_of(chain.jumps)
    size = chain.weights.shape[1]
    first = jnp.zeros(size + 1, ways.dtype).at[0].set(1)
    steady = len(chain.weights) == 1
    through = _from_each(ways, wide(chain.weights[0])) if steady else None

    def step(state: jax.Array, at: Chain) -> tuple[jax.Array, Forward]:
        if through is not None:
            after, log_prob, prior = _arrive(state @ through, state, at)
        else:
            after, log_prob, prior = advance(ways, state, at)
        return after, Forward(log_prob, prior, after)

    # `jumps` is the same at every step: None keeps the scan from looking for an axis.
    _, passed = jax.lax.scan(step, first, _wide_steps(chain))
    states = jnp.concatenate([first[None], passed.states])
    return passed._replace(states=states)


def advance(
    ways: jax.Array, state: jax.Array, at: Chain
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """One step of the recursion.

    Args:
      ways: [S + 1, S], J scaled by any factor a row.
      state: [S + 1], p(last position | y_<t).
      at: the step, without an axis of steps; its `jumps` are not looked at.

    Returns:
      (state after it [S + 1], log p(y_t | y_<t) [], prior [S]).
    """
    return _arrive(land(ways, state, at.weights), state, at)


def _arrive(
    landed: jax.Array, state: jax.Array, at: Chain
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`advance`, given where the chain lands [S] if it reads a position."""
    prior = (1 - at.null) * landed
    waiting = at.null * state
    likely = jnp.where(prior > RARE, at.emissions, -jnp.inf)
    top = jnp.where(at.null > 0, at.null_emissions, -jnp.inf)
    top = jnp.maximum(likely.max(), top)
    top = jax.lax.stop_gradient(jnp.where(jnp.isfinite(top), top, 0))  # at padding
    # Rare positions far likelier than all others would overflow; they are rare.
    reading = prior * jnp.exp(jnp.minimum(at.emissions - top, 60.0))
    nothing = waiting * jnp.exp(jnp.minimum(at.null_emissions - top, 60.0))
    joint = nothing.at[1:].add(reading)
    total = jnp.where(at.real, joint.sum(), 1)
    after = jnp.where(at.real, joint / total, state)
    log_prob = zero_padding(top + jnp.log(total), at.real)
    return after, log_prob, zero_padding(prior, at.real)


def log_likelihood(chain: Chain) -> jax.Array:
    """log p(y): the sum over all paths through the source.

    Args:
      chain: of a pair.

    Returns:
      Nats [].
    """
    return forward(chain).log_probs.sum()


def posterior(chain: Chain) -> Posterior:
    """What was read, given both sides: d log p(y) / d log p(y_t | s).

    Args:
      chain: of a pair.

    Returns:
      The Posterior.
    """

    def of(emissions: jax.Array, null_emissions: jax.Array) -> jax.Array:
        seen = chain._replace(emissions=emissions, null_emissions=null_emissions)
        return log_likelihood(seen)

    gradient = jax.grad(of, argnums=(0, 1))
    return Posterior(*gradient(wide(chain.emissions), wide(chain.null_emissions)))


def viterbi(chain: Chain) -> jax.Array:
    """The most probable path.

    Args:
      chain: of a pair.

    Returns:
      Positions [T] int, NULL where nothing is read and at padding.
    """
    ways = ways_of(chain.jumps)
    size = chain.weights.shape[1]
    first = jnp.full(size + 1, -jnp.inf, ways.dtype).at[0].set(0)

    def step(best: jax.Array, at: Chain) -> tuple[jax.Array, jax.Array]:
        there = jnp.log(_prior_from_each(ways, at)) + at.emissions[None]  # [S + 1, S]
        waiting = best + jnp.log(at.null) + at.null_emissions
        reading = best[:, None] + there
        came_from = jnp.argmax(reading, axis=0)
        arriving = jnp.full_like(best, -jnp.inf).at[1:].set(reading.max(axis=0))
        # Where the state came from: itself by reading nothing, or another by reading.
        before = jnp.where(
            waiting >= arriving,
            NULL,
            jnp.concatenate([jnp.zeros(1, came_from.dtype), came_from]),
        )
        after = jnp.maximum(waiting, arriving)
        return jnp.where(at.real, after, best), jnp.where(at.real, before, NULL)

    last, before = jax.lax.scan(step, first, _wide_steps(chain))

    def back(state: jax.Array, came_from: jax.Array) -> tuple[jax.Array, jax.Array]:
        nothing = came_from[state] == NULL
        position = jnp.where(nothing, NULL, state - 1)
        return jnp.where(nothing, state, came_from[state]), position

    _, positions = jax.lax.scan(back, jnp.argmax(last), before, reverse=True)
    return positions


def sample(rng: jax.Array, chain: Chain) -> jax.Array:
    """A path, drawn from p(a | x, y).

    Args:
      rng: a key.
      chain: of a pair.

    Returns:
      Positions [T] int, NULL where nothing is read and at padding.
    """
    ways = ways_of(chain.jumps)
    states = forward(chain).states
    steps, size = chain.emissions.shape
    # An argmax over noisy logarithms is a draw (Gumbel).
    noise = jax.random.gumbel(rng, (steps + 1, size + 2), states.dtype)

    def back(state: jax.Array, at) -> tuple[jax.Array, jax.Array]:
        noise, before, step = at
        waiting = jnp.log(before[state] * step.null) + step.null_emissions
        position = jnp.maximum(state - 1, 0)
        from_each = before * _prior_from_each(ways, step)[:, position]
        reading = jnp.log(from_each) + step.emissions[position]
        reading = jnp.where(state > 0, reading, -jnp.inf)
        drawn = jnp.argmax(jnp.append(reading, waiting) + noise)
        nothing = (drawn == size + 1) | ~step.real
        position = jnp.where(nothing, NULL, position)
        return jnp.where(nothing, state, drawn), position

    last = jnp.argmax(jnp.log(states[-1]) + noise[-1, : size + 1])
    each = (noise[:-1], states[:-1], _wide_steps(chain))
    _, positions = jax.lax.scan(back, last, each, reverse=True)
    return positions


def ways_of(jumps: jax.Array) -> jax.Array:
    """J, scaled.

    Args:
      jumps: [S + 1, S], log potentials.

    Returns:
      Not negative [S + 1, S], the largest of each row one.
    """
    jumps = wide(jumps)
    top = jax.lax.stop_gradient(jumps.max(axis=1, keepdims=True))
    return jnp.exp(jumps - jnp.where(jnp.isfinite(top), top, 0))


def land(ways: jax.Array, state: jax.Array, weights: jax.Array) -> jax.Array:
    """sum_c state(c) J(c, s) w(s) / sum_s' J(c, s') w(s').

    Args:
      ways: [S + 1, S], from `ways_of`.
      state: [S + 1], of the last position.
      weights: [S], of the step.

    Returns:
      Of the next position, if there is one: [S].
    """
    return state @ _from_each(ways, weights)


# What a step makes of every two positions is made again for the gradient: kept of all
# steps it would be [T, S, S].
@jax.checkpoint
def _from_each(ways: jax.Array, weights: jax.Array) -> jax.Array:
    """J(c, s) w(s) / sum_s' J(c, s') w(s') for every c: [S + 1, S]."""
    going = ways * weights[None]
    # By the largest first: a sum may be so small that one over its square is infinite.
    top = jax.lax.stop_gradient(going.max(axis=1, keepdims=True))
    goes = top > RARE
    scaled = going / jnp.where(goes, top, 1)
    return distribution(jnp.where(goes, scaled, weights[None]))


def _prior_from_each(ways: jax.Array, at: Chain) -> jax.Array:
    """p(a_t = s | c) for every c: [S + 1, S]."""
    return (1 - at.null) * _from_each(ways, at.weights)


def _wide_steps(chain: Chain) -> Chain:
    """What a scan goes over: all but the jumps."""
    weights = jnp.broadcast_to(chain.weights, chain.emissions.shape)
    steps = chain._replace(jumps=None, weights=weights)  # type: ignore[arg-type]
    return jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else wide(leaf), steps)
