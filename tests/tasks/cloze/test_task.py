"""The reading task: settings, scores, every row of its sweep, what a run writes."""

import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.sweep import rows
from attnlab.tasks.cloze.batches import ClozeBatch, EncodedQuestions
from attnlab.tasks.cloze.corpora import ClozeQuestion
from attnlab.tasks.cloze.evaluate import Answer, example_counts
from attnlab.tasks.cloze.model import Read
from attnlab.tasks.cloze.task import CORPORA, make_loss, make_task
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
    run.config["row"]: run.config
    for run in rows.plan(get_config(), hermann2015.sweep, TINY)
}
QUICK = {"xla_backend_optimization_level": 0}


def tiny(**settings):
    config = rows.resolve(get_config(), {}, TINY)
    config = rows.resolve(config, settings)
    return json.loads(config.to_json())


@pytest.mark.parametrize("row", ROWS)
def test_a_row_makes_an_update(row, tmp_path):
    task = make_task(ROWS[row], tmp_path)
    assert_an_update_keeps_its_shapes(task, ROWS[row]["train"])


@pytest.mark.parametrize("row", ["attentive", "impatient"])
def test_a_row_takes_two_steps(row, tmp_path):
    task = make_task(ROWS[row], tmp_path)
    _, sums, moved = two_updates(task, ROWS[row]["train"])
    assert [int(one.tokens) for one in sums] == [4, 4]
    losses = [float(one.loss) / 4 for one in sums]
    assert np.isfinite(losses).all()
    assert losses[0] < np.log(4) + 0.5  # not worse than guessing
    assert moved > 0.8


def test_the_rows_of_newswire_make_an_update(tmp_path):
    """The same models as above, with marked matches."""
    planned = rows.plan(
        ieer.get_config(), ieer.sweep, TINY | {"data.name": "synthetic"}
    )
    for config in {run.config["row"]: run.config for run in planned}.values():
        assert config["data"]["ieer"]["further"] and config["model"]["matches"]
        task = make_task(config, tmp_path)
        assert_an_update_keeps_its_shapes(task, config["train"])


@pytest.mark.parametrize("name", CORPORA)
def test_the_settings_of_questions_are_their_loaders(name):
    known = inspect.signature(CORPORA[name]).parameters
    settings = get_config().data[name]
    assert set(settings) <= set(known)
    given = {option: settings[option] for option in settings}
    assert given == {option: known[option].default for option in settings}


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
    known = runs.read_example_counts(folder)
    assert len(known.examples) == 6
    for score in dev:
        hits, of = known.counts[score].sum(axis=0)
        assert hits / of == pytest.approx(results[score])
    assert 0 < results["chance"] < 1 and 0 <= results["most_frequent"] <= 1
    assert results["test_questions"] == 6
    assert results["loss"] > np.log(12)  # over all words of the vocabulary, untrained


def test_looks_are_written_with_the_words_they_belong_to(impatient):
    folder, _, results = impatient
    looks = runs.read_alignments(folder)["test"]
    text = runs.read_arrays(folder / runs.EXAMPLES)["questions"].tobytes()
    said = json.loads(text)
    right = 0
    for look, one in zip(looks, said, strict=True):
        assert list(look.target) == one["query"]
        assert one["answer"] in look.source
        np.testing.assert_allclose(look.weights.sum(axis=1), 1, rtol=1e-5)
        ((last, told),) = look.sure
        assert last == len(look.target) - 1
        assert look.source[told] == one["answer"]
        assert look.sure < look.possible
        right += one["said"] == one["answer"]
    assert right / 6 == pytest.approx(results["accuracy"])


def test_scores_by_hand():
    one = ClozeQuestion("a", tuple("vwxyz"), (), "", support=(1, 2), told=(2,))
    asked = [one, one, one, one._replace(support=(), told=())]
    encoded = [EncodedQuestions([], [], slot, 3) for slot in (0, 1, 2, 0)]
    answers = [
        Answer(0, 0.5, np.array([[0.9, 0.1, 0, 0, 0], [0, 0.2, 0.8, 0, 0]])),  # both
        Answer(2, 2.0, np.array([[0.1, 0.5, 0.4, 0, 0]])),  # the sentence
        Answer(2, 0.0, np.array([[0.6, 0.2, 0.2, 0, 0]])),  # neither
        Answer(-1, 1.5, np.array([[1.0, 0, 0, 0, 0]])),  # nobody knows
    ]
    found = example_counts(asked, encoded, answers)
    assert found["accuracy"].tolist() == [[1, 1], [0, 1], [1, 1], [0, 1]]
    assert found["loss"].tolist() == [[0.5, 1], [2, 1], [0, 1], [1.5, 1]]
    assert found["pointing"].tolist() == [[1, 1], [1, 1], [0, 1], [0, 0]]
    assert found["pointing_answer"].tolist() == [[1, 1], [0, 1], [0, 1], [0, 0]]


def test_without_attention_there_is_nothing_to_point_with():
    one = ClozeQuestion("a", tuple("vw"), (), "", support=(1,), told=(1,))
    blind = Answer(0, 0.5, np.zeros((0, 2)))
    assert set(example_counts([one], [EncodedQuestions([], [], 0, 1)], [blind])) == {
        "accuracy",
        "loss",
    }


class Says:
    """A model whose parameters are what it says."""

    def apply(self, params, *batch, **options):
        return Read(params, jnp.zeros((len(params), 0, 1)))


def test_only_the_passages_entities_are_answers_where_told_so():
    """Filler rows have none, and harm nothing."""
    lengths, ids = np.array([3, 3, 0]), np.zeros((3, 3), np.int32)
    candidates = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
    batch = ClozeBatch(ids, lengths, ids, lengths, np.array([1, 1, 0]), candidates)
    says = jnp.array([[1.0, 1.0, 9.0], [5.0, 0.0, 5.0], [1.0, 2.0, 3.0]])

    def found(answers):
        loss = make_loss(Says(), tiny(answers=answers))
        run = jax.value_and_grad(loss, has_aux=True)
        (_, (sums, _)), gradient = run(says, batch, jax.random.key(0), ())
        assert sums.tokens == 2
        return sums.loss, gradient

    loss, gradient = found("passage")
    assert loss == pytest.approx(np.log(2))  # of two alike, and of one alone
    np.testing.assert_allclose(gradient, [[0.5, -0.5, 0], [0, 0, 0], [0, 0, 0]])
    loss, _ = found("entities")
    every = np.log(np.exp(np.asarray(says[:2])).sum(axis=1)).sum() - 1.0 - 0.0
    assert loss == pytest.approx(every, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"data.name": "cnn"},
            "unknown questions 'cnn'; choose synthetic, ieer, files",
        ),
        ({"data.numbering": "never"}, "unknown numbering 'never'"),
        ({"reader": "patient"}, "unknown reader 'patient'; choose attentive"),
        ({"answers": "names"}, "unknown model.answers 'names'; choose words, entities"),
        ({"score": "bilinear"}, "unknown score 'bilinear'; choose dot"),
        ({"score": "none"}, "a reader without attention is model.reader deep-lstm"),
        ({"read": "hard"}, "which model.read 'hard' cannot; choose soft, top-k"),
        ({"cell": "rnn"}, "unknown cell 'rnn'"),
        ({"dropout": 1.0}, "model.dropout is 1.0"),
        ({"layers": 0}, "model.layers is 0"),
        ({"evaluate.questions": 0}, "evaluate.questions is 0"),
        ({"compute": "float16"}, "unknown train.compute 'float16'"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, expected, tmp_path):
    with pytest.raises(ValueError, match=expected) as error:
        task = make_task(tiny(**settings), tmp_path)
        jax.eval_shape(task.init, jax.random.key(0))
    assert "\n" not in str(error.value)


def test_questions_that_are_not_there_name_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="set ATTNLAB_DATA to the folder"):
        make_task(tiny(**{"data.name": "ieer"}), tmp_path)
