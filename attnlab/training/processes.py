"""Several processes that train one run together, joined by `jax.distributed`.

The first process leads. It alone reads and writes the run folder, evaluates and
decides; the others compute their rows of every batch, and between updates wait for its
messages. A run in one process leads itself, and none of this changes it.
"""

import itertools
import json
import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

PATIENCE = 7 * 24 * 3600 * 1000  # milliseconds; JAX ends those whose leader has died
AUTO = "auto"
_numbers = itertools.count()  # of messages and barriers, the same on all processes
Value = TypeVar("Value")


class LeaderFailed(RuntimeError):
    """On the other processes: the first one failed, and how."""


class _Client(Protocol):
    """What is used here of JAX's client of the coordination service."""

    def blocking_key_value_get(self, key: str, milliseconds: int) -> str: ...
    def key_value_set(self, key: str, value: str) -> None: ...
    def wait_at_barrier(self, name: str, milliseconds: int) -> None: ...


def connect(coordinator: str, processes: int = 0, process: int = -1) -> None:
    """Join the processes that train together. Call it before JAX is used.

    Args:
      coordinator: host:port of the first process, where a port is free; or "auto",
        where Slurm or another cluster tells all three.
      processes: how many train together.
      process: which of them this is, from 0.

    Raises:
      ValueError: for numbers that do not go together.
    """
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it ignores SIGTERM
    if coordinator == AUTO:
        jax.distributed.initialize()
        return
    if processes < 1:
        raise ValueError(f"--processes is {processes}; how many train together?")
    if not 0 <= process < processes:
        raise ValueError(
            f"--process is {process}; with --processes={processes} choose 0 to "
            f"{processes - 1}, another one for each"
        )
    jax.distributed.initialize(coordinator, processes, process)


def count() -> int:
    """How many processes train together.

    Returns:
      Their number, at least 1. JAX is not started by the question.
    """
    if "jax" not in sys.modules:  # nobody has connected; it takes a second to import
        return 1
    import jax

    return jax.process_count() if jax.distributed.is_initialized() else 1


def leading() -> bool:
    """Whether this is the first process, or the only one.

    Returns:
      True for a process that reads and writes the run folder.
    """
    if count() == 1:
        return True
    import jax

    return jax.process_index() == 0


def lead(
    work: Callable[[], Value], tell: Callable[[Value], object] = lambda value: None
) -> Any:
    """Do work on the first process, and send the others what came of it.

    They wait for it without computing. All processes must come here in the same order.

    Args:
      work: what is done on the first process only.
      tell: makes of its value what the others get, which JSON must be able to hold.

    Returns:
      work() on the first process; tell(work()), as JSON gives it back, on the others.

    Raises:
      LeaderFailed: on the others, where work() raises anything.
    """
    if count() == 1:
        return work()
    name = f"attnlab/{next(_numbers)}"
    if not leading():
        message = json.loads(_client().blocking_key_value_get(name, PATIENCE))
        if "error" in message:
            raise LeaderFailed(f"the first process failed: {message['error']}")
        return message["value"]
    try:
        value = work()
        message = {"value": tell(value)}
    except BaseException as error:
        # BaseException: at Ctrl-C, too, or the others would wait for ever.
        message = {"error": f"{type(error).__name__}: {error}"}
        raise
    finally:
        # In `finally`, so that the others hear of an error as well.
        _client().key_value_set(name, json.dumps(message, default=_plain))
    return value


def in_turn(work: Callable[[], Value]) -> Value:
    """Do work on the first process, then on the others, which read what it wrote.

    Args:
      work: what every process does.

    Returns:
      work() of this process.
    """
    value = lead(work)
    return value if leading() else work()


def meet() -> None:
    """Wait until all processes are here.

    To be called before the first collective: its connections give up after 30 s.
    """
    if count() > 1:
        _client().wait_at_barrier(f"attnlab/{next(_numbers)}", PATIENCE)


def _plain(value: np.ndarray) -> object:
    """An array, or a number, of NumPy or JAX as JSON has it."""
    return value.tolist()


def _client() -> _Client:
    """The channel beside the devices, by which the processes found each other.

    JAX has no public name for it (Orbax takes it from here, too). Its public
    broadcasts are collectives, which time out while the first process evaluates.
    """
    # Imported late, as everything of JAX in this file.
    from jax._src import distributed

    client = distributed.global_state.client
    assert client is not None  # `connect` has been called: there are several processes
    return client
