"""Optimizers by name, their learning-rate schedules, and clipping."""

from collections.abc import Mapping
from typing import Any

import optax

OPTIMIZERS = ("adam", "sgd", "adadelta", "rmsprop")
CLIPS = ("norm", "elements")
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


def make_optimizer(
    settings: Mapping[str, Any], schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Clip the gradient to `clip` (0: never), then adam, sgd, adadelta or rmsprop.

    Clipped is the norm of the whole gradient, or with `clip_by` "elements" each number
    to [-clip, clip] (Graves 2013). Adadelta has Bahdanau's rho 0.95 and epsilon 1e-6;
    his learning rate is 1. RMSProp is that of Graves 2013, eqs. 38-45: centred, decay
    0.95, momentum 0.9, epsilon 1e-4.
    """
    makers = {
        "adam": lambda: optax.adam(schedule),
        "sgd": lambda: optax.sgd(schedule),
        "adadelta": lambda: optax.adadelta(schedule, rho=0.95, eps=1e-6),
        "rmsprop": lambda: optax.rmsprop(
            schedule, decay=0.95, eps=1e-4, centered=True, momentum=0.9
        ),
    }
    clips = {"norm": optax.clip_by_global_norm, "elements": optax.clip}
    name, clip_by = settings["optimizer"], settings.get("clip_by", "norm")
    for kind, choice, known in (
        ("optimizer", name, makers),
        ("clip_by", clip_by, clips),
    ):
        if choice not in known:
            raise ValueError(f"unknown {kind} {choice!r}; choose {', '.join(known)}")
    if settings["clip"] <= 0:
        return makers[name]()
    return optax.chain(clips[clip_by](settings["clip"]), makers[name]())
