"""Broken captions and pictures: an error names the file, and nothing in it is run."""

import gzip
import json

import numpy as np
import pytest

from attnlab.tasks.captioning.karpathy import folder as karpathy
from attnlab.tasks.captioning.pictures import emoji_captions
from tests.runs.trap import Trap


def packed(path, text: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text))


def test_a_table_of_pictures_that_is_broken(tmp_path):
    (tmp_path / "emoji_captions").mkdir()
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "emoji_captions" / "sprites_32px.png")
    packed(
        tmp_path / "emoji_captions" / "captions.tsv.gz", b"index\tcaption\n0\ta\xff\n"
    )
    with pytest.raises(ValueError, match=r"captions.tsv.gz:2: not UTF-8"):
        emoji_captions(folder=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b'{"images": [{"filename": "gr\xf6"}]}',
        b"[" * 100_000,
        b'{"images": [3]}',
        b'{"images": [{"filename": "a", "split": "train", "sentences": ["text"]}]}',
        b'{"images": [{"filename": "a", "split": "val", "sentences": [{"raw": ""}]}]}',
        b"",
    ],
)
def test_captions_that_are_broken(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.json"):
        karpathy(tmp_path / "a.json", tmp_path)


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_features_with_pickled_objects_are_refused(tmp_path, kind):
    array = np.array([Trap(tmp_path / "sprung")], dtype=object)
    path = tmp_path / f"features.{kind}"
    if kind == "npz":
        np.savez(path, **{"a.jpg": array})
    else:
        np.save(path, array)
    record = {"filename": "a.jpg", "split": "train", "sentences": [{"tokens": ["a"]}]}
    (tmp_path / "a.json").write_text(json.dumps({"images": [record]}))
    with pytest.raises(ValueError, match=f"features.{kind} cannot be read"):
        karpathy(tmp_path / "a.json", features=path)
    assert not (tmp_path / "sprung").exists()
    with open(path, "rb") as file, pytest.raises(ValueError, match="allow_pickle"):
        held = np.load(file, allow_pickle=False)
        held["a.jpg"]
