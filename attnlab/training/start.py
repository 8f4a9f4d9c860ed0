"""How a process starts that runs models: what is set before JAX is imported."""

import gc
import os

from attnlab.training.program_cache import share_programs

# New objects until the youngest are looked through, and how many times that until older
# ones are; Python's own are 700, 10, 10.
THRESHOLDS = (20_000, 20, 50)


def prepare_process() -> None:
    """Share compiled programs, and collect garbage rarely.

    To be called by programs and not by the library. Importing and tracing make many
    objects of which few are cycles, and JAX goes through its own at every collection:
    by Python's thresholds that is a tenth of a short run. JAX_ENABLE_X64, which a shell
    may have set for other programs, is turned off: models are of 32 bits.
    """
    os.environ["JAX_ENABLE_X64"] = "0"
    share_programs()
    gc.set_threshold(*THRESHOLDS)
