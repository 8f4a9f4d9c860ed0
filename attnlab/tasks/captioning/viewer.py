"""Captions for the report's page: a picture a word, lit where the word looked."""

import base64
import io

import numpy as np

from attnlab.report.examples import ExampleSet, Json, packed
from attnlab.runs import EXAMPLES, Run
from attnlab.tasks.captioning.plots import CaptionExample, read_examples

SIDE = 96  # pixels of the longer side of a picture, more of which are taken out


def examples(run: Run) -> ExampleSet | None:
    """The test pictures that a run has kept.

    Args:
      run: finished.

    Returns:
      The pictures with the captions said; None without any.
    """
    if not (run.folder / EXAMPLES).exists():
        return None
    kept = read_examples(run.folder)
    if not kept:
        return None
    shared: list[Json] = [
        {"source": [], "target": [example.name], "picture": address_of(example.picture)}
        for example in kept
    ]
    return ExampleSet("pictures", "pictures", shared, [_result(each) for each in kept])


def _result(example: CaptionExample) -> Json:
    _, rows, columns = example.weights.shape
    content: Json = {"words": list(example.words), "rows": rows, "columns": columns}
    content |= packed(example.weights)
    if example.reads is not None:
        flat = example.reads.reshape(len(example.reads), -1)
        # Where nothing was drawn, no cell has it all.
        drawn = np.where(flat.max(axis=1, initial=0) > 0.999, flat.argmax(axis=1), -1)
        content["reads"] = drawn.tolist()
    return content


def address_of(picture: np.ndarray | None) -> str | None:
    """A picture as a data address.

    Args:
      picture: [H, W, 3 or 1] uint8.

    Returns:
      The PNG; None where there are only features.
    """
    from PIL import Image

    if picture is None:
        return None
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
