"""Several runs as replicas: one program, with the runs as its leading axis K.

They may differ in what is an array to the program (seed, learning rate) or is decided
outside it (patience). Each ends as it would have ended alone.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.compilation import jit
from attnlab.nn.losses import Sums
from attnlab.settings import TaskSettings, TrainSettings
from attnlab.task import Task
from attnlab.training import parallel
from attnlab.training.loop import first_state, make_update, train_loop
from attnlab.training.run_state import RunState, Trained
from attnlab.training.stages import shapes_of
from attnlab.training.step import Pytree, TrainState, Update
from attnlab.training.writers import Writer

# What replicas of one program may differ in: settings of a run, and those of `train`.
FREE = ("wandb", "tensorboard", "seed")
FREE_OF_TRAINING = ("learning_rate", "patience", "stop_on")


class Replica(NamedTuple):
    """A run to be trained beside others.

    The fields are the arguments of `attnlab.training.loop.train`.
    """

    task: Task
    settings: TrainSettings
    folder: Path
    seed: int
    writer: Writer
    fingerprint: str | None = None
    begins_at: int = 0


def shared(settings: TaskSettings) -> dict[str, object]:
    """The settings of a run that all replicas of a program have alike.

    Args:
      settings: all settings of the run.

    Returns:
      The others as nested dicts.
    """
    free = {*FREE} | {"train"}
    train = settings.train.model_dump(mode="json", exclude={*FREE_OF_TRAINING})
    return {**settings.model_dump(mode="json", exclude=free), "train": train}


def check_alike(settings: Sequence[TaskSettings]) -> None:
    """Refuse runs that cannot be replicas of one program.

    Args:
      settings: of each run.

    Raises:
      ValueError: naming the section, or the setting, in which they differ.
    """
    first = shared(settings[0])
    for run in settings[1:]:
        for name, value in shared(run).items():
            if value != first.get(name):
                raise ValueError(
                    f"runs that differ in {name!r} cannot be replicas of one program; "
                    f"they may in {', '.join((*FREE, *FREE_OF_TRAINING))}"
                )


def train_together(replicas: Sequence[Replica]) -> list[Trained | Exception]:
    """Train runs of one shared configuration, each from its newest checkpoint.

    Replica k ends as `train` would end it alone, to rounding: its files are the same, a
    loss of its own that is not finite ends it alone, and so does its own patience.

    Args:
      replicas: the runs. Their updates are those of the first one's task.

    Returns:
      What training came to for each, or the error that ended it.
    """
    task, settings = replicas[0].task, replicas[0].settings
    run_states = [
        RunState(
            replica.task,
            replica.settings,
            replica.folder,
            writer=replica.writer,
            fingerprint=replica.fingerprint,
            begins_at=replica.begins_at,
        )
        for replica in replicas
    ]
    first = first_state(task, settings)
    states = [
        run_state.resume(first(replica.seed))
        for run_state, replica in zip(run_states, replicas, strict=True)
    ]
    parallel_update = parallel.parallel_update(
        partial(make_vmapped_update, task, settings),
        parallel.layout_of(settings),
        shared=task.shared,
        replicas=len(replicas),
    )
    rates = np.array([run.settings.learning_rate for run in replicas], np.float32)
    batches = [replica.task.batches for replica in replicas]
    # k is traced: one program takes out any replica.
    pick = jit(lambda state, k: jax.tree.map(lambda leaf: leaf[k], state))

    def member(state: TrainState, k: int) -> TrainState:
        return parallel_update.fetch(pick(state, k))

    state = train_loop(
        run_states,
        parallel_update.place(stack_states(states)),
        update=lambda state, batch, going: parallel_update.update(
            state, batch, rates, going
        ),
        batch=partial(stack_batches, batches),
        member=member,
        shapes=shapes_of(task.batches),
    )
    outcomes: list[Trained | Exception] = []
    for k, run_state in enumerate(run_states):
        try:
            trained = run_state.best(member(state, k))
            assert trained is not None  # replicas are of one process
            outcomes.append(trained)
        # A loss that is not finite, or damaged checkpoints, end this one alone.
        except (ArithmeticError, RuntimeError) as error:
            outcomes.append(error)
    return outcomes


def make_vmapped_update(
    task: Task, settings: TrainSettings, axis_name: str | None = None
) -> Update:
    """One update of K replicas, as a function to be compiled.

    Args:
      task: what is learned.
      settings: how; their learning rate is not used.
      axis_name: of the devices that share a batch's rows, see `train_step`.

    Returns:
      update(state, batch, rate, going) -> (state, Sums), all with a leading axis K. A
      replica that does not go keeps its state.
    """
    single = make_update(task, settings, axis_name)

    def update(
        state: TrainState, batch: Pytree, rate: jax.Array, going: jax.Array
    ) -> tuple[TrainState, Sums]:
        after, sums = single(state, batch, rate)
        # Selected and not multiplied: numbers that are not finite stay where they are.
        selected = jax.tree.map(
            lambda new, old: jnp.where(going, new, old),
            after._replace(rng=()),  # which never changes, and `where` takes no keys
            state._replace(rng=()),
        )
        return selected._replace(rng=state.rng), sums

    return jax.vmap(update)  # state, batch, rate and going have K in front


stack_states = jax.jit(
    lambda states: jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
)


def stack_batches(batches: Sequence[Pytree], step: int) -> Pytree:
    """The batches that the replicas see at a step, as one.

    Args:
      batches: the `Task.batches` of each replica.
      step: counted from 0.

    Returns:
      A batch whose arrays have a leading axis K.

    Raises:
      ValueError: where the shapes differ.
    """
    rows = [stream.at(step) for stream in batches]
    shapes = [[part.shape for part in batch] for batch in rows]
    for k, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"at step {step} replica {k} has a batch of shapes {shape}, replica 0 "
                f"of {shapes[0]}; the shapes of an epoch must be the same for all seeds"
            )
    return jax.tree.map(lambda *parts: np.stack(parts), *rows)
