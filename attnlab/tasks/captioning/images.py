"""Image files as arrays, and the words of their captions."""

import io
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

TOKEN = re.compile(r"\w+(?:['\u2019]\w+)*")


def words_of(text: str) -> tuple[str, ...]:
    """Lower-cased words of a caption without punctuation, as Karpathy's tokens are.

    Args:
      text: a caption.

    Returns:
      Its words.
    """
    return tuple(TOKEN.findall(text.lower()))


def read_picture(content: bytes, size: int, where: str) -> np.ndarray:
    """An image file as an array: scaled, with its middle kept.

    Args:
      content: of the file: a JPEG, a PNG, ...
      size: pixels a side of the array.
      where: what an error calls the file.

    Returns:
      [size, size, 3] uint8.

    Raises:
      ValueError: where the file is broken.
    """
    return fitted(opened(content, where), size)


def opened(content: bytes, where: str) -> "PillowImage":
    """A Pillow image of three colors.

    Args:
      content: of an image file.
      where: what an error calls the file.

    Returns:
      The image.

    Raises:
      ValueError: where the file is broken.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.convert("RGB")
    except Exception as error:  # Pillow raises many kinds for broken files
        raise ValueError(f"{where} is no picture that can be read: {error}") from None


def fitted(image: "PillowImage", size: int) -> np.ndarray:
    """A Pillow image as an array, scaled so that its shorter side fits.

    Args:
      image: of three colors.
      size: pixels a side of the array; what is beyond a square is cut off.

    Returns:
      [size, size, 3] uint8.
    """
    from PIL import Image, ImageOps

    # Pictures of the right size stay as they are, pixel by pixel (emoji of 32).
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, np.uint8)
