"""Attention matrices of test sentences beside the links that people gave them."""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from attnlab.runs.files import ALIGNMENTS, read_arrays, write_arrays

Links = frozenset[tuple[int, int]]
# Source and target words, sure and possible links of a sentence.
Words = tuple[tuple[str, ...], tuple[str, ...], Links, Links]
T = TypeVar("T")
STEPS: dict[str, type] = {"centres": np.float32, "samples": np.int32}  # a target word


class AlignedSentence(NamedTuple):
    """A sentence pair with the attention a model gave it and the links people gave it.

    source: S words. target: the T words that the rows belong to: the reference where
    the model was forced to say it, else its own translation. weights: [T, S], without
    rows and columns for the end of sentence. sure and possible: links (t, s) from 0;
    possible ones include the sure ones; both are empty without gold. centres: [T], of
    local windows, the p_t, real and in [0, S], the first word being 0. samples: [T], of
    hard reads, positions drawn once by the weights, -1 where none of these words was.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: np.ndarray
    sure: Links = frozenset()
    possible: Links = frozenset()
    centres: np.ndarray | None = None
    samples: np.ndarray | None = None


class FlatAlignments(NamedTuple):
    """The sentences of a test set, their weights [T, S] flat, one after the other.

    words: of each sentence. weights: of all sentences.
    """

    words: tuple[Words, ...]
    weights: np.ndarray


def write_alignments(
    folder: str | os.PathLike, sets: Mapping[str, Sequence[AlignedSentence]]
) -> None:
    """Write alignments.npz atomically.

    A set becomes two arrays: all weights in a row as float32, and the words and links
    as JSON text; and one each of the centres and samples, where every sentence has
    them. The file needs no pickle, and equal content gives equal bytes.

    Args:
      folder: the run's.
      sets: the sentences of each test set, by its name.

    Raises:
      ValueError: for weights, links, centres or samples that do not fit the words.
    """
    arrays = {}
    for name, sentences in sets.items():
        weights = [_checked(name, place, pair) for place, pair in enumerate(sentences)]
        words = [
            {
                "source": list(pair.source),
                "target": list(pair.target),
                "sure": sorted((int(t), int(s)) for t, s in pair.sure),
                "possible": sorted((int(t), int(s)) for t, s in pair.possible),
            }
            for pair in sentences
        ]
        # Sentences differ in length, and ragged arrays would need pickle.
        flat = [matrix.reshape(-1) for matrix in weights]
        text = json.dumps(words, ensure_ascii=False).encode()
        arrays[f"{name}/weights"] = np.concatenate(flat or [np.zeros(0, np.float32)])
        arrays[f"{name}/sentences"] = np.frombuffer(text, np.uint8)
        for what, kind in STEPS.items():
            steps = _steps(name, what, sentences)
            if steps:
                arrays[f"{name}/{what}"] = np.concatenate(steps).astype(kind)
    write_arrays(Path(folder) / ALIGNMENTS, arrays)


def _checked(name: str, place: int, pair: AlignedSentence) -> np.ndarray:
    """The weights [T, S] as float32, after a look at shape and links."""
    weights = np.asarray(pair.weights, dtype=np.float32)
    shape = (len(pair.target), len(pair.source))
    if weights.shape != shape:
        raise ValueError(
            f"sentence {place} of {name!r}: weights have shape {weights.shape}, "
            f"its words ask for {shape}"
        )
    for t, s in pair.sure | pair.possible:
        if not (0 <= t < shape[0] and 0 <= s < shape[1]):
            raise ValueError(
                f"sentence {place} of {name!r}: link {(t, s)} is outside {shape}"
            )
    return weights


def _steps(
    name: str, what: str, sentences: Sequence[AlignedSentence]
) -> list[np.ndarray]:
    """The centres or samples of all sentences, [] where they have none."""
    arrays = [getattr(pair, what) for pair in sentences]
    if all(steps is None for steps in arrays):
        return []
    for place, (steps, pair) in enumerate(zip(arrays, sentences, strict=True)):
        # A set where only some sentences have them is refused, too: None is no shape.
        wanted, shape = (len(pair.target),), None if steps is None else np.shape(steps)
        if shape != wanted:
            raise ValueError(
                f"sentence {place} of {name!r}: {what} have shape {shape}, its words "
                f"ask for {wanted}"
            )
    return arrays


def read_alignments(folder: str | os.PathLike) -> dict[str, list[AlignedSentence]]:
    """Read alignments.npz.

    Args:
      folder: the run's.

    Returns:
      What `write_alignments` wrote.

    Raises:
      FileNotFoundError: where there is none.
      ValueError: for a damaged file.
    """
    return _each_set(folder, _sentences)


def read_flat_alignments(folder: str | os.PathLike) -> dict[str, FlatAlignments]:
    """Read alignments.npz, for what counts all sentences at once.

    Args:
      folder: the run's.

    Returns:
      The sentences of each test set; without centres and samples.

    Raises:
      FileNotFoundError: where there is none.
      ValueError: for a damaged file.
    """
    return _each_set(folder, lambda flat, steps: flat)


def _each_set(
    folder: str | os.PathLike,
    make: Callable[[FlatAlignments, Mapping[str, np.ndarray | None]], T],
) -> dict[str, T]:
    path = Path(folder) / ALIGNMENTS
    arrays = read_arrays(path)
    try:
        ending = "/weights"
        names = [key.removesuffix(ending) for key in arrays if key.endswith(ending)]
        return {
            name: make(
                _flat(arrays[f"{name}/weights"], arrays[f"{name}/sentences"]),
                {what: arrays.get(f"{name}/{what}") for what in STEPS},
            )
            for name in names
        }
    except Exception as error:  # the JSON inside, or what it says
        raise ValueError(f"{path} cannot be read: {error}") from error


def _flat(weights: np.ndarray, text: np.ndarray) -> FlatAlignments:
    words, cells = _words(text.tobytes())
    if weights.dtype.kind != "f" or not np.isfinite(weights).all():
        raise ValueError("an attention weight is no finite number")
    if cells != weights.size:
        raise ValueError(f"{weights.size} weights for {cells} pairs of words")
    return FlatAlignments(words, weights)


def _sentences(
    aligned: FlatAlignments, steps: Mapping[str, np.ndarray | None]
) -> list[AlignedSentence]:
    words, flat = aligned
    shapes = [(len(target), len(source)) for source, target, _, _ in words]
    # Each [T, S] matrix lies flat behind the one before it.
    ends = np.cumsum([0] + [rows * columns for rows, columns in shapes]).tolist()
    # A number a target word.
    rows_ends = np.cumsum([0] + [rows for rows, _ in shapes]).tolist()
    for what, some in steps.items():
        if some is not None and some.size != rows_ends[-1]:
            raise ValueError(f"{some.size} {what} for {rows_ends[-1]} target words")

    def of(what: str, start: int, rows: int) -> np.ndarray | None:
        some = steps[what]
        return None if some is None else some[start : start + rows]

    return [
        AlignedSentence(
            source,
            target,
            flat[start : start + rows * columns].reshape(rows, columns),
            sure,
            possible,
            of("centres", first, rows),
            of("samples", first, rows),
        )
        for (source, target, sure, possible), (rows, columns), start, first in zip(
            words, shapes, ends[:-1], rows_ends[:-1], strict=True
        )
    ]


@functools.lru_cache(maxsize=8)  # the runs of a sweep have the same test sets
def _words(text: bytes) -> tuple[tuple[Words, ...], int]:
    """The words of all sentences, and how many weights they have."""
    words = tuple(
        (
            tuple(pair["source"]),
            tuple(pair["target"]),
            frozenset((t, s) for t, s in pair["sure"]),
            frozenset((t, s) for t, s in pair["possible"]),
        )
        for pair in json.loads(text)
    )
    for number, (source, target, sure, possible) in enumerate(words):
        try:
            "".join([*source, *target]).encode()
        except (TypeError, UnicodeEncodeError):
            raise ValueError(f"a word of sentence {number} is no text") from None
        sizes = len(target), len(source)
        for link in sure | possible:
            if not all(
                isinstance(place, int) and 0 <= place < size
                for place, size in zip(link, sizes, strict=True)
            ):
                raise ValueError(
                    f"sentence {number} has a link {link} beside its words"
                )
    return words, sum(len(source) * len(target) for source, target, _, _ in words)
