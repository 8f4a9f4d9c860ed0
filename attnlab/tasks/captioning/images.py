"""Image files as arrays, and the words of their captions."""

import io
import re
from typing import TYPE_CHECKING

import numpy as np

from attnlab.text.words import find_words

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
    return tuple(find_words(TOKEN, text.lower()))


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
    """A Pillow image of three colors, as a person sees it.

    It is turned as its orientation tag says, transparent parts are white, and gray of
    more than 8 bits is scaled: whole numbers from [0, 65535] or the range that they
    have, real ones from [0, 1] or theirs.

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
            return _as_seen(image)
    except Exception as error:  # Pillow raises many kinds for broken files
        raise ValueError(f"{where} is no picture that can be read: {error}") from None


def _as_seen(image: "PillowImage") -> "PillowImage":
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _to_bytes(gray: np.ndarray) -> np.ndarray:
    """Gray of whole or real numbers as [..., uint8]."""
    if not np.isfinite(gray).all():
        raise ValueError("it holds numbers that are not finite")
    real = np.issubdtype(gray.dtype, np.floating)
    low, high = 0.0, 1.0 if real else 65535.0
    if gray.size and not low <= gray.min() <= gray.max() <= high:
        low, high = float(gray.min()), float(gray.max())
    scaled = (gray.astype(np.float64) - low) * (255 / ((high - low) or 1.0))
    return np.rint(scaled).astype(np.uint8)


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
