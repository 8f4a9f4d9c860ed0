"""Examples of a run that the page shows in another form than as one map of words.

A task gives them by its TaskSpec's `examples`; a script of the page draws each form
(`report/page/stories.js` and so on).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from attnlab.report.rows import flatten
from attnlab.runs import Run
from attnlab.tasks import TASKS, spec

Json = dict[str, object]
LEVELS = 255


class ExampleSet(NamedTuple):
    """Test examples, and what one run did with them.

    form: how they are drawn: a story beside a column a hop, a passage with shaded
      words, a sequence's steps to the right, or a picture a word.
    name: of the set, printed.
    shared: of each example what all rows have in common: `source` and `target`, the
      words that the list shows and the search finds, and what the form draws.
    results: of each example what the run did.
    """

    form: Literal["story", "passage", "sequence", "pictures"]
    name: str
    shared: Sequence[Json]
    results: Sequence[Json]


def examples_of(run: Run) -> ExampleSet | None:
    """The examples of a run, if its task has any of these forms.

    Args:
      run: finished.

    Returns:
      The examples; None where its task has none, and for a run without the files.
    """
    task = flatten(run.config).get("task")
    if task not in TASKS:
        return None
    read = spec(str(task)).examples
    try:
        return None if read is None else read(run)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return None  # of an older attnlab, or damaged: its alignments are shown


def packed(weights: np.ndarray) -> Json:
    """Weights as JSON: each a byte, in parts of the heaviest.

    A passage has hundreds of words whose weights are all below 1/255.

    Args:
      weights: [...] at least 0.

    Returns:
      weights: base64 of the bytes, in C order; heaviest: what 255 stands for.
    """
    weights = np.nan_to_num(np.asarray(weights, float))
    heaviest = max(float(weights.max(initial=0.0)), 1e-9)
    flat = np.clip(np.rint(weights / heaviest * LEVELS), 0, LEVELS).astype(np.uint8)
    return {
        "weights": base64.b64encode(flat.tobytes()).decode(),
        "heaviest": float(f"{heaviest:.5g}"),
    }


def answers(said: str, gold: str, probability: float | None = None) -> Json:
    """What a run answered.

    Args:
      said: its answer.
      gold: the right one, "" where nobody knows.
      probability: of its answer, where it is known.

    Returns:
      said, whether it is right (None where nobody knows), and the probability.
    """
    content: Json = {"said": said, "right": said == gold if gold else None}
    if probability is not None:
        content["probability"] = round(float(probability), 4)
    return content
