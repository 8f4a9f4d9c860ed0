"""How a process that trains starts: what is set before JAX is imported."""

import gc

from attnlab.training.program_cache import share_programs

# New objects until the youngest are looked through, and how many times that until older
# ones are; Python's own are 700, 10, 10.
THRESHOLDS = (20_000, 20, 50)


def prepare_process() -> None:
    """Share compiled programs, and collect garbage rarely.

    To be called by programs and not by the library. Importing and tracing make many
    objects of which few are cycles, and JAX goes through its own at every collection:
    by Python's thresholds that is a tenth of a short run.
    """
    share_programs()
    gc.set_threshold(*THRESHOLDS)
