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


def read_back(image, size, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return read_picture(file.getvalue(), size, "a")


GRAY = np.array([[0, 64], [128, 255]], np.uint8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_is_drawn_as_a_person_sees_it(mode):
    gray = GRAY if mode != "1" else np.where(GRAY > 100, 255, 0).astype(np.uint8)
    image = Image.fromarray(gray)
    image = (image if mode == "P" else image.convert("RGB")).convert(mode)
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    seen = read_back(image, 2, format=kind)
    assert seen.shape == (2, 2, 3)
    np.testing.assert_allclose(seen, np.repeat(gray[..., None], 3, 2), atol=3)


def test_transparent_parts_are_white():
    colors = np.zeros((2, 2, 4), np.uint8)  # black
    colors[..., 3] = [[255, 0], [128, 255]]
    seen = read_back(Image.fromarray(colors), 2, format="PNG")
    assert seen[..., 0].tolist() == [[0, 255], [127, 0]]
    palette = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 200, 0, 0])
    seen = read_back(palette, 2, format="PNG", transparency=1)
    assert seen[0].tolist() == [[10, 20, 30], [255, 255, 255]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 257], [257 * 128, 65535]], np.uint16), [[0, 1], [128, 255]]),
        (np.array([[0.0, 0.5], [1.0, 0.25]], np.float32), [[0, 128], [255, 64]]),
        (np.array([[-1.0, 0.0], [1.0, 3.0]], np.float32), [[0, 64], [128, 255]]),
        (np.array([[7, 7], [7, 7]], np.uint16), [[0, 0], [0, 0]]),
    ],
)
def test_gray_of_more_than_8_bits_is_scaled(values, expected):
    seen = read_back(Image.fromarray(values), 2, format="TIFF")
    assert seen[..., 1].tolist() == expected


def test_numbers_that_are_none_are_no_picture():
    values = Image.fromarray(np.array([[np.nan, 0.0], [1.0, 0.0]], np.float32))
    with pytest.raises(ValueError, match="a is no picture that can be read: it holds"):
        read_back(values, 2, format="TIFF")


def test_a_picture_is_turned_as_its_tag_says():
    image = Image.fromarray(np.array([[0, 0], [255, 255]], np.uint8))
    tags = Image.Exif()
    tags[0x0112] = 6  # to be turned by 90 degrees, clockwise
    seen = read_back(image, 2, format="PNG", exif=tags)
    assert seen[..., 0].tolist() == [[255, 0], [255, 0]]


ENTRIES = {
    "text": "a",
    "null": None,
    "pairs": [["filename", "a.png"]],
    "no name": {"split": "train", "sentences": [{"raw": "a"}]},
    "a number for a name": {"filename": 3, "split": "train"},
    "NUL": {"filename": "a\0.png", "split": "train"},
    "surrogate": {"filename": "\ud800", "split": "train"},
    "no filepath": {"filename": "a.png", "filepath": None, "split": "train"},
    "a list for a split": {"filename": "a.png", "split": ["train"]},
    "tokens as text": {"sentences": [{"tokens": "a dog"}]},
    "tokens of numbers": {"sentences": [{"tokens": [1, 2]}]},
    "raw null": {"sentences": [{"raw": None}]},
    "sentences as text": {"sentences": "a dog"},
    "a sentence as text": {"sentences": ["a dog"]},
    "no sentence": {"sentences": []},
    "null sentences": {"sentences": None},
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_an_odd_entry_is_named_by_its_number(tmp_path, kind):
    entry = ENTRIES[kind]
    if isinstance(entry, dict) and set(entry) == {"sentences"}:
        entry = {"filename": "a.png", "split": "train"} | entry
    good = {"filename": "b.png", "split": "train", "sentences": [{"raw": "a dog"}]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [good, entry]}))
    with pytest.raises(ValueError, match=r"a.json: image 1 ") as caught:
        folder(json=str(path), images=str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["3", "[]", '{"images": 5}', '{"images": {"a": 1}}'])
def test_a_file_without_a_list_of_pictures_is_named(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="a.json"):
        folder(json=str(path), images=str(tmp_path))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_named(tmp_path, number):
    path = tmp_path / "a.json"
    entry = {"filename": "b.png", "split": "train", "sentences": [{"raw": "a dog"}]}
    path.write_text(json.dumps({"images": [entry, entry | {"filename": "c.png"}]}))
    features = np.zeros((2, 2, 3, 4), np.float32)
    features[1, 0, 2, 3] = number
    np.save(tmp_path / "f.npy", features)
    message = rf"f.npy: features of c.png are {number} at \[0, 2, 3\]"
    with pytest.raises(ValueError, match=message):
        folder(json=str(path), features=str(tmp_path / "f.npy"))
