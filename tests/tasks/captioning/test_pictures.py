"""Captioned pictures from files: small ones made here, and the real ones."""

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from attnlab.corpora.folder import MissingCorpus
from attnlab.tasks.captioning.batches import Captioned, PictureBatches
from attnlab.tasks.captioning.images import read_picture, words_of
from attnlab.tasks.captioning.karpathy import folder
from attnlab.tasks.captioning.pictures import emoji_captions, flickr8k_1k
from attnlab.text.vocabulary import EOS, Vocabulary

RED, BLUE = (200, 0, 0), (0, 0, 200)


def encoded(color, size=(20, 10), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


RECORDS = [
    {
        "filename": "red.png",
        "split": "restval",
        "sentences": [{"tokens": ["all", "red"]}, {"raw": "Red, it's all."}],
    },
    {"filename": "blue.png", "split": "val", "sentences": [{"raw": "A blue one ."}]},
    {
        "filename": "dark.jpg",
        "filepath": "more",
        "split": "test",
        "sentences": [{"raw": "dark"}],
    },
]


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "red.png").write_bytes(encoded(RED))
    (tmp_path / "blue.png").write_bytes(encoded(BLUE))
    (tmp_path / "more" / "dark.jpg").write_bytes(encoded((9, 9, 9), kind="JPEG"))

    def write(records=RECORDS):
        (tmp_path / "data.json").write_text(json.dumps({"images": records}))
        return tmp_path

    write()
    return tmp_path, write


def opened(path, **options):
    usual = {"json": str(path / "data.json"), "images": str(path), "size": 8}
    return folder(**(usual | options))


def test_a_folder_with_a_karpathy_file(photos):
    pictures = opened(photos[0])
    assert [i.name for i in pictures.train] == ["red.png"]
    assert [i.name for i in pictures.dev] == ["blue.png"]
    assert pictures.train[0].captions == (("all", "red"), ("red", "it's", "all"))
    assert pictures.dev[0].captions == (("a", "blue", "one"),)
    assert pictures.shape == (8, 8, 3) and not pictures.given
    assert (pictures.train[0].picture == RED).all()
    assert np.abs(pictures.test[0].picture.astype(int) - 9).max() <= 2
    np.testing.assert_allclose(pictures.train[0].seen[0, 0], np.array(RED) / 255)


def test_scaled_and_the_middle_kept():
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (10, 0, 30, 20))
    file = io.BytesIO()
    image.save(file, "PNG")
    picture = read_picture(file.getvalue(), 10, "here")
    assert (np.abs(picture[:, 2:8].astype(int) - BLUE) < 20).all()


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_given_features(photos, kind, tmp_path):
    grids = np.random.default_rng(0).normal(size=(3, 14, 14, 512)).astype(np.float32)
    path = tmp_path / f"features.{kind}"
    if kind == "npy":
        np.save(path, grids)
    else:
        cells = grids.reshape(3, 196, 512)
        np.savez(path, **{r["filename"]: cells[n] for n, r in enumerate(RECORDS)})
    pictures = opened(photos[0], features=str(path))
    assert pictures.given and pictures.shape == (14, 14, 512)
    np.testing.assert_array_equal(pictures.dev[0].seen, grids[1])
    assert pictures.dev[0].picture.shape == (8, 8, 3)  # for figures
    alone = opened(photos[0], images=None, features=str(path))
    assert alone.test[0].picture is None


def changed(number, **fields):
    return [r | fields if n == number else r for n, r in enumerate(RECORDS)]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (changed(1, sentences=[]), "blue.png"),
        (changed(1, sentences=[3]), "blue.png"),
        (changed(1, split="dev"), "blue.png.*'dev'.*train, restval"),
        (changed(1, filename="gone.png"), "gone.png"),
        (changed(1, filename=""), "image 1 .*filename"),
    ],
)
def test_a_wrong_record_is_named(photos, records, message):
    with pytest.raises(ValueError, match=message):
        opened(photos[1](records))


def test_broken_files_are_named(photos, tmp_path):
    path = photos[0]
    with pytest.raises(ValueError, match='red.png .*"images"'):
        opened(path, json=str(path / "red.png"))
    with pytest.raises(ValueError, match="data.folder .* json None"):
        folder()
    with pytest.raises(ValueError, match="absent.npy"):
        opened(path, features=str(tmp_path / "absent.npy"))
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(ValueError, match="cut.npz"):
        opened(path, features=str(tmp_path / "cut.npz"))
    (path / "blue.png").write_bytes(encoded(BLUE)[:40])
    with pytest.raises(ValueError, match="blue.png"):
        opened(path)


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        (np.zeros((2, 4, 4, 3)), "features of 2 pictures"),
        (np.zeros((3, 4, 4, 3), int), "red.png are int64"),
        (np.zeros((3, 5, 3)), r"red.png .*\(5, 3\)"),
    ],
)
def test_features_of_another_shape_are_named(photos, grids, message, tmp_path):
    np.save(tmp_path / "features.npy", grids)
    with pytest.raises(ValueError, match=message):
        opened(photos[0], features=str(tmp_path / "features.npy"))


def test_features_that_differ_or_lack_one_are_named(photos, tmp_path):
    path = tmp_path / "features.npz"
    some = {"red.png": np.zeros((4, 4, 3)), "blue.png": np.zeros((5, 5, 3))}
    np.savez(path, **some)
    with pytest.raises(ValueError, match="dark.jpg"):
        opened(photos[0], features=str(path))
    np.savez(path, **some, **{"dark.jpg": np.zeros((4, 4, 3))})
    with pytest.raises(ValueError, match=r"blue.png .*\(5, 5, 3\)"):
        opened(photos[0], features=str(path))


@pytest.mark.parametrize("load", [flickr8k_1k, emoji_captions])
def test_unknown_options_and_missing_files(load, tmp_path):
    with pytest.raises(ValueError, match="sise"):
        load(sise=3)
    with pytest.raises(ValueError, match="size"):
        load(size=7)
    with pytest.raises(MissingCorpus, match=f"{load.__name__}/captions.tsv.gz"):
        load(folder=tmp_path)


def test_an_unknown_split_of_the_emoji_is_named():
    with pytest.raises(ValueError, match="'variant' or 'base'.*'hard'"):
        emoji_captions(split="hard")


def test_a_picture_without_a_file_in_the_archive_is_named(tmp_path):
    (tmp_path / "flickr8k_1k").mkdir()
    head = "image\tsplit\tcaption_no\tcaption\n"
    with gzip.open(tmp_path / "flickr8k_1k" / "captions.tsv.gz", "wt") as file:
        file.write(f"{head}a.jpg\ttrain\t0\tA dog .\n")
    with tarfile.open(tmp_path / "flickr8k_1k" / "images.tar", "w"):
        pass
    with pytest.raises(ValueError, match="a.jpg"):
        flickr8k_1k(folder=tmp_path)


def test_words_are_lower_cased_without_punctuation():
    text = "A man's dog, two-year-old; isn't 3."
    assert words_of(text) == ("a", "man's", "dog", "two", "year", "old", "isn't", "3")


def test_a_batch_holds_the_pictures_of_its_captions():
    codec = Vocabulary("a b c d e".split())
    items = [
        Captioned(
            f"{n}",
            tuple(tuple("abcde"[: 1 + (n + k) % 3]) for k in range(2)),
            np.full((2, 2, 1), 51 * n, np.uint8),
        )
        for n in range(5)
    ]
    options = dict(batch_size=4, shapes=2, longest=9, seed=3)
    batches = PictureBatches(items, codec, **options)
    assert batches.pairs == 10 and batches.dropped == 0
    used, shapes = [], set()
    for step in range(len(batches)):
        batch = batches.at(step)
        shapes.add(batch.target.shape)
        for row in range(4):
            length = batch.target_lengths[row]
            assert batch.source_lengths[row] == (length > 0)
            if not length:
                assert not batch.source[row].any()
                continue
            number = round(float(batch.source[row, 0, 0, 0]) * 5)
            assert (batch.source[row] == np.float32(51 * number / 255)).all()
            ids = batch.target[row, :length].tolist()
            assert ids[-1] == EOS
            used.append((number, tuple(codec.decode(ids))))
    assert len(shapes) <= 2
    expected = [(n, words) for n, item in enumerate(items) for words in item.captions]
    assert sorted(used) == sorted(expected)
    other = PictureBatches(items, codec, **options | {"seed": 4})
    steps = range(len(batches))
    assert [other.at(s).target.shape for s in steps] == [
        batches.at(s).target.shape for s in steps
    ]
    assert any((other.at(s).target != batches.at(s).target).any() for s in steps)


@pytest.mark.data
def test_the_photographs_of_flickr(data_folder):
    pictures = flickr8k_1k(folder=data_folder)
    assert [len(s) for s in (pictures.train, pictures.dev, pictures.test)] == [
        698,
        64,
        113,
    ]
    assert pictures.shape == (64, 64, 3)
    assert all(len(item.captions) == 5 for item in pictures.train)
    first = pictures.dev[0]
    assert first.name == "1000268201_693b08cb0e.jpg"
    assert first.captions[1] == (
        "a",
        "girl",
        "going",
        "into",
        "a",
        "wooden",
        "building",
    )
    assert all(np.ptp(item.picture) > 20 for item in pictures.train)


@pytest.mark.data
@pytest.mark.parametrize(
    ("split", "sizes"), [("base", [3031, 350, 400]), ("variant", [3282, 281, 218])]
)
def test_the_emoji(data_folder, split, sizes):
    pictures = emoji_captions(split=split, folder=data_folder)
    splits = pictures.train, pictures.dev, pictures.test
    assert list(map(len, splits)) == sizes
    assert pictures.shape == (32, 32, 3)
    face = next(i for i in pictures.train if i.captions[0][:2] == ("grinning", "face"))
    middle = face.picture[16, 16].astype(int)
    assert middle[0] > 150 and middle[2] < 120  # yellow
    assert (face.picture[0, 0] == 255).all()  # on white
