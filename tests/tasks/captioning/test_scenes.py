"""Scenes of digits: the caption names what is there, and the places where it is."""

import numpy as np
import pytest

from attnlab.tasks.captioning.scenes import SHARES, WORDS, _digits, caption, scenes

ROOM = 12


@pytest.fixture(scope="module")
def few():
    return scenes(train=60, dev=20, test=40, room=ROOM)


def test_the_images_are_scikit_learns():
    images, labels = _digits()
    assert images.shape == (1797, 8, 8) and images.max() == 16
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    np.testing.assert_array_equal(np.bincount(labels), counts)


@pytest.mark.parametrize(
    ("labels", "cells", "words"),
    [
        ([7], [(1, 1)], "a seven"),
        ([7, 3], [(0, 1), (2, 1)], "a seven above a three"),
        ([2, 9], [(1, 0), (1, 2)], "a two left of a nine"),
        ([8, 0], [(0, 0), (1, 2)], "an eight above and left of a zero"),
        (
            [1, 6, 9],
            [(0, 2), (1, 0), (1, 1)],
            "a one above and right of a six left of a nine",
        ),
    ],
)
def test_captions_follow_the_reading_order(labels, cells, words):
    assert " ".join(caption(labels, cells)) == words


def test_a_place_holds_the_digit_of_its_word(few):
    images, labels = _digits()
    for scene in (*few.train, *few.test):
        ink = 255 - scene.picture[..., 0].astype(int)
        seen = np.zeros_like(ink)
        assert len(scene.places) == sum(w in WORDS for w in scene.captions[0])
        for place in scene.places:
            top, left = round(place.top * 3 * ROOM), round(place.left * 3 * ROOM)
            part = ink[top : top + ROOM, left : left + ROOM]
            seen[top : top + ROOM, left : left + ROOM] = part
            label = WORDS.index(scene.captions[0][place.word])
            alike = np.round(images[labels == label] * (255 / 16)).astype(int)
            windows = np.lib.stride_tricks.sliding_window_view(part, (8, 8))
            flat = windows.reshape(-1, 64)
            gaps = np.abs(flat[:, None] - alike.reshape(1, -1, 64)).max(axis=-1)
            assert gaps.min() <= 1  # rounding alone
            assert place.holds((top + 6) / 36, (left + 6) / 36)
            assert not place.holds((top + 12.5) / 36, (left + 6) / 36)
        np.testing.assert_array_equal(ink, seen)  # and nothing lies elsewhere


def test_the_splits_share_no_image():
    edges = [part for share in SHARES.values() for part in share]
    assert edges == sorted(edges) and edges[0] == 0.0 and edges[-1] == 1.0


def test_the_same_arguments_give_the_same_scenes(few):
    again = scenes(train=2, dev=1, test=1, room=ROOM)
    other = scenes(train=2, dev=1, test=1, room=ROOM, seed=1)
    np.testing.assert_array_equal(again.train[1].picture, few.train[1].picture)
    assert again.train[0].captions == few.train[0].captions
    assert any(
        (scene.picture != another.picture).any()
        for scene, another in zip(again.train, other.train, strict=True)
    )
    assert few.shape == (36, 36, 1) and not few.given


@pytest.mark.parametrize(
    ("argument", "value"),
    [("most", 10), ("most", 0), ("grid", 0), ("room", 7), ("test", -1), ("digits", 3)],
)
def test_an_argument_out_of_its_range_is_named(argument, value):
    with pytest.raises(ValueError) as caught:
        scenes(**{argument: value})
    assert argument in str(caught.value) and str(value) in str(caught.value)
