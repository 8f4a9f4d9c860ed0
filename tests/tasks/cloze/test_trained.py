"""A trained reader: asked a question in text, with scores and weights."""

import jax
import numpy as np
import pytest

from attnlab.tasks.cloze.batches import encode
from attnlab.tasks.cloze.evaluate import ClozeEvaluator
from attnlab.tasks.cloze.trained import loader
from tests.estimators.toy import FAST
from tests.tasks.cloze.test_task import tiny


def opened(tmp_path, **settings):
    settings = tiny(**settings)
    how = loader(settings, tmp_path)
    params = jax.jit(how.init, compiler_options=FAST)(jax.random.key(0))
    return how.make(tmp_path, 3, params)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A reader that has learned nothing."""
    return opened(tmp_path_factory.mktemp("run"), answers="passage")


def test_it_is_short_to_print(reader):
    text = repr(reader)
    assert all(part in text for part in ("attentive", "synthetic", "step 3"))
    assert len(text) < 200


def test_a_question_in_text_is_answered_as_in_evaluation(reader):
    question = reader.corpus.test[0]
    answer = reader.answer(" ".join(question.passage), " ".join(question.query))
    encoded = encode(question, reader.names.vocabulary)
    evaluator = ClozeEvaluator(reader.model, reader.settings, reader.names.slots)
    (expected,) = evaluator.answers(reader.params, [encoded])
    assert answer.entity == question.entities[expected.slot]
    assert list(answer.scores) == list(question.entities)
    right = answer.scores[question.answer]
    assert -np.log(right) == pytest.approx(expected.nats, rel=1e-5)
    assert sum(answer.scores.values()) == pytest.approx(1, rel=1e-5)
    assert max(answer.scores, key=answer.scores.get) == answer.entity
    assert answer.weights.shape == (1, len(question.passage))
    np.testing.assert_allclose(answer.weights, expected.weights, rtol=1e-5)


def test_the_passage_is_drawn(reader):
    question = reader.corpus.test[0]
    answer = reader.answer(question.passage, question.query)
    (axes,) = answer.figure("mine").axes
    drawn = [text.get_text() for text in axes.texts]
    assert "mine" in drawn and question.passage[0] in drawn
    assert answer.entity in repr(answer)


def test_a_reader_without_attention_answers_and_draws_nothing(tmp_path):
    reader = opened(tmp_path, reader="deep-lstm")
    question = reader.corpus.test[0]
    answer = reader.answer(question.passage, question.query)
    assert answer.weights.shape[0] == 0 and answer.scores
    with pytest.raises(ValueError, match="attention"):
        answer.plot(tmp_path / "answer.png")
    assert not (tmp_path / "answer.png").exists()


MANY = " ".join(f"@entity{n}" for n in range(20))


@pytest.mark.parametrize(
    ("passage", "query", "named"),
    [
        ("nobody came .", "@placeholder came", "@entity0"),
        ("@entity0 came .", "who came", "who came"),
        (MANY, "@placeholder came", "20 entities"),
    ],
)
def test_a_question_that_cannot_be_asked_is_named(reader, passage, query, named):
    with pytest.raises(ValueError, match=named):
        reader.answer(passage, query)


@pytest.mark.parametrize("wrong", [5, None, b"a", [5]])
def test_a_question_that_is_no_text_is_named(reader, wrong):
    with pytest.raises(ValueError, match="^passage is "):
        reader.answer(wrong, "@placeholder came")
    with pytest.raises(ValueError, match="^query is "):
        reader.answer("@entity0 came .", wrong)
