"""Optimisers by name, their learning-rate schedules, and clipping."""

from collections.abc import Mapping
from typing import Any

import optax

OPTIMISERS = ("adam", "sgd", "adadelta")
SCHEDULES = ("constant", "cosine", "luong", "sukhbaatar")


def make_schedule(settings: Mapping[str, Any], epoch: int) -> optax.Schedule:
    """Learning rate by step; `epoch` is the number of steps in one.

    constant; cosine: falls to a tenth by the last step; luong: constant for
    `halve_after` epochs, then halved after each (Luong et al. 2015: after 5 of 10, or
    8 of 12 with dropout). Each of these first rises from zero over `warmup` steps.
    sukhbaatar: half the rate for `warmup` steps, then the whole, halved after every
    `halve_after` epochs from there (Sukhbaatar et al. 2015: after 25, 50 and 75 of 100;
    their networks are linear while they warm up).
    """
    rate, steps, warmup = (
        settings["learning_rate"],
        settings["steps"],
        settings["warmup"],
    )
    name = settings["schedule"]
    if name == "constant":
        schedule = optax.constant_schedule(rate)
    elif name == "cosine":
        schedule = optax.cosine_decay_schedule(rate, max(steps - warmup, 1), alpha=0.1)
    elif name == "luong":
        last = steps // max(epoch, 1) + 1
        boundaries = {
            epoch * done - warmup: 0.5 for done in range(settings["halve_after"], last)
        }
        schedule = optax.piecewise_constant_schedule(rate, boundaries)
    elif name == "sukhbaatar":
        every = max(epoch * settings["halve_after"], 1)
        changes = {step: 0.5 for step in range(warmup + every, steps, every)}
        if warmup:
            return optax.piecewise_constant_schedule(
                0.5 * rate, {warmup: 2.0} | changes
            )
        return optax.piecewise_constant_schedule(rate, changes)
    else:
        raise ValueError(f"unknown schedule {name!r}; choose {', '.join(SCHEDULES)}")
    if not warmup:
        return schedule
    rise = optax.linear_schedule(0.0, rate, warmup)
    return optax.join_schedules([rise, schedule], [warmup])


def make_optimiser(
    settings: Mapping[str, Any], schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Clip the gradient's norm to `clip` (0: never), then adam, sgd or adadelta.

    Adadelta has Bahdanau's rho 0.95 and epsilon 1e-6; his learning rate is 1.
    """
    makers = {
        "adam": lambda: optax.adam(schedule),
        "sgd": lambda: optax.sgd(schedule),
        "adadelta": lambda: optax.adadelta(schedule, rho=0.95, eps=1e-6),
    }
    name = settings["optimiser"]
    if name not in makers:
        raise ValueError(f"unknown optimiser {name!r}; choose {', '.join(makers)}")
    if settings["clip"] <= 0:
        return makers[name]()
    return optax.chain(optax.clip_by_global_norm(settings["clip"]), makers[name]())
