"""What tasks give the page: examples from run folders, as the runs have stored them."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from attnlab import runs
from attnlab.report.examples import answers, examples_of, packed
from attnlab.tasks import TASKS, spec
from tests.report import task_sweeps


def of(root, kind):
    """[(run, its examples)] of a sweep."""
    getattr(task_sweeps, f"write_{kind}")(root)
    return [(run, examples_of(run)) for run in runs.find(root)]


def weights_of(content, shape):
    flat = np.frombuffer(base64.b64decode(content["weights"]), np.uint8)
    return content["heaviest"] * flat.reshape(shape) / 255


def test_weights_are_packed_in_parts_of_the_heaviest():
    weights = np.array([[0.0, 0.001], [0.002, 0.0004]])
    content = packed(weights)
    np.testing.assert_allclose(weights_of(content, (2, 2)), weights, atol=0.002 / 509)
    assert packed(np.zeros(3))["weights"] == base64.b64encode(bytes(3)).decode()
    assert packed(np.zeros((0, 3)))["weights"] == ""
    assert packed(np.array([np.nan, 1.0]))["heaviest"] == 1.0


def test_answers_are_right_wrong_or_unknown():
    assert answers("a", "a") == {"said": "a", "right": True}
    assert answers("a", "b", 0.5) == {"said": "a", "right": False, "probability": 0.5}
    assert answers("a", "")["right"] is None


def test_stories(tmp_path):
    for run, examples in of(tmp_path, "stories"):
        assert (examples.form, examples.name) == ("story", "questions")
        first = examples.shared[0]
        assert first["source"] == list(task_sweeps.STORY) and first["facts"] == [0]
        assert (first["target"], first["answer"]) == (["where", "is", "mary"], "home")
        pairs = run.alignments()["test"]
        for result, pair in zip(examples.results, pairs, strict=True):
            back = weights_of(result, pair.weights.shape)
            np.testing.assert_allclose(back, pair.weights, atol=1 / 509)
            assert result["hops"] == 2
        assert examples.results[0]["right"] == (run.row == "one")


def test_passages(tmp_path):
    (_, sharp), (run, even) = of(tmp_path, "passages")
    assert sharp.shared == even.shared and sharp.form == "passage"
    (shared,), (result,) = even.shared, even.results
    assert shared["source"] == list(task_sweeps.PASSAGE)
    assert shared["support"] == [0, 1, 2, 3] and shared["names"] == {"@entity1": "Anna"}
    (pair,) = run.alignments()["test"]
    back = weights_of(result, (1, len(pair.source)))
    np.testing.assert_allclose(back, pair.weights, rtol=0.01)
    assert sharp.results[0]["right"] and not result["right"]


def test_sequences(tmp_path):
    (_, lstm), (run, ntm) = of(tmp_path, "sequences")
    assert lstm.shared == ntm.shared  # rows with and without a memory are compared
    assert [each["target"] for each in ntm.shared] == [["size", "3"], ["size", "20"]]
    assert [part["name"] for part in lstm.results[0]["panels"]] == [
        *("inputs", "targets", "outputs")
    ]
    arrays = runs.read_arrays(run.folder / runs.EXAMPLES)
    parts = {part["name"]: part for part in ntm.results[1]["panels"]}
    back = weights_of(parts["outputs"], (4, 41))
    np.testing.assert_allclose(back, arrays["20/outputs"].T, atol=1 / 500)
    assert parts["outputs"]["gaps"] == list(range(21))
    write = parts["write"]
    back = weights_of(write, (write["lines"], 41))
    slots = (write["first"] + np.arange(write["lines"])) % write["size"]
    np.testing.assert_allclose(back, arrays["20/writes"][:, 0, slots].T, atol=1 / 500)
    assert slots[-1] == write["last"] and write["size"] == 16


def test_captions(tmp_path):
    (_, soft), (run, hard) = sorted(
        of(tmp_path, "captions"), key=lambda x: -x[0].order
    )[::-1]
    assert soft.shared == hard.shared
    arrays = runs.read_arrays(run.folder / runs.EXAMPLES)
    head, _, content = hard.shared[0]["picture"].partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert (np.asarray(picture) == arrays["pictures/0"]).all()
    result = hard.results[0]
    back = weights_of(result, (3, 3, 3))
    np.testing.assert_allclose(back, arrays["weights/0"], atol=1 / 500)
    assert result["reads"] == [2, 2, 2] and "reads" not in soft.results[0]


@pytest.mark.parametrize("kind", ["stories", "passages", "sequences", "captions"])
def test_runs_without_the_files_have_no_examples(tmp_path, kind):
    for run, examples in of(tmp_path, kind):
        assert examples is not None
        (run.folder / runs.EXAMPLES).unlink()
        assert examples_of(run) is None


def test_odd_files_have_no_examples(tmp_path):
    (run, _), *_ = of(tmp_path, "stories")
    text = np.frombuffer(json.dumps([{"question": 7}]).encode(), np.uint8)
    runs.write_arrays(run.folder / runs.EXAMPLES, {"questions": text})
    assert examples_of(run) is None


def test_tasks_with_forms_of_their_own():
    own = [name for name in TASKS if spec(name).examples]
    assert own == ["captioning", "cloze", "memn2n", "ntm"]
