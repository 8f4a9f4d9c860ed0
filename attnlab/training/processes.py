"""Several processes that train one run together, joined by `jax.distributed`.

The first process leads. It alone reads and writes the run folder, evaluates and
decides; the others compute their rows of every batch, and between updates wait for
what it says. A run in one process leads itself, and nothing here touches it.
"""

import itertools
import json
from collections.abc import Callable
from typing import Any

PATIENCE = 7 * 24 * 3600 * 1000  # milliseconds; JAX ends those whose leader has died
AUTO = "auto"
_numbers = itertools.count()  # of messages and meetings, the same on all processes


class LeaderFailed(RuntimeError):
    """What went wrong on the first process, told to the others."""


def connect(coordinator: str, processes: int = 0, process: int = -1) -> None:
    """Join the `processes` that train together, as number `process` of them.

    `coordinator` is host:port of the first one, where a port is free; or "auto", where
    Slurm or another cluster says all three. Call it before JAX is used.
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
    """How many processes train together; does not start JAX if it is one."""
    import jax

    return jax.process_count() if jax.distributed.is_initialized() else 1


def leading() -> bool:
    """Is this the first process?"""
    import jax

    return count() == 1 or jax.process_index() == 0


def lead(work: Callable[[], Any], tell: Callable[[Any], Any] = lambda value: None):
    """work() on the first process; what the others get is tell(its value), by JSON.

    They wait for it without computing. What it raises there, they raise as
    LeaderFailed. All processes must come here in the same order.
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
        message = {"error": f"{type(error).__name__}: {error}"}
        raise
    finally:
        _client().key_value_set(name, json.dumps(message, default=_plain))
    return value


def in_turn(work: Callable[[], Any]) -> Any:
    """work() on the first process, then on the others, which find what it wrote."""
    value = lead(work)
    return value if leading() else work()


def meet() -> None:
    """Wait until all processes are here.

    To be called before the first collective: its connections give up after 30 s.
    """
    if count() > 1:
        _client().wait_at_barrier(f"attnlab/{next(_numbers)}", PATIENCE)


def _plain(value: Any) -> Any:
    return value.tolist()  # NumPy's and JAX's


def _client() -> Any:
    """The channel beside the devices, by which the processes found each other.

    JAX has no public name for it (Orbax takes it from here, too). Its public
    broadcasts are collectives, which time out while the first process evaluates.
    """
    from jax._src import distributed

    return distributed.global_state.client
