"""Scores of each test example, as counts that add up: tallies.npz and losses.tsv.

Reports pool them over seeds and resample them in their tests of significance.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from attnlab.runs.files import (
    EXAMPLE_COUNTS,
    LOSSES,
    read_arrays,
    read_lines,
    write_arrays,
    write_lines,
)


class ExampleCounts(NamedTuple):
    """Scores of N test examples, as counts.

    examples: the name of each, which no other example has. counts: by score, [N, 2]:
    the score is the sum of the first column over the sum of the second, over all
    examples or any sample of them. An example that a score does not apply to is 0, 0.
    """

    examples: list[str]
    counts: dict[str, np.ndarray]


def unique_id(name: str, *content: str | bytes) -> str:
    """A name for a test example that no other content shares.

    Tests of significance take examples of one name for the same.

    Args:
      name: for people to read.
      content: of the example, all its parts.

    Returns:
      The name with 12 hexadecimal digits of the content's hash.
    """
    digest = hashlib.sha256()
    for part in content:
        part = part.encode() if isinstance(part, str) else part
        # Lengths first: "ab", "c" and "a", "bc" must not have one digest.
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"{name} {digest.hexdigest()[:12]}"


def write_example_counts(
    folder: str | os.PathLike, examples: Sequence[str], counts: Mapping[str, ArrayLike]
) -> None:
    """Write tallies.npz atomically.

    Args:
      folder: the run's.
      examples: the name of each, N of them.
      counts: [N, 2] by score, see `ExampleCounts`.

    Raises:
      ValueError: for counts of another shape.
    """
    # As bytes: a NumPy array of strings would pad each to the longest.
    names = np.frombuffer("\n".join(examples).encode(), np.uint8)
    arrays: dict[str, np.ndarray] = {"examples": names}
    for name, values in counts.items():
        pairs = np.asarray(values, np.float64)
        if pairs.shape != (len(examples), 2):
            raise ValueError(
                f"tallies of {name!r} have shape {pairs.shape}, must be "
                f"{(len(examples), 2)}"
            )
        arrays[f"counts/{name}"] = pairs
    write_arrays(Path(folder) / EXAMPLE_COUNTS, arrays)


def read_example_counts(folder: str | os.PathLike) -> ExampleCounts:
    """Read tallies.npz.

    Args:
      folder: the run's.

    Returns:
      What `write_example_counts` wrote.

    Raises:
      ValueError: for a damaged file.
    """
    path = Path(folder) / EXAMPLE_COUNTS
    arrays = read_arrays(path)
    try:
        text = arrays.pop("examples").tobytes().decode()
        examples = text.split("\n") if text else []
        counts = {key.removeprefix("counts/"): a for key, a in arrays.items()}
        for name, pairs in counts.items():
            if pairs.shape != (len(examples), 2) or not np.isfinite(pairs).all():
                raise ValueError(f"{name} does not fit {len(examples)} examples")
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return ExampleCounts(examples, counts)


def write_losses(
    folder: str | os.PathLike, nats: Iterable[float], units: Iterable[int]
) -> None:
    """Write losses.tsv, the forced losses of the test sentences, atomically.

    Args:
      folder: the run's.
      nats: [N], which come back as the numbers they were.
      units: [N], the predicted units of each sentence.
    """
    lines = [
        # repr gives the shortest text that reads back as the same float.
        f"{float(loss)!r}\t{int(count)}"
        for loss, count in zip(nats, units, strict=True)
    ]
    write_lines(Path(folder) / LOSSES, lines)


def read_losses(folder: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Read losses.tsv.

    Args:
      folder: the run's.

    Returns:
      Nats [N] and units [N], as `write_losses` had them.

    Raises:
      ValueError: for a damaged file.
    """
    path = Path(folder) / LOSSES
    lines = read_lines(path)
    try:
        pairs = [line.split("\t") for line in lines]
        nats = np.array([float(loss) for loss, _ in pairs])
        return nats, np.array([int(count) for _, count in pairs], np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} is damaged: {str(error)[:200]}") from None
