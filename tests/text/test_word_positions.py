import numpy as np
import pytest

from attnlab.text.word_positions import drawn, of_words


def test_centres_of_whole_words_stay_as_they_are():
    centres = np.array([0.0, 0.4, 2.9, 3.0, 7.0], np.float32)  # the last is EOS's
    found = of_words(centres, [0, 1, 2], [0, 1, 2, 3])
    np.testing.assert_allclose(found, centres[:4])


def test_centres_between_subwords_are_counted_in_words():
    """Words of two, one and three units; the second target word has two units."""
    source, target = [0, 0, 1, 2, 2, 2], [0, 1, 1, 2]
    found = of_words(np.array([1.5, 2.0, 4.5, 6.0, 0.0]), source, target)
    np.testing.assert_allclose(found, [0.75, (1.0 + 2.5) / 2, 3.0])


def test_no_words_have_no_centres():
    assert of_words(np.zeros(1), [0], []).shape == (0,)
    assert of_words(np.zeros(2), [], [0]).tolist() == [0.0]


def test_draws_follow_the_weights():
    rng = np.random.default_rng(0)
    weights = np.array([[0.1, 0.0, 0.3, 0.1]])  # sums to a half, as under a prior
    found = [int(drawn(weights, [0, 1, 1], [0], rng)[0]) for _ in range(4000)]
    shares = {s: found.count(s) / 4000 for s in (0, 1, -1)}
    expected = {0: 0.2, 1: 0.6, -1: 0.2}  # the second word has units 1 and 2; EOS
    for s, share in expected.items():
        assert shares[s] == pytest.approx(share, abs=0.03)


def test_no_weight_draws_nothing_and_a_word_has_its_first_unit():
    one_hot = np.eye(3)[[2, 0, 1, 1]]
    one_hot[3] = 0
    rng = np.random.default_rng(0)
    found = drawn(one_hot, [0, 1, 2], [0, 0, 1, 2], rng)
    assert found.tolist() == [2, 1, -1]
    assert drawn(np.zeros((2, 0)), [], [0, 1], rng).tolist() == [-1, -1]
    assert drawn(np.zeros((1, 3)), [0, 1], [], rng).shape == (0,)
