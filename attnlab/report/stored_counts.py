"""What earlier reports counted and tested, kept beside the runs: `<sweep>/.report.npz`.

Counts are kept under the sha256 of the files that they come from (in the runs' own
lists, `files.sha256`), p-values under that of the counts that were tested. So nothing
there can be out of date: what has changed is looked for under another name, and not
there. The file may be removed at any time; a damaged one is made anew. What has this
name and was written by nobody's report stays as it is, and nothing is kept.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab.runs import Run, read_arrays, read_manifest, write_arrays
from attnlab.runs.files import read_bytes

NAME = ".report.npz"
VERSION = 1  # to be raised when counts of the same files become other ones
P_VALUES = "p_values"

TESTS = "crossed 1"  # to be changed when the same counts get other p-values

Arrays = dict[str, np.ndarray]
Numbers = Sequence[Any]  # p-values of several tests, None for one not done


class StoredCounts:
    """Counts of runs and p-values of tests, by digests of what they were made from.

    What is asked for is remembered; what a report has not asked for is left out when it
    is saved.

    Attributes:
      path: of the file; None for one that is never read or written.
    """

    def __init__(self, path: Path | None = None):
        self.path = path
        self._earlier: dict[str, Arrays] = {}
        self._p_values: dict[str, Numbers] = {}
        self._asked: dict[str, Arrays] = {}
        self._tested: dict[str, Numbers] = {}
        if path is not None:
            with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
                self._read(path)

    def _read(self, path: Path) -> None:
        arrays = read_arrays(path)
        self._p_values = json.loads(arrays.pop(P_VALUES).tobytes())
        for name, array in arrays.items():
            key, _, part = name.partition("/")
            self._earlier.setdefault(key, {})[part] = array

    def counts(
        self, run: Run, kind: str, names: Sequence[str], make: Callable[[], Arrays]
    ) -> Arrays:
        """Counts of a run, made unless an earlier report made them of the same files.

        Args:
          run: a finished run.
          kind: of the counts.
          names: of the files that they come from, and of nothing else.
          make: makes them.

        Returns:
          What `make` returns, or returned.
        """
        key = _key(run, kind, names)
        arrays = self._asked.get(key) or self._earlier.get(key) or make()
        if key:  # a run from before there were lists has none, and is counted anew
            self._asked[key] = arrays
        return arrays

    def p_values(
        self,
        score: str,
        reference: np.ndarray,
        systems: Sequence[np.ndarray],
        samples: int,
        test: Callable[[list[np.ndarray]], Sequence[Numbers]],
    ) -> list[Numbers]:
        """p-values of systems against a reference, those made that are not known.

        Args:
          score: name of what is tested.
          reference: counts [seeds, N, K].
          systems: counts [seeds, N, K] of each.
          samples: that a test draws.
          test: tests some of the systems.

        Returns:
          What `test` returns of all of them.
        """
        about = f"{TESTS} {score} {samples} {_digest(reference)}"
        keys = [f"{about} {_digest(counts)}" for counts in systems]
        keys = [hashlib.sha256(key.encode()).hexdigest() for key in keys]
        known = self._p_values | self._tested
        new = {k: c for k, c in zip(keys, systems, strict=True) if k not in known}
        known |= zip(new, test(list(new.values())) if new else [], strict=True)
        self._tested |= {key: list(known[key]) for key in keys}
        return [known[key] for key in keys]

    def save(self) -> None:
        """Write what was asked for, if it is not what the file holds."""
        same = self._asked.keys() == self._earlier.keys()
        if self.path is None or (same and self._tested == self._p_values):
            return
        if not _is_own(self.path):
            return
        text = json.dumps(self._tested, sort_keys=True).encode()
        arrays = {P_VALUES: np.frombuffer(text, np.uint8)}
        for key, parts in sorted(self._asked.items()):
            arrays |= {f"{key}/{part}": array for part, array in parts.items()}
        # Somebody else's runs may be read only, and a report needs no such file.
        with contextlib.suppress(OSError):
            write_arrays(self.path, arrays)


def _is_own(path: Path) -> bool:
    """Whether a report has written a file, or there is none.

    Of a damaged one the start tells: the archive's first array is that of p-values.
    """
    if not os.path.lexists(path):
        return True
    try:
        start = read_bytes(path)[:100]
    except (FileNotFoundError, ValueError):  # a folder, a pipe, a link to nothing
        return False
    name = f"{P_VALUES}.npy".encode()
    return not start or (start[:2] == b"PK" and (len(start) < 100 or name in start))


def _key(run: Run, kind: str, names: Sequence[str]) -> str:
    """Digest of the files; "" where one of them is there and not listed."""
    try:
        listed = read_manifest(run.folder)
    except ValueError:
        return ""
    here = [name for name in names if (run.folder / name).exists()]
    if not set(here) <= set(listed):
        return ""
    text = json.dumps([VERSION, kind, [(name, listed[name]) for name in here]])
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(counts: np.ndarray) -> str:
    array = np.ascontiguousarray(counts, np.float64)
    return hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()
