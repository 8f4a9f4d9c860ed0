"""Pictures as arrays, and the words of their captions."""

import io
import re
from typing import Any

import numpy as np

TOKEN = re.compile(r"\w+(?:['\u2019]\w+)*")


def words_of(text: str) -> tuple[str, ...]:
    """Lower-cased words of a caption without punctuation, as Karpathy's tokens are."""
    return tuple(TOKEN.findall(text.lower()))


def read_picture(content: bytes, size: int, where: str) -> np.ndarray:
    """A JPEG, PNG, ... as [size, size, 3] uint8: scaled, and its middle kept."""
    return fitted(opened(content, where), size)


def opened(content: bytes, where: str) -> Any:
    """A Pillow image of three colors; a ValueError says `where` it is broken."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.convert("RGB")
    except Exception as error:  # Pillow raises many kinds for broken files
        raise ValueError(f"{where} is no picture that can be read: {error}") from None


def fitted(image: Any, size: int) -> np.ndarray:
    """[size, size, 3] uint8 of a Pillow image."""
    from PIL import Image, ImageOps

    if size < 8:
        raise ValueError(f"size is {size}; pictures need 8 pixels a side or more")
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, np.uint8)
