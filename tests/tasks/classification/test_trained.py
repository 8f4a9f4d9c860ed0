"""A trained classifier says of a text what its run said of it."""

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.tasks import make_task, spec
from tests.nn import cells_by_hand
from tests.tasks.classification.small import small


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """(the run's folder, the run with parameters that nobody trained)."""
    folder = tmp_path_factory.mktemp("classification")
    settings = small()
    task = make_task(settings, folder)
    params = cells_by_hand.random_like(jax.eval_shape(task.init, jax.random.key(0)))
    task.finish(params, folder)
    loader = spec("classification").loader(settings, folder)
    shapes = jax.eval_shape(loader.init, jax.random.key(0))
    assert jax.tree.structure(shapes) == jax.tree.structure(params)
    return folder, loader.make(folder, 7, params)


def test_it_says_what_the_run_said(opened):
    folder, run = opened
    pairs = runs.read_alignments(folder)["test"]
    shares = runs.read_arrays(folder / runs.EXAMPLES)["probabilities"]
    answers = run.classify([" ".join(pair.source) for pair in pairs])
    for pair, row, answer in zip(pairs, shares, answers, strict=True):
        assert answer.words == pair.source
        assert answer.label == ("negative", "positive")[row.argmax()]
        given = [answer.probabilities[name] for name in ("negative", "positive")]
        np.testing.assert_allclose(given, row, rtol=1e-4)
        np.testing.assert_allclose(answer.weights, pair.weights[0], rtol=1e-4)


def test_one_text_gives_one_answer(opened):
    answer = opened[1].classify("the plot hardly boring")
    (again,) = opened[1].classify([("the", "plot", "hardly", "boring")])
    assert answer.probabilities == again.probabilities
    assert answer.weights.shape == (4,)


def test_words_that_the_run_does_not_know_are_on_the_answer(opened, capsys):
    answer = opened[1].classify("superb qq zz superb qq")
    assert answer.unknown == ("qq", "zz") and answer.words.count("qq") == 2
    assert opened[1].classify("superb").unknown == ()
    assert capsys.readouterr() == ("", "")
    assert opened[1].classify("superb " * 40 + "qq").unknown == ()  # it is not read


def test_long_texts_are_cut_where_the_run_cuts(opened):
    assert len(opened[1].classify("good " * 40).words) == 19  # and EOS


def test_words_are_shaded_by_weight(opened):
    answer = opened[1].classify("a <b> superb score")
    html = answer._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" + answer.label in html
    alphas = [float(part.split(")")[0]) for part in html.split("38, ")[1:]]
    assert len(alphas) == 4 and max(alphas) == 1.0
    assert np.argmax(alphas) == np.argmax(answer.weights)
    assert answer.figure("here").axes


def test_its_reprs_are_short(opened):
    folder, run = opened
    assert repr(run) == f"<additive classifier on evidence, step 7, {folder}>"
    answer = run.classify("superb")
    assert answer.label in repr(answer) and "superb" in repr(answer)


def test_an_unfinished_run_has_its_classes_from_the_corpus(opened, tmp_path):
    folder, run = opened
    (tmp_path / "words.codec").write_bytes((folder / "words.codec").read_bytes())
    loader = spec("classification").loader(run.settings, tmp_path)
    assert loader.make(tmp_path, 1, run.params).classes == run.classes


@pytest.mark.parametrize("text", [5, None, b"a", [5], (5,), {"a": 1}])
def test_what_is_no_text_is_named(opened, text):
    with pytest.raises(ValueError, match="^text is "):
        opened[1].classify(text)
