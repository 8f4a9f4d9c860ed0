"""Where compiled programs are kept, so that runs of the same shapes compile them once.

JAX's persistent compilation cache, in the user's cache folder: all rows of a sweep, all
sweeps and single runs of this machine share it. JAX_COMPILATION_CACHE_DIR names another
folder. It may be deleted at any time.
"""

import hashlib
import os
import platform
from pathlib import Path

from platformdirs import user_cache_path

GIGABYTES = 4  # of programs; JAX removes those that were not used for longest


def folder() -> Path:
    """The folder of this machine's compiled programs.

    Returns:
      Its path, which need not exist. Processors that differ have different ones, as
      machine code of one may not run on the other.
    """
    return user_cache_path("attnlab") / f"programs-{_processor()}"


def _processor() -> str:
    """8 digits, the same for processors with the same instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    about = [line for line in lines if line.startswith(("model name", "flags"))][:2]
    about = about or [platform.processor()]
    names = [platform.machine(), *about]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]


def variables(place: Path) -> dict[str, str]:
    """The environment variables by which JAX keeps programs in a folder.

    Args:
      place: the folder.

    Returns:
      {name: value}.
    """
    return {
        "JAX_COMPILATION_CACHE_DIR": str(place.absolute()),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(GIGABYTES * 2**30),
        # By default JAX stores no program that compiles in less than a second.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def share_programs() -> None:
    """Keep what this process compiles, and load what others have compiled.

    To be called before JAX is imported, by programs and not by the library. Does
    nothing where the shell names a folder.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        os.environ.update(variables(folder()))
