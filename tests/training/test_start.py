"""How a process starts: what it keeps from one update to the next."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from attnlab.training.start import prepare_process

if sys.argv[1] == "prepared":
    prepare_process()


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


for size in (1 << 20, 1 << 24):  # a first touch of each size
    np.ones(size)
before = faults()
for _ in range(10):
    np.ones(1 << 24)  # 128 MiB, freed at once
print(faults() - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"GLIBC_TUNABLES": ""},
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no glibc")
def test_freed_buffers_are_used_again():
    # A page has 4 KiB, or 2 MiB: 640 faults at the least where all are new.
    assert faults("prepared") < 100 < faults("not prepared")
