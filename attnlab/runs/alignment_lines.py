"""The alignments of a run as lines of JSON, which other programs read."""

import json
import os
from collections.abc import Iterator

import numpy as np

from attnlab.runs.alignments import AlignedSentence, read_alignments


def alignment_lines(
    folder: str | os.PathLike[str], name: str | None = None
) -> Iterator[str]:
    """A JSON object for each sentence of alignments.npz.

    `set` is the name of its test set, `source` its S words, `target` its T words and
    `weights` [T, S]: row t has the weights over the source words. `sure` and `possible`
    are gold links [source, target] from 0, as in Pharaoh's format; possible ones
    include the sure ones. `centres` [T] (of local windows) and `samples` [T] (of hard
    reads) are there where the run has them. A number is the shortest that is the same
    in float32.

    Args:
      folder: the run's.
      name: of a test set; None: all of them.

    Returns:
      An iterator over lines, each without its end.

    Raises:
      FileNotFoundError: where the run has no alignments.
      ValueError: for a damaged file, and a set that there is not.
    """
    sets = read_alignments(folder)
    if name is not None:
        if name not in sets:
            raise ValueError(f"unknown set {name!r}; choose {', '.join(sets)}")
        sets = {name: sets[name]}
    return (_line(each, pair) for each, pairs in sets.items() for pair in pairs)


def _line(name: str, pair: AlignedSentence) -> str:
    record: dict[str, object] = {
        "set": name,
        "source": pair.source,
        "target": pair.target,
        "weights": [_numbers(row) for row in pair.weights],
        "sure": sorted((s, t) for t, s in pair.sure),
        "possible": sorted((s, t) for t, s in pair.possible),
    }
    if pair.centres is not None:
        record["centres"] = _numbers(pair.centres)
    if pair.samples is not None:
        record["samples"] = pair.samples.tolist()
    return json.dumps(record, ensure_ascii=False)


def _numbers(row: np.ndarray) -> list[float]:
    # As float64 each would have nine digits more, which say nothing.
    return [float(str(number)) for number in row.astype(np.float32)]
