"""Arguments that are wrong are one line with their name and value."""

import os
from pathlib import Path

import numpy as np
import pytest

from attnlab import arguments
from attnlab.report.results import results
from attnlab.training.load import load

NAN = float("nan")


@pytest.mark.parametrize("value", [5, None, b"a", ["a"], True])
def test_what_is_no_text_is_named(value):
    with pytest.raises(ValueError, match="^source is .*text$") as error:
        arguments.text("source", value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("value", [5, None, b"a", ["a", 5], {"a": 1}, [["a"]]])
def test_what_is_no_text_and_no_words_is_named(value):
    with pytest.raises(ValueError, match="^query is .*words$") as error:
        arguments.words("query", value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("value", [("a", "b"), ["a", "b"], np.array(["a", "b"])])
def test_words_are_any_list_of_them(value):
    assert arguments.words("query", value) == ("a", "b")
    assert arguments.several("text", value, "texts") == ["a", "b"]
    assert arguments.words("query", "a b") == "a b"


@pytest.mark.parametrize("value", [5, None, "a", b"a", {"a": 1}, NAN])
def test_what_is_no_list_is_named(value):
    with pytest.raises(ValueError, match=r"^story is .*; it must be a list of texts$"):
        arguments.several("story", value, "a list of texts")


@pytest.mark.parametrize("value", [0, -1, 11, 1.5, 2.0, "2", NAN, True, None, [1]])
def test_what_is_no_whole_number_of_the_range_is_named(value):
    with pytest.raises(ValueError, match="^beams is .*from 1 to 10$") as error:
        arguments.whole("beams", value, 1, 10)
    assert repr(value) in str(error.value)


def test_whole_numbers_are_numpys_too():
    assert arguments.whole("beams", np.int64(3), 1, 10) == 3


@pytest.mark.parametrize("value", [0, -1, 1.1, NAN, True, None, "0.5"])
def test_what_is_no_share_is_named(value):
    with pytest.raises(ValueError, match="^threshold is .*at most 1$"):
        arguments.share("threshold", value)
    assert arguments.share("threshold", np.float32(0.5)) == 0.5


@pytest.mark.parametrize("value", [5, None, b"a", True, ""])
def test_what_is_no_path_is_named(value):
    with pytest.raises(ValueError, match="^path is .*path$"):
        arguments.path("path", value)
    assert arguments.path("path", "a") == arguments.path("path", Path("a")) == Path("a")


@pytest.mark.parametrize("folder", [5, None, b"a", ""])
@pytest.mark.parametrize("use", [load, results])
def test_a_folder_that_is_no_path_is_named(use, folder):
    with pytest.raises(ValueError, match="^folder is "):
        use(folder)


def test_places_are_a_mapping():
    with pytest.raises(ValueError, match="^places is 5; "):
        load("a", places=5)  # type: ignore[arg-type]


def test_a_value_is_shown_on_one_line():
    assert arguments.shown(np.zeros((3, 3))).startswith("array([[0., 0., 0.], [0.,")
    assert len(arguments.shown(os.environ)) <= 80
