"""How a process starts that runs models: what is set before JAX is imported."""

import ctypes
import gc
import os

from attnlab.plugins import load_plugins
from attnlab.training.program_cache import share_programs

# New objects until the youngest are looked through, and how many times that until older
# ones are; Python's own are 700, 10, 10.
THRESHOLDS = (20_000, 20, 50)

# glibc's malloc.h: which number of `mallopt` is which, and what it is set to. Freed
# memory stays with the process up to 2 GiB, and buffers of less than 1 GiB come from
# it; all threads share it.
MALLOC = {-1: 2**31 - 1, -3: 2**30, -8: 1}  # trim and mmap thresholds, arenas


def prepare_process() -> None:
    """Share compiled programs, collect garbage rarely, keep freed memory, and load the
    plugins that ATTNLAB_PLUGINS names.

    To be called by programs and not by the library. Importing and tracing make many
    objects of which few are cycles, and JAX goes through its own at every collection:
    by Python's thresholds that is a tenth of a short run. JAX_ENABLE_X64, which a shell
    may have set for other programs, is turned off: models are of 32 bits.

    Raises:
      PluginError: for a plugin that is not there or fails.
    """
    os.environ["JAX_ENABLE_X64"] = "0"
    share_programs()
    gc.set_threshold(*THRESHOLDS)
    _keep_freed_memory()
    load_plugins()  # the last, as most of them import JAX


def _keep_freed_memory() -> None:
    """Let the next update have the memory of the last one.

    By default glibc gives large buffers back to the system when they are freed, and the
    next program's first touch of each page is a fault: of an update of tens of
    milliseconds that was a third. Where there is no glibc nothing is done.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for number, value in MALLOC.items():
        mallopt(number, value)
