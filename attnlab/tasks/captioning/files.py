"""Your own pictures: a folder, and files of a picture's name and a caption a line."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, validate_call

from attnlab.tasks.captioning.batches import Captioned, Pictures
from attnlab.tasks.captioning.images import read_picture, words_of
from attnlab.text.example_files import (
    ExampleLine,
    HeldOut,
    Keyed,
    origin,
    read_examples,
    read_splits,
)

COLUMNS = ("filename", "caption")


@validate_call
def caption_files(
    *,
    images: str | None = None,
    train: str | None = None,
    dev: str | None = None,
    test: str | None = None,
    held_out: HeldOut = 0.1,
    size: Annotated[int, Field(ge=8)] = 64,
) -> Pictures:
    """Your own pictures, with captions in files of columns or of JSON lines.

    Args:
      images: the folder of pictures.
      train: a file of two tab-separated columns, filename and caption, or of JSON lines
        {"filename": ..., "caption": ...}, a line a caption; several with commas
        between.
      dev: the same, to choose the best checkpoint by; held out of train where it is not
        given.
      test: the same, to judge it by; likewise.
      held_out: share of the pictures of train that is held out for dev, and for test.
      size: pixels a side of each picture: its shorter side is scaled to as many, and
        its middle is kept.

    Returns:
      The pictures, [size, size, 3].

    Raises:
      ValueError: for a line of another form, a caption without a word, a picture that
        is not there or cannot be read; the line is named.
      FileNotFoundError: for a file of captions that is not there.
    """
    if images is None or not Path(images).is_dir():
        raise ValueError(f"data.files.images is {images!r}, not a folder of pictures")
    folder = Path(images)

    def picture(name: str, where: str) -> np.ndarray:
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{where}: there is no picture {str(path)!r}")
        return read_picture(path.read_bytes(), size, f"{where}: {path}")

    def read(paths: str) -> Keyed[Captioned]:
        captions: dict[str, list[tuple[str, ...]]] = {}
        first: dict[str, str] = {}  # where a picture is first named
        for line in read_examples(paths, COLUMNS):
            name = line.text("filename")
            captions.setdefault(name, []).append(_caption(line))
            first.setdefault(name, line.where)
        return [
            (name, Captioned(name, tuple(several), picture(name, first[name])))
            for name, several in captions.items()
        ]

    splits = read_splits(read, train, dev, test, held_out)
    return Pictures("files", **splits, about=origin(train, dev, test))


def _caption(line: ExampleLine) -> tuple[str, ...]:
    text = line.text("caption")
    words = words_of(text)
    if not words:
        raise line.wrong("caption", text, "a text of words")
    return words
