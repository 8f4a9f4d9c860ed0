"""A trained captioner: pictures in, captions out, with where each word looked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attnlab import arguments, runs
from attnlab.attention.base import Params
from attnlab.estimators.objective import initial_estimator_state
from attnlab.nn.init_params import init_params
from attnlab.report.pictured import Pictured
from attnlab.runs.files import read_bytes
from attnlab.settings import MOST_FEW
from attnlab.task import Loader
from attnlab.tasks.captioning.batches import Captioned, Pictures
from attnlab.tasks.captioning.generate import Captioner, Description
from attnlab.tasks.captioning.image_encoder import grid_of
from attnlab.tasks.captioning.images import read_picture
from attnlab.tasks.captioning.plots import CaptionExample, panels
from attnlab.tasks.captioning.settings import CaptioningSettings
from attnlab.tasks.captioning.task import (
    CODEC,
    build_captioner,
    check_annotations,
    search_of,
)
from attnlab.text import vocabularies
from attnlab.text.words import split_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Image = np.ndarray | str | Path | Captioned
"""An array [H, W, colors] uint8, an image file, or a picture of a corpus."""


@dataclass(frozen=True)
class ImageCaption(Pictured):
    """A caption of a picture.

    Attributes:
      words: the caption, T words.
      weights: [T, rows, columns], the attention of each word over the grid of cells.
      score: its log-probability, divided by the length penalty where a beam searched.
      picture: [H, W, 3 or 1] uint8, or None where there are only features.
    """

    words: tuple[str, ...]
    weights: np.ndarray
    score: float
    picture: np.ndarray | None

    def __repr__(self) -> str:
        return f"<ImageCaption {' '.join(self.words)!r}>"

    def __str__(self) -> str:
        return " ".join(self.words)

    def figure(self, title: str = "") -> "Figure":
        """The picture, and a panel a word, bright where the word looked.

        Args:
          title: before the caption.

        Returns:
          A matplotlib figure.
        """
        example = CaptionExample(title, self.words, self.picture, self.weights, None)
        return panels({title: example})


@dataclass(frozen=True)
class TrainedCaptioner:
    """A run folder with its best parameters.

    Attributes:
      folder: the run's folder.
      settings: all its settings.
      step: the update that the parameters are of.
      params: the parameters.
      captioner: the compiled model with its vocabulary.
    """

    folder: Path
    settings: CaptioningSettings
    step: int
    params: Params = field(repr=False)
    captioner: Captioner = field(repr=False)

    @cached_property
    def pictures(self) -> Pictures:
        """What it learned from, and its test set, read when first asked for."""
        return self.settings.data.load()

    def __repr__(self) -> str:
        name = self.settings.data.name
        return f"<captioner of {name}, step {self.step}, {self.folder}>"

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the cells that words look at."""
        return grid_of(self.captioner.model.shape, len(self.captioner.model.channels))

    def caption(
        self, images: Image | Sequence[Image], *, beams: int | None = None
    ) -> ImageCaption | list[ImageCaption]:
        """The best caption of a picture, or of several.

        Args:
          images: a file, an array or a picture of `pictures`; or a list of them, or an
            array [N, H, W, colors]. Files are scaled to the model's size; arrays have
            to have it.
          beams: hypotheses of the search; those of the settings where not given.

        Returns:
          The caption of a picture with its alignment, or the list of those of several.

        Raises:
          FileNotFoundError: for a file that is not there.
          ValueError: for a file that cannot be read, an array of another shape, what is
            no picture, and beams that are not from 1 to 1,000.
        """
        several, alone = _several(images)
        items = [self._item(image) for image in several]
        search = search_of(self.settings.evaluate)
        if beams is not None:
            most = arguments.whole("beams", beams, 1, MOST_FEW)
            search = search._replace(beams=most)
        described = self.captioner.describe(self.params, items, search)
        captions = [self._caption(*pair) for pair in zip(items, described, strict=True)]
        return captions[0] if alone else captions

    def align(self, image: Image, caption: str) -> ImageCaption:
        """Where the words of a given caption look.

        Args:
          image: a file, an array or a picture of `pictures`.
          caption: its words, with blanks between them.

        Returns:
          The caption with its alignment; its score is its log-probability.

        Raises:
          ValueError: for a caption that is no text, and as `caption` does.
        """
        words = tuple(split_words(arguments.text("caption", caption)))
        item = self._item(image)._replace(captions=(words,))
        (weights,) = self.captioner.align(self.params, [item], [words])
        nats, _ = self.captioner.losses(self.params, [item])
        return self._caption(item, Description(words, weights, -float(nats[0])))

    def _caption(self, item: Captioned, described: Description) -> ImageCaption:
        weights = described.weights.reshape(-1, *self.grid)
        return ImageCaption(described.words, weights, described.score, item.picture)

    def _item(self, image: Image) -> Captioned:
        shape = self.captioner.model.shape
        if isinstance(image, str | Path):
            picture = read_picture(read_bytes(image), shape[0], str(image))
            # The model sees gray: the mean of the three colors.
            if shape[-1] == 1:
                picture = picture.mean(axis=-1, keepdims=True).astype(np.uint8)
            item = Captioned(str(image), (), picture)
        elif isinstance(image, np.ndarray):
            # Pictures are uint8; an array of floats can only be features.
            given = image.dtype != np.uint8
            item = Captioned("", (), *((None, image) if given else (image, None)))
        elif isinstance(image, Captioned):
            item = image
        else:
            raise ValueError(
                f"{arguments.shown(image)} is no picture; give a file, an array or a "
                "picture of `pictures`"
            )
        if item.seen.shape != shape:
            raise ValueError(
                f"a picture of shape {item.seen.shape} is given, and the model is for "
                f"{shape}"
            )
        return item


def _several(images: Image | Sequence[Image]) -> tuple[Sequence[Image], bool]:
    """The pictures, and whether one was given alone."""
    if isinstance(images, np.ndarray):
        # Four axes are several pictures, [N, H, W, colors].
        return (list(images), False) if images.ndim == 4 else ([images], True)
    # A Captioned is a tuple, and one picture.
    if isinstance(images, str | Path | Captioned):
        return [images], True
    what = "a picture or a list of pictures"
    return arguments.several("images", images, what), False


def loader(settings: CaptioningSettings, folder: Path) -> Loader:
    """How a run of this task is opened.

    Args:
      settings: of the run.
      folder: its folder, which has the vocabulary.

    Returns:
      The Loader.

    Raises:
      ValueError: where the vocabulary is damaged.
      MissingCorpus: for a run of an older version, whose pictures' shape has to be
        read, where they are not in the data folder.
    """
    if known := runs.read_corpus(folder):
        height, width, depth = known["shape"]
        shape = height, width, depth
    else:
        pictures = settings.data.load()
        check_annotations(settings, pictures)
        shape = pictures.shape
    (codec,) = vocabularies.load(folder, [CODEC])
    captioner = build_captioner(settings, shape, codec)

    def make(folder: Path, step: int, params: Params) -> TrainedCaptioner:
        return TrainedCaptioner(folder, settings, step, params, captioner)

    return Loader(
        partial(init_params, captioner.model), make, initial_estimator_state()
    )
