"""A trained memory network answers as its run was judged."""

import json

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.tasks import make_task, spec
from attnlab.tasks.memn2n.trained import StoryAnswer
from tests.tasks.memn2n.small import small


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """(the run's folder, the run with parameters that nobody trained)."""
    folder = tmp_path_factory.mktemp("memn2n")
    settings = small(**{"model.hops": 2, "model.linear_start": 0})
    task = make_task(settings, folder)
    params = jax.tree.map(lambda leaf: 5 * leaf, task.init(jax.random.key(0)))
    task.finish(params, folder)
    loader = spec("memn2n").loader(settings, folder)
    shapes = jax.eval_shape(loader.init, jax.random.key(0))
    assert jax.tree.structure(shapes) == jax.tree.structure(params)
    assert jax.tree.structure(loader.estimator_state) == jax.tree.structure(
        task.estimator_state
    )
    return folder, loader.make(folder, 7, params)


def test_it_answers_what_the_run_answered(opened):
    folder, run = opened
    pairs = runs.read_alignments(folder)["test"]
    text = runs.read_arrays(folder / runs.EXAMPLES)["questions"].tobytes()
    for pair, judged in zip(pairs, json.loads(text), strict=True):
        answer = run.answer(pair.source, judged["question"])
        assert answer.answer == judged["predicted"]
        best = max(answer.probabilities.values())
        assert answer.probabilities[answer.answer] == best
        np.testing.assert_allclose(best, judged["probability"], rtol=1e-5)
        np.testing.assert_allclose(answer.weights, pair.weights, rtol=1e-4, atol=1e-6)
        assert sum(answer.probabilities.values()) == pytest.approx(1, rel=1e-4)


def test_text_and_words_are_the_same_question(opened):
    _, run = opened
    text = run.answer(["John went to the garden.", "Mary left."], "Where is John?")
    words = run.answer(
        [("john", "went", "to", "the", "garden"), ("mary", "left")],
        ("where", "is", "john"),
    )
    assert text.probabilities == words.probabilities
    assert text.story == ("john went to the garden", "mary left")
    assert text.weights.shape == (2, 2)


def test_a_sentence_longer_than_any_is_named(opened):
    with pytest.raises(ValueError, match="9 words"):
        opened[1].answer(["a b c d e f g h i"], "where is john")


def test_its_reprs_are_short_and_it_is_drawn(opened):
    folder, run = opened
    answer = run.answer(["John went to the garden."], "Where is John?")
    assert repr(run) == f"<memn2n on stories, step 7, {folder}>"
    assert answer.answer in repr(answer) and len(repr(answer)) < 200
    assert answer.figure("here").axes


def test_an_answer_without_a_memory_is_not_drawn(tmp_path):
    answer = StoryAnswer(("a b",), "who", "b", {"b": 1.0}, np.zeros((0, 1)))
    with pytest.raises(ValueError, match="memory"):
        answer.plot(tmp_path / "answer.png")


@pytest.mark.parametrize("story", [5, None, "John went home.", [5], [["a", 5]]])
def test_a_story_that_is_no_list_of_sentences_is_named(opened, story):
    with pytest.raises(ValueError, match="^story is "):
        opened[1].answer(story, "where is john")


def test_a_question_that_is_no_text_is_named(opened):
    with pytest.raises(ValueError, match="^question is 5"):
        opened[1].answer(["john went home"], 5)
