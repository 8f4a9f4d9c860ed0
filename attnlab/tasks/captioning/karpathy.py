"""Your own pictures: a folder, or given features, with a Karpathy-style JSON file.

    {"images": [{"filename", "filepath", "split",
                 "sentences": [{"tokens"} or {"raw"}]}]}

as `dataset_flickr8k.json`. Splits are train, restval (trained on, too), val and test;
"filepath", which may be absent, is a folder between the folder of pictures and the
file.
"""

import json as jsons
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from attnlab.tasks.captioning.batches import Captioned, Pictures
from attnlab.tasks.captioning.images import read_picture, words_of

SPLITS = {"train": "train", "restval": "train", "val": "dev", "test": "test"}


def folder(
    json: str | None = None,
    images: str | None = None,
    features: str | None = None,
    size: Annotated[int, Field(ge=8)] = 64,
) -> Pictures:
    """Your own pictures, with captions and splits in a Karpathy-style JSON file.

    Args:
      json: the JSON file of captions and splits.
      images: the folder of pictures; with features they are only for figures.
      features: .npy [N, rows, columns, C], in the order of the JSON file, or .npz with
        an array [rows, columns, C] (or [cells, C] of a square) under each file name.
        Those of Xu et al. 2015 are 14 x 14 x 512.
      size: pixels a side of each picture: its shorter side is scaled to as many, and
        its middle is kept.

    Returns:
      The pictures, [size, size, 3], or their features.

    Raises:
      ValueError: for a picture without a caption, a caption without a picture,
        features of different shapes and files that cannot be read; it is named.
    """
    if json is None or (images is None and features is None):
        raise ValueError(
            "data.folder needs json, the captions, and images or features; "
            f"got json {json}, images {images}, features {features}"
        )
    records = _read_records(Path(json))
    grids = None if features is None else _features(Path(features), records)
    splits: dict[str, list[Captioned]] = {"train": [], "dev": [], "test": []}
    for number, record in enumerate(records):
        # With features a picture is for figures alone, so that it may be absent.
        picture = None
        if images is not None:
            path = Path(images) / record.filepath / record.filename
            if path.is_file():
                picture = read_picture(path.read_bytes(), size, str(path))
            elif grids is None:
                raise ValueError(
                    f"{json} has captions of {record.filename}, but {path} is absent"
                )
        grid = None if grids is None else grids[number]
        item = Captioned(record.filename, record.captions, picture, grid)
        splits[SPLITS[record.split]].append(item)
    about = f"{len(records)} pictures of {json}."
    return Pictures("folder", about=about, **splits)


class _Record(NamedTuple):
    """A picture of the JSON file."""

    filename: str
    filepath: str
    split: str
    captions: tuple[tuple[str, ...], ...]


def _read_records(path: Path) -> list[_Record]:
    """The pictures of a JSON file, all of them checked."""
    try:
        images = jsons.loads(path.read_text(encoding="utf-8"))["images"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'{path} is no JSON file with "images": {error}') from None
    if not isinstance(images, list):
        raise ValueError(f'{path} has "images" that are no list')
    return [_record(path, number, image) for number, image in enumerate(images)]


def _record(path: Path, number: int, image: object) -> _Record:
    """An entry of the file, which errors call by its number, from 0, and its name."""
    where = f"{path}: image {number}"
    if not isinstance(image, dict):
        raise ValueError(f"{where} is {_short(image)}, not an object")
    name, place = image.get("filename"), image.get("filepath", "")
    if not (isinstance(name, str) and _is_file_name(name)):
        raise ValueError(f"{where} has no filename, but {_short(name)}")
    where = f"{where} ({name})"
    if not (isinstance(place, str) and "\0" not in place):
        raise ValueError(f"{where} has the filepath {_short(place)}")
    split, sentences = image.get("split"), image.get("sentences", [])
    if not (isinstance(split, str) and split in SPLITS):
        choices = ", ".join(SPLITS)
        raise ValueError(f"{where} has the split {_short(split)}, not {choices}")
    if not isinstance(sentences, list):
        raise ValueError(f"{where} has sentences {_short(sentences)}, not a list")
    captions = tuple(filter(None, (_caption(where, one) for one in sentences)))
    if not captions:
        raise ValueError(f"{where} has no caption")
    return _Record(name, place, split, captions)


def _is_file_name(name: str) -> bool:
    try:
        return bool(name) and b"\0" not in name.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _caption(where: str, sentence: object) -> tuple[str, ...]:
    if isinstance(sentence, dict):
        tokens, raw = sentence.get("tokens"), sentence.get("raw")
        if isinstance(tokens, list) and all(isinstance(t, str) for t in tokens):
            return tuple(tokens)
        if tokens is None and isinstance(raw, str):
            return words_of(raw)
    raise ValueError(
        f'{where} has a sentence {_short(sentence)}, not {{"tokens": ["a", ...]}} or '
        '{"raw": "a ..."}'
    )


def _short(value: object) -> str:
    """A value for a line, cut where it is long."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# What NumPy lets through of a file that was cut short.
DAMAGED = (OSError, EOFError, zipfile.BadZipFile, zlib.error)


def _features(path: Path, records: Sequence[_Record]) -> list[np.ndarray]:
    """Features [rows, columns, C] of each picture, all of one shape."""
    if path.suffix not in (".npy", ".npz") or not path.is_file():
        raise ValueError(f"{path} is no .npy or .npz file of features")
    names = [record.filename for record in records]
    try:
        # Mapped, not read: the paper's features of Flickr8k take 3.2 GB.
        if path.suffix == ".npy":
            arrays = np.load(path, mmap_mode="r", allow_pickle=False)
        else:  # opened here: np.load leaves a file open that is not a zip archive
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                arrays = [arrays[name] if name in arrays else None for name in names]
    except (ValueError, *DAMAGED) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if len(arrays) != len(names):
        raise ValueError(
            f"{path} has features of {len(arrays)} pictures, and there are {len(names)}"
        )
    grids = []
    for name, array in zip(names, arrays, strict=True):
        if array is None:
            raise ValueError(f"{path} has no features of {name}")
        grids.append(_grid(array, path, name))
    for name, grid in zip(names, grids, strict=True):
        if grid.shape != grids[0].shape:
            raise ValueError(
                f"{path}: features of {name} have shape {grid.shape}, those of "
                f"{names[0]} {grids[0].shape}"
            )
    return grids


def _grid(array: np.ndarray, path: Path, name: str) -> np.ndarray:
    """[rows, columns, C]; cells in a row are taken for those of a square."""
    if array.ndim == 2 and int(len(array) ** 0.5) ** 2 == len(array):
        side = int(len(array) ** 0.5)
        array = array.reshape(side, side, -1)
    if array.ndim != 3 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"{path}: features of {name} are {array.dtype} of shape {array.shape}, "
            "not real [rows, columns, C]"
        )
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(np.argwhere(~finite)[0].tolist())
        number = array[place]
        raise ValueError(f"{path}: features of {name} are {number} at {list(place)}")
    return array
