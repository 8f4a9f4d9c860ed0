"""Signals that wait until something is done: a checkpoint is whole or not begun."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_signals() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP wait for the end of a block.

    The first one that came is raised then, as if it came just now. Signals that are
    ignored stay ignored; other threads than the main one, which never gets them, go
    through the block as usual.

    Yields:
      Nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in NUMBERS}
    held = {n: each for n, each in before.items() if each not in (signal.SIG_IGN, None)}
    for number in held:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
