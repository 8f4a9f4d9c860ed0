"""The answering task: its loss, its scores, and what a run leaves behind."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.attention.base import SampleSpec
from attnlab.corpora.folder import MissingCorpus
from attnlab.sweep import rows
from attnlab.tasks import make_task
from attnlab.tasks.memn2n.batches import StoryBatch
from attnlab.tasks.memn2n.evaluate import Answers
from attnlab.tasks.memn2n.loss import sample_spec
from attnlab.tasks.memn2n.settings import MemN2NSettings
from attnlab.training.optimizers import make_schedule
from configs.ablations import sukhbaatar2015
from tests.tasks.memn2n.small import TINY, small
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

FAST = {"xla_backend_optimization_level": 0}


def tiny_rows():
    """{name: settings} of every row of the sweep, with one hop for the time it takes to
    compile more; those that are equal then come once."""
    distinct = {}
    one_hop = TINY | {"model.hops": 1}
    for run in rows.plan(sukhbaatar2015.get_config(), sukhbaatar2015.sweep, one_hop):
        settings = run.settings
        key = settings.model, settings.estimator
        distinct.setdefault(key, (run.config["row"], settings))
    return dict(distinct.values())


ROWS = tiny_rows()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_makes_an_update(name):
    assert_an_update_keeps_its_shapes(ROWS[name])


@pytest.mark.parametrize("name", ["PE LS RN", "hard, reinforce"])
def test_a_row_takes_two_steps(name):
    state, sums, moved = two_updates(ROWS[name])
    for total in sums:
        assert np.isfinite(float(total.loss)) and int(total.tokens) == 4
    assert int(state.estimator_state.updates) == 2
    assert moved == 1.0


# ---- one small task, whose loss is compiled once -----------------------------------


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memn2n")
    settings = small(**{"model.linear_start": 3, "model.noise": 0.0, "model.hops": 2})
    made = make_task(settings, folder)
    return made, made.init(jax.random.key(1)), folder


@pytest.fixture(scope="module")
def loss(task):
    return jax.jit(task[0].loss, compiler_options=FAST)


def test_fillers_and_their_number_change_nothing(task, loss):
    made, params, _ = task
    batch = made.batches.at(0)
    keeps = (np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1]))
    rows_of = [batch._replace(answers=batch.answers * keep) for keep in keeps]

    def sums(batch):
        return loss(params, batch, jax.random.key(2), made.estimator_state)[1][0]

    whole, halves = sums(batch), list(map(sums, rows_of))
    np.testing.assert_allclose(whole.loss, sum(h.loss for h in halves), rtol=1e-5)
    assert [int(h.tokens) for h in halves] == [2, 2] and int(whole.tokens) == 4


def test_the_start_is_linear_for_as_many_updates_as_set(task, loss):
    made, params, _ = task
    params = jax.tree.map(lambda leaf: 8 * leaf, params)  # so that a softmax matters
    losses = []
    for updates in (0, 2, 3, 9):
        estimator_state = made.estimator_state._replace(
            updates=jnp.asarray(updates, jnp.int32)
        )
        total, (_, after) = loss(
            params, made.batches.at(0), jax.random.key(2), estimator_state
        )
        losses.append(float(total))
        assert int(after.updates) == updates + 1
    assert losses[0] == losses[1] != losses[2] == losses[3]


def test_a_run_leaves_scores_tallies_and_weights(task):
    made, params, folder = task
    result = made.finish(params, folder)
    example_counts = runs.read_example_counts(folder)
    assert len(set(example_counts.examples)) == 6
    for score in ("accuracy", "loss", "pointing"):
        hits, asked = example_counts.counts[score].sum(axis=0)
        np.testing.assert_allclose(result[score], hits / asked, rtol=1e-6)
    assert set(result["hops"]) == {"hop1", "hop2"}
    (pairs,) = runs.read_alignments(folder).values()
    assert pairs[0].target == ("hop 1", "hop 2")
    facts = {s for _, s in pairs[0].sure}
    assert facts and pairs[0].sure == {(hop, s) for hop in range(2) for s in facts}
    text = runs.read_arrays(folder / runs.EXAMPLES)["questions"].tobytes()
    answers = json.loads(text)
    assert len(answers) == len(pairs) == 6
    hits = np.mean([answer["predicted"] == answer["answer"] for answer in answers])
    np.testing.assert_allclose(hits, result["accuracy"])
    assert made.validate(params).keys() == set(made.scores)
    for name in ("train_loss", "train_accuracy", "dev_loss", "dev_accuracy"):
        assert np.isfinite(result[name])
    json.dumps(result)


def test_an_unknown_answer_is_never_right():
    probabilities = np.eye(5)[[3, 4, 4]]  # 3 is UNK
    answers = Answers(np.zeros(3), probabilities, np.zeros((3, 0, 1)))
    hits = answers.hits(np.array([3, 4, 0]))
    np.testing.assert_array_equal(hits, [False, True, False])


# ---- hard reads, by the sum over all paths through the hops ------------------------


def exact(params, batch: StoryBatch, row: int, size: int):
    """E log p(answer) over every path of two hops, from the equations, tied adjacently,
    bag of words, no times, no empty slots."""
    words = params["params"]["words"]

    def embedded(table, text):
        real = batch.texts[text] != 0
        return (words[table][batch.texts[text]] * real[:, None]).sum(axis=0)

    m, c, more = (
        jnp.stack([embedded(t, batch.stories[row, s]) for s in range(size)])
        for t in range(3)
    )
    first = embedded(0, batch.questions[row])
    total = 0.0
    for one, two in itertools.product(range(size), repeat=2):
        p_one = jax.nn.softmax(m @ first)
        second = first + c[one]
        p_two = jax.nn.softmax(c @ second)
        logits = words[2] @ (second + more[two])
        nats = jax.nn.log_softmax(logits)[batch.answers[row]]
        total += p_one[one] * p_two[two] * nats
    return total


def test_reinforce_follows_the_gradient_of_the_expectation(tmp_path):
    settings = small(
        **{
            "model.read": "hard",
            "model.hops": 2,
            "model.encoding": "bag",
            "model.temporal": False,
            "model.empty_slots": False,
            "model.linear_start": 0,
            "data.stories.sentences": (3, 3),
            "train.batch_size": 2,
            "estimator.learning": "reinforce",
            "estimator.feed": "sampled",
            "estimator.credit": "sentence",
            "estimator.samples": 4000,
        }
    )
    task = make_task(settings, tmp_path)
    params = jax.tree.map(lambda leaf: 5 * leaf, task.init(jax.random.key(1)))
    batch = task.batches.at(0)

    def sampled(params):
        return -task.loss(params, batch, jax.random.key(3), task.estimator_state)[0]

    def expected(params):
        return exact(params, batch, 0, 3) + exact(params, batch, 1, 3)

    both = jax.jit(
        lambda params: (
            jax.value_and_grad(sampled)(params),
            jax.value_and_grad(expected)(params),
        ),
        compiler_options=FAST,
    )
    (estimate, slopes), (value, exactly) = both(params)
    np.testing.assert_allclose(estimate, value, rtol=0.05)
    one, two = (np.asarray(s["params"]["words"]) for s in (slopes, exactly))
    assert np.linalg.norm(one - two) < 0.1 * np.linalg.norm(two)


def test_without_a_key_the_most_probable_memory_is_read():
    spec = sample_spec(None, 2, 3, 0.5)
    assert isinstance(spec, SampleSpec) and spec.rng is None
    assert spec.temperature.shape == spec.expected.shape == (2, 3)
    assert sample_spec(jax.random.key(0), 2, 3).rng.shape == (2, 3)


HARD = {"model.read": "hard", "estimator.learning": "reinforce"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data.name": "tales"}, ["data.name", "tales", "stories", "babi"]),
        ({"data.stories.facts": "4"}, ["data.stories.facts", "4", "1,2"]),
        ({"data.stories.sentences": (5, 4)}, ["data.stories.sentences", "5", "4"]),
        ({"data.stories.people": 7}, ["data.stories.people", "7", "6"]),
        ({"data.babi.tasks": "21"}, ["data.babi.tasks", "21", "1 to 20"]),
        ({"data.babi.size": "2k"}, ["data.babi.size", "2k", "1k", "10k"]),
        ({"data.babi.held_out": 1.0}, ["data.babi.held_out", "1.0"]),
        ({"model.system": "gru"}, ["model.system", "gru", "memn2n", "lstm"]),
        ({"model.score": "none"}, ["model.score", "none", "model.system lstm"]),
        ({"model.score": "dots"}, ["model.score", "dots", "scaled-dot"]),
        ({"model.tying": "loose"}, ["model.tying", "loose", "layer-wise"]),
        ({"model.encoding": "sum"}, ["model.encoding", "sum", "released", "bag"]),
        ({"model.noise": 1.0}, ["model.noise", "1.0"]),
        ({"model.hops": 0}, ["model.hops", "0"]),
        ({"model.memory": 0}, ["model.memory", "0"]),
        ({"model.width": 0}, ["model.width", "0"]),
        ({"model.linear_start": -1}, ["model.linear_start", "-1"]),
        ({"model.window": "local-m"}, ["model.linear_start", "local-m"]),
        ({"model.coverage": True}, ["model.linear_start", "coverage"]),
        ({"model.normalizer": "mocha"}, ["model.linear_start", "mocha"]),
        ({"model.read": "hard"}, ["cross-entropy", "reinforce"]),
        ({"estimator.learning": "marginal"}, ["estimator.learning", "marginal"]),
        ({"estimator.learning": "gumbel"}, ["soft", "gumbel"]),
        ({"estimator.coin": 0.5}, ["estimator.coin", "0.5"]),
        ({"estimator.entropy": 0.1}, ["estimator.entropy", "0.1"]),
        (HARD | {"estimator.learning": "marginal"}, ["estimator.learning", "gumbel"]),
        (HARD, ["estimator.feed", "expected", "sampled"]),
        (
            HARD | {"estimator.baseline": "self-critical"},
            ["estimator.baseline", "self-critical", "moving-average"],
        ),
        ({"train.compute": "bfloat16"}, ["train.compute", "bfloat16", "float32"]),
        ({"train.steps": 0}, ["train.steps", "0"]),
        ({"train.batch_size": 0}, ["train.batch_size", "0"]),
        ({"train.stop_on": "bleu"}, ["train.stop_on", "bleu", "accuracy", "loss"]),
        ({"evaluate.questions": 0}, ["evaluate.questions", "0"]),
    ],
)
def test_a_wrong_setting_is_named_with_the_choices(changes, named):
    with pytest.raises(ValueError) as caught:
        small(**changes)
    assert all(word in str(caught.value) for word in named)


def test_default_rates_are_those_of_the_released_code():
    train = MemN2NSettings().train
    schedule = make_schedule(train, 28)  # of 900 questions
    found = [float(schedule(step)) for step in range(train.steps)]
    # 120 epochs: of 1 to 20, 21 to 44, and 25 each but for the last; the code's loss is
    # summed over the 32 questions whose mean is ours.
    lengths = [20, 24, 25, 25, 25, 1]
    halvings = [1, 1, 2, 4, 8, 16]
    expected = np.repeat(32 * 0.005 / np.array(halvings), 28 * np.array(lengths))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_start_without_linear_updates_may_be_local():
    changes = {"model.window": "local-m", "model.linear_start": 0}
    assert small(**changes).model.window == "local-m"
    assert small(**{"model.window": "local-m", "model.system": "lstm"})


def test_a_missing_corpus_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(MissingCorpus, match="babi_tasks_v1-2_en_1k.tar.gz"):
        make_task(small(**{"data.name": "babi"}), tmp_path)
