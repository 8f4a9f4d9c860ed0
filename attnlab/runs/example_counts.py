"""What a run did with each test example, as counts that add up.

Reports pool them over seeds and resample them: that is what significance rests on.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attnlab.runs.files import (
    EXAMPLE_COUNTS,
    LOSSES,
    read_arrays,
    read_lines,
    write_arrays,
    write_lines,
)


class ExampleCounts(NamedTuple):
    """examples [N]: the name of each test example, whatever tells it from others.

    counts {score: [N, 2]}: score = sum of the first column / sum of the second, over
    all examples or any sample of them. An example that a score says nothing of is 0, 0.
    """

    examples: list[str]
    counts: dict[str, np.ndarray]


def unique_id(name: str, *content: str | bytes) -> str:
    """A name for a test example that no other content shares: tests of significance
    take examples of one name for the same."""
    digest = hashlib.sha256()
    for part in content:
        part = part.encode() if isinstance(part, str) else part
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"{name} {digest.hexdigest()[:12]}"


def write_example_counts(
    folder: str | os.PathLike, examples: Sequence[str], counts: Mapping[str, Any]
) -> None:
    """Write tallies.npz atomically; see `ExampleCounts`."""
    names = np.frombuffer("\n".join(examples).encode(), np.uint8)
    arrays: dict[str, np.ndarray] = {"examples": names}
    for name, given in counts.items():
        pairs = np.asarray(given, np.float64)
        if pairs.shape != (len(examples), 2):
            raise ValueError(
                f"tallies of {name!r} have shape {pairs.shape}, must be "
                f"{(len(examples), 2)}"
            )
        arrays[f"counts/{name}"] = pairs
    write_arrays(Path(folder) / EXAMPLE_COUNTS, arrays)


def read_example_counts(folder: str | os.PathLike) -> ExampleCounts:
    """What `write_example_counts` wrote; a ValueError names a damaged file."""
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


def write_losses(folder: str | os.PathLike, nats: Any, units: Any) -> None:
    """Write the forced losses of the test sentences: nats and predicted units of each.

    As losses.tsv, atomically; the nats come back as the numbers they were.
    """
    lines = [
        f"{float(loss)!r}\t{int(count)}"
        for loss, count in zip(nats, units, strict=True)
    ]
    write_lines(Path(folder) / LOSSES, lines)


def read_losses(folder: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Nats [N] and units [N] as `write_losses` had them; ValueError if damaged."""
    path = Path(folder) / LOSSES
    lines = read_lines(path)
    try:
        pairs = [line.split("\t") for line in lines]
        nats = np.array([float(loss) for loss, _ in pairs])
        return nats, np.array([int(count) for _, count in pairs], np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
