"""A trained captioner: asked with arrays, files and pictures of its corpus."""

import jax
import numpy as np
import pytest
from PIL import Image

from attnlab.tasks.captioning.batches import Captioned
from attnlab.tasks.captioning.task import make_task
from attnlab.tasks.captioning.trained import loader
from tests.estimators.toy import FAST
from tests.tasks.captioning.test_task import tiny


@pytest.fixture(scope="module")
def captioner(tmp_path_factory):
    """A captioner that has learned nothing."""
    folder, settings = tmp_path_factory.mktemp("run"), tiny()
    make_task(settings, folder)  # writes the vocabulary
    opened = loader(settings, folder)
    params = jax.jit(opened.init, compiler_options=FAST)(jax.random.key(0))
    return opened.make(folder, 3, params)


def test_it_is_short_to_print(captioner):
    assert "scenes" in repr(captioner) and "step 3" in repr(captioner)
    assert len(repr(captioner)) < 200


def test_an_array_and_a_picture_of_the_corpus_get_one_caption(captioner):
    items = captioner.pictures.test[:2]
    captions = captioner.caption(items)
    arrays = captioner.caption(np.stack([item.picture for item in items]))
    alone = captioner.caption(items[0].picture)
    assert [c.words for c in captions] == [c.words for c in arrays]
    assert alone.words == captions[0].words
    for caption, item in zip(captions, items, strict=True):
        assert caption.weights.shape == (len(caption.words), 4, 4)
        np.testing.assert_allclose(caption.weights.sum(axis=(1, 2)), 1, rtol=1e-5)
        np.testing.assert_array_equal(caption.picture, item.picture)
        assert str(caption) == " ".join(caption.words) and str(caption) in repr(caption)


def test_a_file_is_scaled_to_the_models_size(captioner, tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (40, 20), (200, 0, 0)).save(path)
    caption = captioner.caption(str(path), beams=2)
    assert captioner.caption([path])[0].words == captioner.caption(path).words
    assert caption.picture.shape == (16, 16, 1)
    assert (caption.picture == 66).all()  # the mean of three colors


def test_a_given_caption_is_aligned(captioner):
    item = captioner.pictures.test[0]
    caption = captioner.align(item, " ".join(item.captions[0]))
    assert caption.words == item.captions[0]
    assert caption.weights.shape == (len(caption.words), 4, 4)
    nats, _ = captioner.captioner.losses(captioner.params, [item])
    assert caption.score == pytest.approx(-nats[0], rel=1e-5)


def test_a_caption_is_drawn_with_a_panel_a_word(captioner):
    caption = captioner.align(captioner.pictures.test[0], "a two above a one")
    figure = caption.figure("mine")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["", "a", "two", "above", "a", "one"]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 1), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        Captioned("features", (), None, np.zeros((4, 4, 512), np.float32)),
    ],
)
def test_a_picture_of_another_shape_is_named(captioner, image):
    shape = image.seen.shape if isinstance(image, Captioned) else image.shape
    with pytest.raises(ValueError) as caught:
        captioner.caption(image)
    assert str(shape) in str(caught.value) and "(16, 16, 1)" in str(caught.value)


@pytest.mark.parametrize("images", [5, None, [5], {"a": 1}])
def test_what_is_no_picture_is_named(captioner, images):
    with pytest.raises(ValueError, match="picture"):
        captioner.caption(images)


@pytest.mark.parametrize("beams", [0, 1.5, "2", float("nan")])
def test_beams_that_are_none_are_named(captioner, beams):
    with pytest.raises(ValueError, match="^beams is "):
        captioner.caption(captioner.pictures.test[0], beams=beams)


def test_a_caption_that_is_no_text_is_named(captioner):
    with pytest.raises(ValueError, match="^caption is 5"):
        captioner.align(captioner.pictures.test[0], 5)
