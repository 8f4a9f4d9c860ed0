"""Resident memory of this process, now and at its peak; Linux only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def _bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {name}")


def resident() -> int:
    """Bytes in memory now."""
    return _bytes("VmRSS")


def peak_of(work: Callable[[], Any]) -> int:
    """Most bytes in memory at any time while `work` runs."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets VmHWM
    work()
    return _bytes("VmHWM")
