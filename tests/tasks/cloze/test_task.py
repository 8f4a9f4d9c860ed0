"""The cloze task: settings, scores, every row of its sweep, what a run writes."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.sweep import rows
from attnlab.tasks import parse_settings
from attnlab.tasks.cloze.batches import ClozeBatch, EncodedQuestions
from attnlab.tasks.cloze.evaluate import Answer, example_counts
from attnlab.tasks.cloze.model import Read
from attnlab.tasks.cloze.questions import ClozeQuestion
from attnlab.tasks.cloze.task import make_loss, make_task
from configs.ablations import hermann2015, ieer
from configs.cloze import get_config
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

TINY = {
    "data.shapes": 1,
    "data.synthetic.train": 16,
    "data.synthetic.dev": 4,
    "data.synthetic.test": 6,
    "data.synthetic.facts": (2, 2),
    "data.synthetic.entities": 4,
    "model.embedding": 6,
    "model.hidden": 5,
    "model.attention_hidden": 4,
    "model.readouts": 6,
    "train.batch_size": 4,
    "train.steps": 2,
    "train.warmup": 0,
    "train.learning_rate": 0.01,
    "evaluate.questions": 6,
    "wandb.mode": "disabled",
}
ROWS = {
    run.config["row"]: run.settings
    for run in rows.plan(get_config(), hermann2015.sweep, TINY)
}


def tiny(**settings):
    config = rows.resolve(get_config(), {}, TINY)
    return parse_settings(rows.resolve(config, settings))


@pytest.mark.parametrize("row", ROWS)
def test_a_row_makes_an_update(row):
    assert_an_update_keeps_its_shapes(ROWS[row])


@pytest.mark.parametrize("row", ["attentive", "impatient"])
def test_a_row_takes_two_steps(row):
    _, batches, moved = two_updates(ROWS[row])
    assert [int(sums.tokens) for sums in batches] == [4, 4]
    losses = [float(sums.loss) / 4 for sums in batches]
    assert np.isfinite(losses).all()
    assert losses[0] < np.log(4) + 0.5  # not worse than guessing
    assert moved > 0.8


def test_the_rows_of_newswire_make_an_update():
    """The same models as above, with marked matches."""
    specs = rows.plan(ieer.get_config(), ieer.sweep, TINY | {"data.name": "synthetic"})
    for settings in {run.config["row"]: run.settings for run in specs}.values():
        assert settings.data.ieer.further and settings.model.matches
        assert_an_update_keeps_its_shapes(settings)


def test_where_the_data_folder_is_is_no_setting():
    assert set(get_config().data.ieer) == {"further", "fold"}


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """(folder, scores on dev, results) of an untrained reader that answers any word."""
    folder = tmp_path_factory.mktemp("run")
    # Enough training questions that no other is longer: one shape, one program.
    settings = {"reader": "impatient", "answers": "words", "tied": True}
    task = make_task(tiny(**settings, **{"data.synthetic.train": 200}), folder)
    params = task.init(jax.random.key(0))
    return folder, task.validate(params), task.finish(params, folder)


def test_a_run_writes_what_it_did(impatient):
    folder, dev, results = impatient
    assert set(dev) == {"accuracy", "loss", "pointing", "pointing_answer"}
    example_counts = runs.read_example_counts(folder)
    assert len(example_counts.examples) == 6
    for score in dev:
        hits, of = example_counts.counts[score].sum(axis=0)
        assert hits / of == pytest.approx(results[score])
    assert 0 < results["chance"] < 1 and 0 <= results["most_frequent"] <= 1
    assert results["test_questions"] == 6
    assert results["loss"] > np.log(12)  # over all words of the vocabulary, untrained


def test_looks_are_written_with_the_words_they_belong_to(impatient):
    folder, _, results = impatient
    looks = runs.read_alignments(folder)["test"]
    text = runs.read_arrays(folder / runs.EXAMPLES)["questions"].tobytes()
    questions = json.loads(text)
    right = 0
    for look, question in zip(looks, questions, strict=True):
        assert list(look.target) == question["query"]
        assert question["answer"] in look.source
        np.testing.assert_allclose(look.weights.sum(axis=1), 1, rtol=1e-5)
        ((last, position),) = look.sure
        assert last == len(look.target) - 1
        assert look.source[position] == question["answer"]
        assert look.sure < look.possible
        right += question["said"] == question["answer"]
    assert right / 6 == pytest.approx(results["accuracy"])


def test_scores_by_hand():
    question = ClozeQuestion(
        "a", tuple("vwxyz"), (), "", support=(1, 2), support_answer=(2,)
    )
    unknown = question._replace(support=(), support_answer=())
    encoded = [EncodedQuestions([], [], slot, 3) for slot in (0, 1, 2, 0)]
    looks = [
        (0, 0.5, [[0.9, 0.1, 0, 0, 0], [0, 0.2, 0.8, 0, 0]]),  # both
        (2, 2.0, [[0.1, 0.5, 0.4, 0, 0]]),  # the sentence
        (2, 0.0, [[0.6, 0.2, 0.2, 0, 0]]),  # neither
        (-1, 1.5, [[1.0, 0, 0, 0, 0]]),  # nobody knows
    ]
    answers = [
        Answer(slot, nats, np.array(weights), np.zeros(3))
        for slot, nats, weights in looks
    ]
    counts = example_counts([question, question, question, unknown], encoded, answers)
    assert counts["accuracy"].tolist() == [[1, 1], [0, 1], [1, 1], [0, 1]]
    assert counts["loss"].tolist() == [[0.5, 1], [2, 1], [0, 1], [1.5, 1]]
    assert counts["pointing"].tolist() == [[1, 1], [1, 1], [0, 1], [0, 0]]
    assert counts["pointing_answer"].tolist() == [[1, 1], [0, 1], [0, 1], [0, 0]]


def test_without_attention_there_is_nothing_to_point_with():
    question = ClozeQuestion("a", tuple("vw"), (), "", (), (1,), (1,))
    blind = Answer(0, 0.5, np.zeros((0, 2)), np.zeros(1))
    counts = example_counts([question], [EncodedQuestions([], [], 0, 1)], [blind])
    assert set(counts) == {"accuracy", "loss"}


class Echo:
    """A model whose logits are its parameters."""

    def apply(self, params, *batch, **options):
        return Read(params, jnp.zeros((len(params), 0, 1)))


def test_only_the_passages_entities_are_answers_where_set_so():
    """Filler rows have none, and harm nothing."""
    lengths, ids = np.array([3, 3, 0]), np.zeros((3, 3), np.int32)
    candidates = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
    batch = ClozeBatch(ids, lengths, ids, lengths, np.array([1, 1, 0]), candidates)
    logits = jnp.array([[1.0, 1.0, 9.0], [5.0, 0.0, 5.0], [1.0, 2.0, 3.0]])

    def loss_over(answers):
        loss = make_loss(Echo(), tiny(answers=answers))
        run = jax.value_and_grad(loss, has_aux=True)
        (_, (sums, _)), gradient = run(logits, batch, jax.random.key(0), ())
        assert sums.tokens == 2
        return sums.loss, gradient

    loss, gradient = loss_over("passage")
    assert loss == pytest.approx(np.log(2))  # of two alike, and of one alone
    np.testing.assert_allclose(gradient, [[0.5, -0.5, 0], [0, 0, 0], [0, 0, 0]])
    loss, _ = loss_over("entities")
    total = np.log(np.exp(np.asarray(logits[:2])).sum(axis=1)).sum() - 1.0 - 0.0
    assert loss == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    ("setting", "value", "choices"),
    [
        ("data.name", "cnn", ["synthetic", "ieer", "files"]),
        ("data.numbering", "never", ["permuted", "first"]),
        ("data.shapes", 0, []),
        ("data.vocabulary", -1, []),
        ("data.synthetic.facts", [5, 4], []),
        ("data.synthetic.entities", 2, []),
        ("data.synthetic.synonyms", 1.5, []),
        ("data.ieer.fold", 5, []),
        ("model.reader", "patient", ["attentive", "impatient", "deep-lstm"]),
        ("model.readout", "query", ["both", "context", "sum"]),
        ("model.answers", "names", ["words", "entities", "passage"]),
        ("model.score", "bilinear", ["dot", "additive"]),
        ("model.score", "none", ["dot", "additive"]),
        ("model.read", "hard", ["soft", "top-k"]),
        ("model.cell", "rnn", ["cho-gru", "gru", "lstm"]),
        ("model.dropout", 1.0, []),
        ("model.layers", 0, []),
        ("model.hidden", 0, []),
        ("model.embedding", 0, []),
        ("train.steps", 0, []),
        ("train.batch_size", 0, []),
        ("train.compute", "float16", ["float32", "bfloat16"]),
        ("train.stop_on", "bleu", ["accuracy", "loss", "pointing"]),
        ("evaluate.questions", 0, []),
    ],
)
def test_wrong_choices_are_answered_with_the_right_ones(setting, value, choices):
    config = json.loads(get_config().to_json())
    *sections, name = setting.split(".")
    section = config
    for part in sections:
        section = section[part]
    section[name] = value
    with pytest.raises(ValueError) as caught:
        parse_settings(config)
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in [setting, repr(value), *choices])


def test_a_sum_of_weights_is_for_the_attentive_reader():
    with pytest.raises(ValueError, match="model.readout sum .*impatient"):
        tiny(readout="sum", reader="impatient")
    assert tiny(readout="sum", reader="deep-lstm").model.readout == "sum"


def test_questions_that_are_not_there_name_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="ATTNLAB_DATA"):
        make_task(tiny(**{"data.name": "ieer"}), tmp_path)
