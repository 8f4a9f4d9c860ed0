"""The loop: resuming, stopping, keeping the best, and losses that are not finite."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab import tasks as named
from attnlab.nn.losses import Sums
from attnlab.settings import TrainSettings
from attnlab.task import Task
from attnlab.training import run as run_module
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.loop import NonFiniteLoss, train
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.step import init_state
from attnlab.training.writers import Writer, jsonl_writer, several
from tests.tiny import tiny_folder

SETTINGS = TrainSettings(
    optimizer="adam",
    learning_rate=0.05,
    schedule="cosine",
    warmup=3,
    halve_after=5,
    clip=1.0,
    steps=24,
    log_every=4,
    evaluate_every=6,
    stop_on="bleu",
    patience=0,
)
TIMES = ("seconds", "tokens_per_second", "seconds_per_step")
TOY_ESTIMATOR_STATE = jnp.zeros(())


def settings(**changes) -> TrainSettings:
    """SETTINGS with changes."""
    return SETTINGS.model_copy(update=changes)


class ToyBatch(NamedTuple):
    x: np.ndarray  # [B, 3]
    step: np.ndarray  # []


class ToyBatches:
    """Batches of a step; the last of an epoch of five has another shape."""

    def __len__(self):
        return 5

    def at(self, step: int) -> ToyBatch:
        rows = 2 if step % 5 == 4 else 4
        draw = np.random.default_rng(step)
        return ToyBatch(draw.normal(size=(rows, 3)).astype(np.float32), np.int32(step))


def toy_init(rng):
    return {"w": jax.random.normal(rng, (3,)), "scale": jnp.ones(())}


def toy_loss(params, batch, rng, estimator_state):
    """Noise from the key and from what is remembered, so that a wrong one shows."""
    noisy = batch.x + 0.1 * jax.random.normal(rng, batch.x.shape)
    wrong = ((noisy @ params["w"]) * params["scale"] - 1.0 - estimator_state) ** 2
    sums = Sums(wrong.sum(), jnp.int32(batch.x.shape[0]))
    return wrong.sum(), (sums, 0.9 * estimator_state + 0.01 * wrong.mean())


def toy(
    validate: Callable[[Any], dict[str, float]] | None = None, loss=toy_loss
) -> Task:
    def distance(params):
        far = float(np.abs(params["w"]).sum())
        return {"bleu": -far, "perplexity": far}

    return Task(
        toy_init,
        loss,
        ToyBatches(),
        validate or distance,
        lambda *_: {},
        ("bleu", "perplexity"),
        TOY_ESTIMATOR_STATE,
    )


def scripted(bleus) -> Task:
    """Evaluations with these scores in turn."""
    left = iter(bleus)

    def validate(params):
        del params
        score = next(left)
        return {"bleu": score, "perplexity": -score}

    return toy(validate)


class Killed(BaseException):
    """What no `except Exception` may catch."""


def killer(step: int, kind: str = "train") -> Writer:
    """A writer that ends the process's work at a step, as a kill would."""

    def write(now, what, values):
        del values
        if now >= step and what == kind:
            raise Killed

    return Writer(write, lambda *_: None, lambda: None)


def trained(folder: Path, task: Task | None = None, writer=None, **changes):
    return train(
        toy() if task is None else task,
        settings(**changes),
        folder,
        seed=1,
        writer=jsonl_writer(folder) if writer is None else writer,
    )


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = runs.read_jsonl(folder / runs.METRICS)
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]


def last_state(folder: Path, init=toy_init, settings=SETTINGS, fingerprint=None):
    """Everything in the newest checkpoint: state, and the JSON beside it."""
    tx = make_optimizer(settings, make_schedule(settings, 5))
    template = jax.eval_shape(lambda: init_state(init, tx, TOY_ESTIMATOR_STATE, 1))
    checkpoints = Checkpoints(folder / "checkpoints", fingerprint=fingerprint)
    restored = checkpoints.restore(template)
    assert restored is not None
    return restored


def assert_bitwise(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for one, two in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert one.dtype == two.dtype
        if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, two = jax.random.key_data(one), jax.random.key_data(two)
        assert np.asarray(one).tobytes() == np.asarray(two).tobytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted toy run of 24 steps: its folder and what train() returned."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, trained(folder)


@pytest.mark.parametrize(
    ("optimizer", "step", "kind"),
    [
        ("adam", 4, "train"),  # before the first checkpoint
        ("adam", 12, "dev"),  # evaluated, not yet saved
        ("adam", 16, "train"),  # between two checkpoints
        ("adam", 24, "dev"),  # the last evaluation
        ("adadelta", 16, "train"),
    ],
)
def test_a_run_cut_short_and_resumed_is_the_uninterrupted_one(
    whole, tmp_path, optimizer, step, kind
):
    changed = settings(optimizer=optimizer)
    if optimizer == "adam":
        reference, expected = whole
    else:
        reference = tmp_path / "whole"
        reference.mkdir()
        expected = trained(reference, optimizer=optimizer)
    folder = tmp_path / "cut"
    folder.mkdir()
    with pytest.raises(Killed):
        writer = several(jsonl_writer(folder), killer(step, kind))
        trained(folder, writer=writer, optimizer=optimizer)
    found = trained(folder, optimizer=optimizer)
    assert_bitwise(found.params, expected.params)
    assert (found.step, found.best_step) == (expected.step, expected.best_step)
    one, two = (last_state(place, settings=changed) for place in (folder, reference))
    assert_bitwise(one.state, two.state)
    times = ("tokens", "timed", "seconds")
    for key in one.extra.keys() - set(times):
        assert one.extra[key] == two.extra[key]
    assert metrics(folder) == metrics(reference)


def test_a_run_cut_twice_is_the_uninterrupted_one(whole, tmp_path):
    reference, expected = whole
    for step in (8, 20):
        with pytest.raises(Killed):
            trained(tmp_path, writer=several(jsonl_writer(tmp_path), killer(step)))
    found = trained(tmp_path)
    assert_bitwise(found.params, expected.params)
    assert metrics(tmp_path) == metrics(reference)


def test_a_finished_run_trains_no_further(whole, tmp_path):
    del whole
    trained(tmp_path)
    before = (tmp_path / runs.METRICS).read_bytes()
    found = trained(tmp_path)
    assert found.step == 24 and found.progress.stopped == "finished"
    assert (tmp_path / runs.METRICS).read_bytes() == before


def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(
    whole, tmp_path
):
    reference, expected = whole
    with pytest.raises(Killed):
        trained(tmp_path, writer=several(jsonl_writer(tmp_path), killer(16)))
    data = max((tmp_path / "checkpoints" / "12").rglob("d/*"), key=_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(bytes(content))
    with (
        pytest.warns(RuntimeWarning, match="again from step 6 to step 12"),
        pytest.warns(RuntimeWarning, match="step 12 is left out.*is damaged"),
    ):
        found = trained(tmp_path)
    assert_bitwise(found.params, expected.params)
    assert metrics(tmp_path) == metrics(reference)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def test_patience_stops_early_and_the_best_is_what_comes_back(tmp_path):
    task = scripted([1.0, 3.0, 2.0, 2.5, 9.0])
    found = trained(tmp_path, task, steps=60, patience=2)
    assert (found.step, found.best_step) == (24, 12)
    assert found.progress.stopped == "early"
    best = Checkpoints(tmp_path / "checkpoints")
    assert (best.best_step, best.latest_step) == (12, 24)
    again = trained(tmp_path, scripted([]), steps=60, patience=2)
    assert (again.step, again.best_step) == (24, 12)  # it knows that it had stopped
    assert_bitwise(again.params, found.params)


def test_patience_is_remembered_across_a_kill(tmp_path):
    writer = several(jsonl_writer(tmp_path), killer(20))
    with pytest.raises(Killed):
        trained(tmp_path, scripted([5.0, 4.0, 3.0]), writer, steps=60, patience=3)
    found = trained(tmp_path, scripted([2.0]), steps=60, patience=3)
    assert (found.step, found.best_step, found.progress.bad) == (24, 6, 3)


def test_without_patience_a_run_never_stops_early(tmp_path):
    found = trained(tmp_path, scripted([4.0, 3.0, 2.0, 1.0]), patience=0)
    assert (found.step, found.best_step, found.progress.stopped) == (24, 6, "finished")


def test_perplexity_is_better_when_lower(tmp_path):
    scores = scripted([-9.0, -4.0, -7.0, -8.0])  # perplexities 9, 4, 7, 8
    found = trained(tmp_path, scores, stop_on="perplexity")
    assert found.best_step == 12


def test_a_score_that_is_no_number_is_never_the_best(tmp_path):
    task = scripted([2.0, float("nan"), float("inf"), 1.0])
    found = trained(tmp_path, task)
    assert (found.best_step, found.progress.best) == (6, 2.0)
    assert found.progress.bad == 3


def test_steps_that_evaluations_do_not_divide_end_with_one(tmp_path):
    found = trained(tmp_path, steps=8)
    assert found.step == 8
    devs = [line["step"] for line in metrics(tmp_path) if line["kind"] == "dev"]
    assert devs == [6, 8]
    trains = [line["step"] for line in metrics(tmp_path) if line["kind"] == "train"]
    assert trains == [4, 6, 8]


def test_the_loss_logged_is_per_token_over_batches_of_different_sizes(tmp_path):
    batches, seen = ToyBatches(), []

    def loss(params, batch, rng, estimator_state):
        del rng
        total = batch.x.shape[0] * (1.0 + batch.step) + 0.0 * params["w"].sum()
        return total, (Sums(total, jnp.int32(batch.x.shape[0])), estimator_state)

    trained(tmp_path, toy(loss=loss), steps=5, log_every=5)
    for step in range(5):
        rows = batches.at(step).x.shape[0]
        seen.append((rows * (1.0 + step), rows))
    totals, tokens = np.sum(seen, axis=0)
    (line,) = [line for line in metrics(tmp_path) if line["kind"] == "train"]
    np.testing.assert_allclose(line["loss"], totals / tokens, rtol=1e-6)


def diverging(step: int, value: float):
    """A loss that is `value` from this update on (counted from one)."""

    def loss(params, batch, rng, estimator_state):
        total, (sums, after) = toy_loss(params, batch, rng, estimator_state)
        total = jnp.where(batch.step >= step - 1, value, 1.0) * total
        return total, (sums._replace(loss=total), after)

    return loss


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("step", "last"),
    [(3, "no checkpoint before it"), (15, "checkpoint of step 12")],
)
def test_a_loss_that_is_not_finite_names_its_step_and_the_last_good_checkpoint(
    tmp_path, value, step, last
):
    task = toy(loss=diverging(step, value))
    with pytest.raises(NonFiniteLoss) as caught:
        trained(tmp_path, task, log_every=12)
    assert str(caught.value) == f"loss is {value} at step {step}; last finite: {last}"
    assert caught.value.step == step
    saved = Checkpoints(tmp_path / "checkpoints").latest_step
    assert saved == (12 if step == 15 else None)


def test_a_diverged_run_says_so_again_when_resumed(tmp_path):
    for _ in range(2):
        with pytest.raises(NonFiniteLoss, match="at step 9; last finite: .* step 6"):
            trained(tmp_path, toy(loss=diverging(9, np.nan)))
    steps = [line["step"] for line in metrics(tmp_path)]
    assert steps == sorted(steps) and max(steps) == 8


def test_a_gradient_that_is_not_finite_spoils_no_checkpoint(tmp_path):
    def loss(params, batch, rng, estimator_state):
        total, remembered = toy_loss(params, batch, rng, estimator_state)
        root = jnp.sqrt(jnp.where(batch.step == 11, 0.0, 1.0) * params["scale"] ** 2)
        # At step 12 a root of zero: it is finite, its slope is not.
        return total + root, remembered

    with pytest.raises(
        NonFiniteLoss, match="scale is not finite at step 12; .* step 6$"
    ):
        trained(tmp_path, toy(loss=loss))
    assert Checkpoints(tmp_path / "checkpoints").latest_step == 6


def test_run_records_a_divergence_and_neither_hides_nor_retries_it(
    tmp_path, monkeypatch
):
    folder = tiny_folder(tmp_path)
    calls = []

    def maker(settings, folder):
        del settings
        calls.append(folder)
        return toy(loss=diverging(15, np.nan))

    monkeypatch.setattr(named, "make_task", maker)
    with pytest.raises(NonFiniteLoss):
        run_module.run(folder, console=False)
    assert len(calls) == 1
    error = runs.read_json(folder / runs.ERROR)
    assert error["error"] == (
        "NonFiniteLoss: loss is nan at step 15; last finite: checkpoint of step 10"
    )
    assert error["step"] == 15
    assert "Traceback" in error["traceback"]
    assert not (folder / runs.RESULT).exists()

    monkeypatch.setattr(named, "make_task", lambda *_: toy())
    result = run_module.run(folder, console=False)
    assert result["steps"] == 30
    assert not (folder / runs.ERROR).exists()  # a later success removes it


def test_run_returns_a_finished_result_without_training(tmp_path, monkeypatch):
    folder = tiny_folder(tmp_path)
    runs.write_json(folder / runs.RESULT, {"bleu": 12.5})
    monkeypatch.setattr(named, "make_task", None)
    assert run_module.run(folder, console=False) == {"bleu": 12.5}


def test_run_says_what_a_task_notes(tmp_path, monkeypatch, capsys):
    task = toy()._replace(notes=["3 of 18 pairs are left out", "and so on"])
    monkeypatch.setattr(named, "make_task", lambda *_: task)
    run_module.run(tiny_folder(tmp_path), console=False)
    assert capsys.readouterr().err == "3 of 18 pairs are left out\nand so on\n"


def test_run_names_an_unknown_task(tmp_path):
    folder = tiny_folder(tmp_path)
    config = runs.read_json(folder / runs.CONFIG)
    runs.write_json(folder / runs.CONFIG, config | {"task": "translating"})
    with pytest.raises(ValueError, match="'translating'.*translation"):
        run_module.run(folder, console=False)


def test_a_checkpoint_of_another_configuration_is_not_resumed(tmp_path):
    folder = tiny_folder(tmp_path)
    config = runs.read_json(folder / runs.CONFIG)
    fingerprint = run_module.learned_fingerprint(config)
    train_settings = settings(steps=6)
    writer = jsonl_writer(folder)
    train(toy(), train_settings, folder, seed=1, writer=writer, fingerprint=fingerprint)
    changed = json.loads(json.dumps(config))
    changed["train"]["learning_rate"] = 0.5
    other = run_module.learned_fingerprint(changed)
    with pytest.raises(ValueError, match="under other settings .*config.json"):
        train(toy(), train_settings, folder, seed=1, writer=writer, fingerprint=other)
    renamed = config | {"row": "other", "order": 7}
    assert run_module.learned_fingerprint(renamed) == fingerprint


def test_an_unknown_stop_on_is_answered_with_the_choices(tmp_path):
    with pytest.raises(ValueError, match="'aer'; choose bleu, perplexity"):
        trained(tmp_path, stop_on="aer")
