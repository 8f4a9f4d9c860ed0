"""Several runs as replicas: one program, with the runs as its leading axis K.

They may differ in what is an array to the program (seed, learning rate) or is decided
outside it (patience). Each ends as it would have ended alone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.task import Task
from attnlab.training import parallel
from attnlab.training.loop import first_state, make_update, train_loop
from attnlab.training.run_state import RunState, Trained
from attnlab.training.step import TrainState
from attnlab.training.writers import Writer

# What replicas of one program may differ in.
OWN = ("row", "slug", "order", "wandb", "seed")
OWN_OF_TRAINING = ("learning_rate", "patience", "stop_on")


class Replica(NamedTuple):
    """A run to be trained beside others; see `attnlab.training.loop.train`."""

    task: Task
    settings: Mapping[str, Any]
    folder: Path
    seed: int
    writer: Writer
    fingerprint: str | None = None


def shared(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a run's configuration that all replicas of a program have alike."""
    alike = {key: value for key, value in config.items() if key not in OWN}
    train = config["train"].items()
    return alike | {"train": {k: v for k, v in train if k not in OWN_OF_TRAINING}}


def check_alike(configs: Sequence[Mapping[str, Any]]) -> None:
    """ValueError naming a setting that replicas of one program cannot differ in."""
    first = shared(configs[0])
    for config in configs[1:]:
        for key, value in shared(config).items():
            if json.dumps(value) != json.dumps(first.get(key)):
                raise ValueError(
                    f"runs that differ in {key!r} cannot be replicas of one program; "
                    f"they may in {', '.join((*OWN, *OWN_OF_TRAINING))}"
                )


def train_together(replicas: Sequence[Replica]) -> list[Trained | Exception]:
    """Train runs of one shared configuration, each from its newest checkpoint.

    Replica k ends as `train` would end it alone, to rounding: its files are the same, a
    loss of its own that is not finite ends it alone, and so does its own patience. In
    place of what training came to stands the error that ended it.
    """
    task, settings = replicas[0].task, replicas[0].settings
    run_states = [
        RunState(own.task, own.settings, own.folder, writer=own.writer,
               fingerprint=own.fingerprint)
        for own in replicas
    ]  # fmt: skip
    first = first_state(task, settings)
    states = [
        run_state.resume(first(own.seed))
        for run_state, own in zip(run_states, replicas, strict=True)
    ]
    parallel_update = parallel.parallel_update(
        partial(make_vmapped_update, task, settings),
        parallel.layout_of(settings),
        shared=task.shared,
        replicas=len(replicas),
    )
    rates = np.array([own.settings["learning_rate"] for own in replicas], np.float32)
    pick = jax.jit(lambda state, k: jax.tree.map(lambda leaf: leaf[k], state))

    def member(state, k: int) -> TrainState:
        return parallel_update.fetch(pick(state, k))

    state = train_loop(
        run_states,
        parallel_update.place(stack_states(states)),
        update=lambda state, batch, going: parallel_update.update(
            state, batch, rates, going
        ),
        batch=lambda step: stack_batches([own.task.batches for own in replicas], step),
        member=member,
    )
    outcomes: list[Trained | Exception] = []
    for k, run_state in enumerate(run_states):
        try:
            outcomes.append(run_state.best(member(state, k)))
        except (ArithmeticError, RuntimeError) as error:
            outcomes.append(error)
    return outcomes


def make_vmapped_update(
    task: Task, settings: Mapping[str, Any], axis_name: str | None = None
) -> Callable[..., Any]:
    """update(state, batch, rate, going) -> (state, Sums), all with a leading axis K.

    A replica that does not go keeps its state. It is selected and not multiplied, so
    that numbers which are not finite stay where they are.
    """
    alone = make_update(task, settings, axis_name)

    def update(state: TrainState, batch, rate, going):
        after, sums = alone(state, batch, rate)
        kept = jax.tree.map(
            lambda new, old: jnp.where(going, new, old),
            after._replace(rng=()),  # which never changes
            state._replace(rng=()),
        )
        return kept._replace(rng=state.rng), sums

    return jax.vmap(update)


stack_states = jax.jit(
    lambda states: jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
)


def stack_batches(batches: Sequence[Any], step: int):
    """The batches that the replicas see at a step, as one with a leading axis K."""
    own = [one.at(step) for one in batches]
    shapes = [[part.shape for part in batch] for batch in own]
    for k, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"at step {step} replica {k} has a batch of shapes {shape}, replica 0 "
                f"of {shapes[0]}; the shapes of an epoch must be the same for all seeds"
            )
    return jax.tree.map(lambda *parts: np.stack(parts), *own)
