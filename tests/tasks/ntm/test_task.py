"""The algorithmic tasks as a run sees them: losses, scores, files, choices."""

from functools import partial

import jax
import numpy as np
import pytest

from attnlab import runs
from attnlab.sweep import rows
from attnlab.tasks.ntm.data import SequenceBatch, padded
from attnlab.tasks.ntm.model import NTMOutputs
from attnlab.tasks.ntm.task import SequenceScores, judged, make_task, score
from configs.ablations import graves2014
from tests.tasks.ntm.small import SMALL, small
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

FAST = {"xla_backend_optimization_level": 0}  # two steps need no speed


class FixedModel:
    """A model that gives fixed logits."""

    def __init__(self, logits):
        self.logits = logits

    def apply(self, params, inputs):
        del params
        nowhere = np.zeros((*inputs.shape[:2], 0, 0))
        return NTMOutputs(self.logits, nowhere, nowhere)


def test_bits_and_wrong_bits_are_those_of_a_loop():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (2, 4, 3)).astype(np.float32)
    targets = random.integers(0, 2, (2, 4, 3)).astype(np.float32)
    scored = np.array([[0, 0, 1, 1], [0, 1, 1, 1]], bool)
    inputs = np.zeros((2, 4, 1), np.float32)
    counts, _ = judged(FixedModel(logits), None, SequenceBatch(inputs, targets, scored))
    for n in range(2):
        bits = wrong = 0
        for t in range(4):
            for y in range(3) if scored[n, t] else ():
                chance = 1 / (1 + np.exp(-logits[n, t, y]))
                bits -= np.log2(chance if targets[n, t, y] else 1 - chance)
                wrong += (chance > 0.5) != targets[n, t, y]
        assert float(counts.bits[n]) == pytest.approx(bits, rel=1e-5)
        assert int(counts.wrong[n]) == wrong
    assert counts.items.tolist() == [2, 3]


def test_scores_divide_totals_once():
    counts = SequenceScores(np.array([2.0, 10.0]), np.array([1, 5]), np.array([0, 3]))
    assert score(counts) == {
        "bits": 6.0,
        "bits_per_item": 2.0,
        "wrong_bits": 1.5,
        "exact": 0.5,
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder and the results of a machine that has learned nothing."""
    folder = tmp_path_factory.mktemp("run")
    task = make_task(small(**{"model.controller": "feed-forward"}), folder)
    return folder, task.finish(task.init(jax.random.key(0)), folder)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """The task of the LSTM, which compiles faster, and parameters."""
    task = make_task(small(**{"model.system": "lstm"}), tmp_path_factory.mktemp("run"))
    return task, task.init(jax.random.key(0))


def test_padding_changes_neither_loss_nor_gradient(baseline):
    task, params = baseline
    batch = task.batches.at(0)
    wide = padded(batch, [batch.inputs.shape[1] + 4])
    spoilt = wide._replace(targets=wide.targets.copy(), inputs=wide.inputs.copy())
    spoilt.targets[:, -4:], spoilt.inputs[:, -4:] = 1, 9

    @partial(jax.jit, compiler_options=FAST)
    def gradient(params, batch):
        return jax.value_and_grad(lambda p: task.loss(p, batch, None, ())[0])(params)

    loss, slopes = gradient(params, batch)
    for padding in (wide, spoilt):
        again, others = gradient(params, padding)
        assert float(again) == pytest.approx(float(loss), rel=1e-5)
        for one, other in zip(*map(jax.tree.leaves, (slopes, others)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_an_update_learns_from_the_loss_of_a_sequence_and_not_of_an_item(baseline):
    task, params = baseline
    batch = task.batches.at(0)
    learned, (sums, _) = task.loss(params, batch, None, ())
    divided = learned / sums.tokens  # as `train_step` does, by the items of all
    assert int(sums.tokens) == batch.scored.sum()
    assert float(divided) == pytest.approx(float(sums.loss) / len(batch.inputs))


def test_a_finished_run_says_its_scores_by_size(trained):
    folder, results = trained
    assert results["size"] == "3"  # the largest learned from
    by_size = results["bits_per_item_by_size"]
    assert list(by_size) == ["3", "5"]
    assert results["bits_per_item"] == by_size["3"]
    assert results["bits"] == pytest.approx(3 * by_size["3"], rel=1e-5)
    assert 1.0 < results["bits_per_item"] < 4.0  # two bits, unlearned
    example_counts = runs.read_example_counts(folder)
    for name, counts in example_counts.counts.items():
        total = counts.sum(axis=0)
        assert total[0] / total[1] == pytest.approx(results[name], rel=1e-5)
    assert len(example_counts.examples) == 6


def test_a_finished_run_keeps_a_sequence_of_each_size(trained):
    arrays = runs.read_arrays(trained[0] / runs.EXAMPLES)
    shapes = {name: arrays[f"5/{name}"].shape for name in ("inputs", "outputs")}
    assert shapes == {"inputs": (11, 3), "outputs": (11, 2)}
    assert arrays["5/reads"].shape == arrays["5/writes"].shape == (11, 1, 5)
    np.testing.assert_allclose(arrays["5/reads"].sum(axis=-1), 1, rtol=1e-4)
    assert ((0 < arrays["3/outputs"]) & (arrays["3/outputs"] < 1)).all()


def test_dev_scores_may_choose_the_checkpoint(baseline):
    task, params = baseline
    scores = task.validate(params)
    assert set(scores) == set(task.scores)
    assert all(np.isfinite(value) for value in scores.values())


def test_ngrams_are_compared_with_the_optimal_estimator(tmp_path):
    changes = {"data.ngrams.length": 20, "data.ngrams.test": (20,)}
    task = make_task(small("ngrams", **changes, **{"model.system": "lstm"}), tmp_path)
    params = task.init(jax.random.key(0))
    results = task.finish(params, tmp_path)
    assert 0 < results["bits_optimal"] < results["bits"]


@pytest.mark.parametrize(
    ("setting", "value", "choices"),
    [
        ("data.name", "sum", ["copy", "repeat_copy", "recall", "ngrams", "sort"]),
        ("model.system", "gru", ["ntm", "lstm"]),
        ("model.controller", "gru", ["feed-forward", "lstm"]),
        ("model.addressing", "dot", ["ntm", "content"]),
        ("model.normalizer", "max", ["softmax", "sparsemax", "entmax-1.5"]),
        ("model.memory", "random", ["constant", "learned"]),
        ("model.slots", 0, []),
        ("evaluate.sequences", 0, []),
        ("data.copy.bits", 0, []),
        ("train.learning_rate", 0.0, []),
        ("train.compute", "bfloat16", ["float32"]),
        ("train.stop_on", "bleu", ["bits_per_item", "bits"]),
    ],
)
def test_wrong_choices_are_answered_with_the_right_ones(setting, value, choices):
    with pytest.raises(ValueError) as caught:
        small(**{setting: value})
    named = str(caught.value)
    assert all(word in named for word in [setting, repr(value), *choices])


def test_options_of_a_problem_that_do_not_go_together_are_named():
    with pytest.raises(ValueError, match="data.ngrams: length .*3"):
        small("ngrams", **{"data.ngrams.length": 3})
    assert small("copy", **{"data.ngrams.length": 3})  # of a problem that is not run


ROWS = {
    run.config["row"]: run.settings
    for run in rows.plan(graves2014.get_config(), graves2014.sweep, SMALL)
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_sweep_makes_an_update(row):
    settings = ROWS[row]
    assert_an_update_keeps_its_shapes(settings)


def test_a_row_of_the_sweep_takes_two_steps():
    settings = ROWS["NTM, feed-forward"]
    _, sums, moved = two_updates(settings)
    for total in sums:
        nats = float(total.loss) / int(total.tokens)
        assert abs(nats - 2 * np.log(2)) < 1.0  # near guessing two bits
    assert moved > 0.8
