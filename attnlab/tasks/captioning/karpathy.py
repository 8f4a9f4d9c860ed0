"""Your own pictures: a folder, or given features, with a Karpathy-style JSON file."""

import json as jsons
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab.tasks.captioning.batches import Captioned, Pictures
from attnlab.tasks.captioning.images import read_picture, words_of

SPLITS = {"train": "train", "restval": "train", "val": "dev", "test": "test"}


def folder(
    json: str | None = None,
    images: str | None = None,
    features: str | None = None,
    size: int = 64,
) -> Pictures:
    """Your own pictures, with captions and splits in a Karpathy-style JSON file.

    json: {"images": [{"filename", "split", "sentences": [{"tokens"} or {"raw"}]}]}, as
      `dataset_flickr8k.json`; splits train, restval (trained on, too), val and test.
      "filepath" is a folder between `images` and the file.
    images: the folder of pictures, scaled to `size` as those of `flickr8k_1k`.
    features: .npy [N, rows, columns, C], in the order of the JSON file, or .npz with an
      array [rows, columns, C] (or [cells, C] of a square) under each file name. The
      paper's are 14 x 14 x 512. With features the pictures are only for figures.

    A picture without a caption, a caption without a picture and features of another
    shape are ValueErrors that name them.
    """
    if json is None or (images is None and features is None):
        raise ValueError(
            "data.folder needs json, the captions, and images or features; "
            f"got json {json}, images {images}, features {features}"
        )
    records = _karpathy(Path(json))
    grids = None if features is None else _features(Path(features), records)
    splits: dict[str, list[Captioned]] = {"train": [], "dev": [], "test": []}
    for number, record in enumerate(records):
        name, picture = record["filename"], None
        if images is not None:
            path = Path(images) / record.get("filepath", "") / name
            if path.is_file():
                picture = read_picture(path.read_bytes(), size, str(path))
            elif grids is None:
                raise ValueError(f"{json} has captions of {name}, but {path} is absent")
        item = Captioned(
            name,
            record["captions"],
            picture,
            None if grids is None else grids(number),
        )
        splits[SPLITS[record["split"]]].append(item)
    about = f"{len(records)} pictures of {json}."
    return Pictures("folder", about=about, **splits)


def _karpathy(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON file with `captions`, all of them looked at."""
    try:
        records = jsons.loads(path.read_text(encoding="utf-8"))["images"]
        found = [dict(record) for record in records]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'{path} is no JSON file with "images": {error}') from None
    for number, record in enumerate(found):
        name = record.get("filename")
        if not name:
            raise ValueError(f"{path}: image {number} has no filename")
        if record.get("split") not in SPLITS:
            choices = ", ".join(SPLITS)
            raise ValueError(
                f"{path}: {name} has the split {record.get('split')!r}, not {choices}"
            )
        try:
            said = [_caption(sentence) for sentence in record.get("sentences", ())]
        except (TypeError, AttributeError):
            message = f'{path}: {name} has sentences that are not {{"tokens": [...]}}'
            raise ValueError(message) from None
        record["captions"] = tuple(words for words in said if words)
        if not record["captions"]:
            raise ValueError(f"{path}: {name} has no caption")
    return found


def _caption(sentence: Mapping[str, Any]) -> tuple[str, ...]:
    if "tokens" in sentence:
        return tuple(str(token) for token in sentence["tokens"])
    return words_of(str(sentence.get("raw", "")))


# What NumPy lets through of a file that was cut short.
DAMAGED = (OSError, EOFError, zipfile.BadZipFile, zlib.error)


def _features(
    path: Path, records: Sequence[Mapping[str, Any]]
) -> Callable[[int], np.ndarray]:
    """Features [rows, columns, C] by number of the picture, all of one shape."""
    if path.suffix not in (".npy", ".npz") or not path.is_file():
        raise ValueError(f"{path} is no .npy or .npz file of features")
    names = [record["filename"] for record in records]
    try:
        if path.suffix == ".npy":
            arrays = np.load(path, mmap_mode="r", allow_pickle=False)
        else:  # opened here: np.load leaves a file open that is not a zip archive
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
                arrays = [held[name] if name in held else None for name in names]
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
    return grids.__getitem__


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
    return array
