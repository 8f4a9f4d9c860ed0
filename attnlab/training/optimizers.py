"""Optimizers by name, their learning-rate schedules, and clipping."""

import jax
import jax.numpy as jnp
import optax

from attnlab.settings import TrainSettings


def make_schedule(settings: TrainSettings, epoch: int) -> optax.Schedule:
    """The learning rate by step.

    constant; cosine: falls to a tenth by the last step; luong: constant for
    `halve_after` epochs, then halved after each (Luong et al. 2015: after 5 of 10, or
    8 of 12 with dropout). Each of these first rises from zero over `warmup` steps.
    sukhbaatar: half the rate for `warmup` steps, then the whole, halved after every
    `halve_after` epochs from there (as Sukhbaatar et al. 2015 can be read: after 25, 50
    and 75 of 100; their networks are linear while they warm up). sukhbaatar-released,
    what their code does (MemN2N-babi-matlab): with a `warmup` half the rate from the
    first step on and never the whole, without one the whole; halved as every
    `halve_after`-th epoch behind the warm-up begins (25, 50, 75 and 100 of 100).

    Args:
      settings: the schedule's name, the highest rate and the numbers above.
      epoch: updates in an epoch.

    Returns:
      step -> rate, steps being counted from 0.
    """
    rate, steps, warmup = settings.learning_rate, settings.steps, settings.warmup
    name = settings.schedule
    if name == "constant":
        schedule = optax.constant_schedule(rate)
    elif name == "cosine":
        # optax refuses zero steps, which a run that only warms up would have.
        schedule = optax.cosine_decay_schedule(rate, max(steps - warmup, 1), alpha=0.1)
    elif name == "luong":
        last = steps // max(epoch, 1) + 1  # epochs that the run begins
        # Joined behind the warm-up below, the schedule counts from its end.
        boundaries = {
            epoch * done - warmup: 0.5 for done in range(settings.halve_after, last)
        }
        schedule = optax.piecewise_constant_schedule(rate, boundaries)
    elif name == "sukhbaatar":
        every = max(epoch * settings.halve_after, 1)
        changes = {step: 0.5 for step in range(warmup + every, steps, every)}
        # Half the rate, then doubled at the end of the warm-up: the whole one.
        if warmup:
            return optax.piecewise_constant_schedule(
                0.5 * rate, {warmup: 2.0} | changes
            )
        return optax.piecewise_constant_schedule(rate, changes)
    else:  # sukhbaatar-released
        every = max(epoch * settings.halve_after, 1)
        # Their epochs count from 1 again when the softmax comes in.
        first = warmup + every - epoch
        changes = {step: 0.5 for step in range(first, steps, every)}
        start = 0.5 * rate if warmup else rate
        return optax.piecewise_constant_schedule(start, changes)
    if not warmup:
        return schedule
    rise = optax.linear_schedule(0.0, rate, warmup)
    return optax.join_schedules([rise, schedule], [warmup])


def make_optimizer(
    settings: TrainSettings, schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Clipping of the gradient, then adam, sgd, adadelta or rmsprop.

    Clipped is the norm of the whole gradient, or with `clip_by` "elements" each number
    to [-clip, clip] (Graves 2013, https://arxiv.org/abs/1308.0850), where one that grew
    beyond all numbers over hundreds of steps, and is none, counts as 0, or with
    "tables" each matrix for itself (`clip_by_tables`). Adadelta has the rho 0.95 and
    epsilon 1e-6 of Bahdanau et al. 2014; their learning rate is 1. RMSProp is that of
    Graves 2013, eqs. 38-45: centred, decay 0.95, momentum 0.9, epsilon 1e-4.

    Args:
      settings: the optimizer's name and how to clip; `clip` 0 never clips.
      schedule: the learning rate by step.

    Returns:
      The optax transformation.
    """
    makers = {
        "adam": lambda: optax.adam(schedule),
        "sgd": lambda: optax.sgd(schedule),
        "adadelta": lambda: optax.adadelta(schedule, rho=0.95, eps=1e-6),
        "rmsprop": lambda: optax.rmsprop(
            schedule, decay=0.95, eps=1e-4, centered=True, momentum=0.9
        ),
    }
    clips = {
        "norm": optax.clip_by_global_norm,
        "elements": lambda most: optax.chain(optax.zero_nans(), optax.clip(most)),
        "tables": clip_by_tables,
    }
    optimizer = makers[settings.optimizer]()
    if settings.clip <= 0:
        return optimizer
    # Clipped first: Adam and the like rescale whatever they are given.
    return optax.chain(clips[settings.clip_by](settings.clip), optimizer)


def clip_by_tables(limit: float) -> optax.GradientTransformation:
    """Each matrix of the gradient is scaled until its spectral norm is the limit.

    That is Matlab's norm, its largest singular value, by which MemN2N-babi-matlab
    clips (https://github.com/facebook/MemNN). A parameter [T, N, E] is T matrices;
    others of the same T and E are more rows of the same matrices, as the times of a
    memory network are more words of its tables there. A vector has its length.

    Args:
      limit: the largest norm.

    Returns:
      The optax transformation.
    """

    def clip(updates: optax.Updates, params: optax.Params | None = None):
        del params
        leaves, form = jax.tree.flatten(updates)
        rows: dict[object, list[int]] = {}  # a table -> which leaves are its rows
        for at, leaf in enumerate(leaves):
            key = (leaf.shape[0], leaf.shape[2]) if leaf.ndim == 3 else at
            rows.setdefault(key, []).append(at)
        for places in rows.values():
            squares = sum(_squares(leaves[at]) for at in places)  # [..., E, E]
            largest = jnp.linalg.eigvalsh(squares)[..., -1]
            norm = jnp.sqrt(jnp.maximum(largest, 0.0))  # rounded, it may be below
            scale = limit / jnp.maximum(norm, limit)
            for at in places:
                leaf = leaves[at]
                each = scale.reshape(scale.shape + (1,) * (leaf.ndim - scale.ndim))
                leaves[at] = leaf * each.astype(leaf.dtype)
        return jax.tree.unflatten(form, leaves)

    return optax.stateless(clip)


def _squares(leaf: jax.Array) -> jax.Array:
    """M^T M of the matrices [..., N, E] of a parameter; of a vector, E is 1."""
    matrix = leaf if leaf.ndim > 1 else leaf.reshape(-1, 1)
    return jnp.einsum("...ne,...nf->...ef", matrix, matrix)
