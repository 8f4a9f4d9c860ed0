"""environment.json: commit, versions and device of a run."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "sacrebleu")


def environment() -> dict[str, object]:
    """Where a run takes place.

    Returns:
      commit of the source tree, Python's version, those of PACKAGES, platform, device
      (kind and count), and the cores that this process may use.
    """
    # Imported late: it takes seconds, and `--help` needs none of it.
    import jax

    device = jax.devices()[0]
    return {
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "device": {"kind": device.device_kind, "count": jax.device_count()},
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")  # Linux
        else os.cpu_count(),
    }


def _commit() -> str | None:
    """Commit of the source tree, "+" appended if it has changes; None outside git."""

    def git(*words: str) -> str | None:
        folder = Path(__file__).parent
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        commit = git("rev-parse", "HEAD")
        # -uno: files that git does not track (run folders) are no change of the code.
        return commit and commit + ("+" if git("status", "--porcelain", "-uno") else "")
    except FileNotFoundError:  # no git on this machine
        return None
