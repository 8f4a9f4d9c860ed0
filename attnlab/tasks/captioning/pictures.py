"""Corpora of captioned pictures, by name: PICTURES."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, validate_call

from attnlab.corpora.folder import corpus_file
from attnlab.tasks.captioning.batches import Captioned, Pictures
from attnlab.tasks.captioning.files import caption_files
from attnlab.tasks.captioning.images import fitted, opened, read_picture, words_of
from attnlab.tasks.captioning.karpathy import folder
from attnlab.tasks.captioning.scenes import scenes
from attnlab.text.read_text import opened_tar, read_lines, read_member

FLICKR = "https://github.com/jbrownlee/Datasets/releases/tag/Flickr8k"
EMOJI = "https://www.npmjs.com/package/emoji-datasource-google"
EVERY = 12  # one in so many training pictures is for development, where none are


@validate_call
def flickr8k_1k(
    size: Annotated[int, Field(ge=8)] = 64, folder: str | Path | None = None
) -> Pictures:
    """875 photographs of Flickr8k with five captions each: a demonstration.

    Of the 762 training pictures every twelfth is for development; the 113 of the
    official development set are the test, for the official test is not here.

    Args:
      size: pixels a side of each picture: its shorter side is scaled to as many, and
        its middle is kept.
      folder: the data folder; $ATTNLAB_DATA where not given.

    Returns:
      The pictures, [size, size, 3].

    Raises:
      ValueError: where a file is broken.
      MissingCorpus: where the files are not in the data folder.
    """
    tables = corpus_file("flickr8k_1k/captions.tsv.gz", upstream=FLICKR, folder=folder)
    images = corpus_file("flickr8k_1k/images.tar", upstream=FLICKR, folder=folder)
    captions: dict[str, list[tuple[str, ...]]] = {}
    split = {}
    for row in _table(tables):
        captions.setdefault(row["image"], []).append(words_of(row["caption"]))
        split[row["image"]] = row["split"]
    # By file name alone: the archive's folders do not matter.
    with opened_tar(images) as archive:
        files = {
            Path(member.name).name: member
            for member in archive.getmembers()
            if member.isfile()
        }
        items = []
        # Sorted, so that order and splits do not depend on the archive.
        for name in sorted(captions):
            content = None
            if name in files:
                content = read_member(archive, files[name], images)
            if content is None:
                raise ValueError(f"{images} has no picture {name}, which has captions")
            picture = read_picture(content, size, f"{images}: {name}")
            items.append(Captioned(name, tuple(captions[name]), picture))
    training = [item for item in items if split[item.name] == "train"]
    return Pictures(
        "flickr8k_1k",
        [item for n, item in enumerate(training) if n % EVERY],
        training[::EVERY],
        [item for item in items if split[item.name] == "dev"],
        f"Flickr8k, 875 of 8,000 pictures at {size} x {size}; for research only.",
    )


@validate_call
def emoji_captions(
    split: Literal["variant", "base"] = "variant",
    size: Annotated[int, Field(ge=8)] = 32,
    folder: str | Path | None = None,
) -> Pictures:
    """3,781 emoji of 32 x 32 pixels with their Unicode names.

    Args:
      split: variant tests unseen combinations of a seen emoji and a skin tone; base
        tests unseen emoji.
      size: pixels a side of each picture.
      folder: the data folder; $ATTNLAB_DATA where not given.

    Returns:
      The pictures, [size, size, 3].

    Raises:
      ValueError: where a file is broken.
      MissingCorpus: where the files are not in the data folder.
    """
    path = corpus_file("emoji_captions/captions.tsv.gz", upstream=EMOJI, folder=folder)
    sheet = corpus_file(
        "emoji_captions/sprites_32px.png", upstream=EMOJI, folder=folder
    )
    sprites = opened(sheet.read_bytes(), str(sheet))
    splits: dict[str, list[Captioned]] = {"train": [], "dev": [], "test": []}
    for row in _table(path):
        # The sheet has 64 sprites a row.
        y, x = divmod(int(row["index"]), 64)
        sprite = sprites.crop((32 * x, 32 * y, 32 * x + 32, 32 * y + 32))
        caption = words_of(row["caption"])
        # A name of symbols alone has no word to learn.
        if not caption:
            continue
        name = f"{row['index']} {row['codepoints']}"
        item = Captioned(name, (caption,), fitted(sprite, size))
        splits[row[f"split_{split}"]].append(item)
    about = f"Noto emoji and their names, split by {split}; Apache 2.0."
    return Pictures("emoji_captions", about=about, **splits)


PICTURES: dict[str, Callable[..., Pictures]] = {
    "scenes": scenes,
    "flickr8k_1k": flickr8k_1k,
    "emoji_captions": emoji_captions,
    "folder": folder,
    "files": caption_files,
}


def _table(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a gzipped table of tabs under a line of names."""
    lines = read_lines(path)
    names = lines[0].split("\t") if lines else []
    for number, line in enumerate(lines[1:], 2):
        fields = line.split("\t")
        if len(fields) != len(names):
            raise ValueError(
                f"{path}, line {number}: {len(fields)} fields, not {len(names)}"
            )
        yield dict(zip(names, fields, strict=True))
