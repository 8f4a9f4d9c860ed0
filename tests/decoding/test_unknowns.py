import numpy as np
import pytest

from attnlab.decoding import replace_unknown

SOURCE = ["das", "Haus", "in", "Ecrit"]


def test_copies_or_translates_the_most_attended_word():
    words = ["the", "<unk>", "in", "<unk>"]
    weights = np.array(
        [[0.9, 0.1, 0, 0], [0.2, 0.5, 0.3, 0], [0, 0, 1, 0], [0, 0.1, 0.2, 0.7]]
    )
    assert replace_unknown(words, weights, SOURCE) == ["the", "Haus", "in", "Ecrit"]
    translated = replace_unknown(words, weights, SOURCE, {"Haus": "house", "in": "at"})
    assert translated == ["the", "house", "in", "Ecrit"]
    assert words == ["the", "<unk>", "in", "<unk>"]


def test_ignores_end_marks_and_padding():
    weights = np.zeros((5, 7))
    weights[0] = [0.1, 0.2, 0.05, 0.05, 0.6, 0, 0]  # mostly at the end mark
    assert replace_unknown(["<unk>"], weights, SOURCE) == ["Haus"]


def test_leaves_the_unknown_without_weight():
    weights = np.zeros((1, 4))
    assert replace_unknown(["<unk>"], weights, SOURCE) == ["<unk>"]
    assert replace_unknown(["?"], weights + 1, SOURCE, unknown="?") == ["das"]
    assert replace_unknown([], np.zeros((0, 4)), SOURCE) == []
    assert replace_unknown(["<unk>"], np.zeros((1, 0)), []) == ["<unk>"]


def test_errors():
    with pytest.raises(ValueError, match=r"shape \(1, 4\) for 2 words and 4 source"):
        replace_unknown(["a", "b"], np.zeros((1, 4)), SOURCE)
    with pytest.raises(ValueError, match=r"shape \(1, 3\) for 1 words and 4 source"):
        replace_unknown(["a"], np.zeros((1, 3)), SOURCE)
    with pytest.raises(ValueError, match=r"not \[T, S\]"):
        replace_unknown(["a"], np.zeros(4), SOURCE)
