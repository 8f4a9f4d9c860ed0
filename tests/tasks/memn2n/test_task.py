"""The answering task: its loss, its scores, and what a run leaves behind."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.attention.base import SampleSpec
from attnlab.sweep import rows
from attnlab.tasks.memn2n.batches import StoryBatch
from attnlab.tasks.memn2n.evaluate import draws, right
from attnlab.tasks.memn2n.task import make_task
from configs.ablations import sukhbaatar2015
from configs.memn2n import get_config
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

FAST = {"xla_backend_optimization_level": 0}
TINY = {
    "data.stories.train": 12,
    "data.stories.dev": 4,
    "data.stories.test": 6,
    "data.stories.sentences": (3, 4),
    "model.width": 4,
    "model.hidden": 4,
    "train.steps": 2,
    "train.batch_size": 4,
    "evaluate.questions": 4,
    "wandb.mode": "disabled",
}


def planned(**overrides):
    return rows.plan(get_config(), lambda add: add("one"), TINY | overrides)[0].config


def tiny_rows():
    """{name: config} of every row of the sweep, with one hop for the time it takes to
    compile more; those that are equal then come once."""
    found = {}
    for run in rows.plan(sukhbaatar2015.get_config(), sukhbaatar2015.sweep, TINY):
        model = run.config["model"]
        model |= {"hops": 1, "linear_start": min(model["linear_start"], 1)}
        chosen = json.dumps([model, run.config["estimator"]])
        found.setdefault(chosen, (run.config["row"], run.config))
    return dict(found.values())


ROWS = tiny_rows()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_makes_an_update(name, tmp_path):
    task = make_task(ROWS[name], tmp_path)
    assert_an_update_keeps_its_shapes(task, ROWS[name]["train"])


@pytest.mark.parametrize("name", ["PE LS RN", "hard, reinforce"])
def test_a_row_takes_two_steps(name, tmp_path):
    task = make_task(ROWS[name], tmp_path)
    state, sums, moved = two_updates(task, ROWS[name]["train"])
    for one in sums:
        assert np.isfinite(float(one.loss)) and int(one.tokens) == 4
    assert int(state.estimator_state.updates) == 2
    assert moved == 1.0


# ---- one small task, whose loss is compiled once -----------------------------------


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    config = planned(**{"model.linear_start": 3, "model.noise": 0.0, "model.hops": 2})
    folder = tmp_path_factory.mktemp("answer")
    made = make_task(config, folder)
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


def test_the_start_is_linear_for_as_many_updates_as_told(task, loss):
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
    said = json.loads(runs.read_arrays(folder / runs.EXAMPLES)["questions"].tobytes())
    assert len(said) == len(pairs) == 6
    hits = np.mean([one["predicted"] == one["answer"] for one in said])
    np.testing.assert_allclose(hits, result["accuracy"])
    assert made.validate(params).keys() == set(made.scores)
    for name in ("train_loss", "train_accuracy", "dev_loss", "dev_accuracy"):
        assert np.isfinite(result[name])
    json.dumps(result)


def test_an_unknown_answer_is_never_right():
    probabilities = np.eye(5)[[3, 4, 4]]  # 3 is UNK
    np.testing.assert_array_equal(
        right(probabilities, np.array([3, 4, 0])), [False, True, False]
    )


# ---- hard reads, by the sum over all paths through the hops ------------------------


def exact(params, batch: StoryBatch, row: int, size: int):
    """E log p(answer) over every path of two hops, from the equations, tied adjacently,
    bag of words, no times, no empty slots."""
    words = params["params"]["words"]

    def told(table, text):
        real = batch.texts[text] != 0
        return (words[table][batch.texts[text]] * real[:, None]).sum(axis=0)

    m, c, more = (
        jnp.stack([told(t, batch.stories[row, s]) for s in range(size)])
        for t in range(3)
    )
    first = told(0, batch.questions[row])
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
    config = planned(
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
    task = make_task(config, tmp_path)
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


def test_draws_without_chance_take_the_likeliest():
    draw = draws(None, 2, 3, 0.5)
    assert isinstance(draw, SampleSpec) and draw.rng is None
    assert draw.temperature.shape == draw.expected.shape == (2, 3)
    assert draws(jax.random.key(0), 2, 3).rng.shape == (2, 3)


@pytest.mark.parametrize(
    "setting, value, message",
    [
        ("data.name", "tales", "unknown corpus 'tales'; choose stories, babi"),
        ("data.name", "babi", "babi_tasks_v1-2_en_1k.tar.gz"),
        ("data.stories.facts", "4", "unknown facts '4'"),
        ("model.system", "gru", "unknown model.system 'gru'; choose memn2n, lstm"),
        ("model.score", "none", "the system without attention is model.system lstm"),
        ("model.score", "dots", "unknown score 'dots'; choose dot, "),
        ("model.tying", "loose", "unknown tying 'loose'"),
        ("model.noise", 1.0, "model.noise is 1.0"),
        ("model.window", "local-m", "linear_start is for window global"),
        ("model.read", "hard", "a hard read cannot learn by cross-entropy"),
        ("estimator.learning", "marginal", "a soft read cannot learn by marginal"),
        ("estimator.coin", 0.5, "estimator.coin is 0.5"),
        ("train.compute", "bfloat16", "train.compute is 'bfloat16'"),
        ("evaluate.questions", 0, "evaluate.questions is 0"),
    ],
)
def test_a_wrong_setting_is_named_at_once(
    tmp_path, monkeypatch, setting, value, message
):
    monkeypatch.setenv("ATTNLAB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises((ValueError, OSError), match=message):
        make_task(planned(**{setting: value}), tmp_path).init(jax.random.key(0))


def test_the_baselines_of_hops_are_named(tmp_path):
    settings = {
        "model.read": "hard",
        "estimator.learning": "reinforce",
        "estimator.feed": "sampled",
        "estimator.credit": "to-go",
        "estimator.baseline": "self-critical",
    }
    with pytest.raises(ValueError, match="'self-critical' is not for answer; choose"):
        make_task(planned(**settings), tmp_path)


@pytest.mark.parametrize(
    "learning, feed, message",
    [
        ("marginal", "expected", "hops read one after the other"),
        ("reinforce", "expected", "estimator.feed sampled"),
    ],
)
def test_hard_reads_of_several_hops_learn_by_samples(tmp_path, learning, feed, message):
    settings = {
        "model.read": "hard",
        "estimator.learning": learning,
        "estimator.feed": feed,
    }
    with pytest.raises(ValueError, match=message):
        make_task(planned(**settings), tmp_path)
