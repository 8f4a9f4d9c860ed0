"""Schedules by hand, optimizers by their update rules, clipping by the norm."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attnlab.parsing import parse
from attnlab.settings import TrainSettings
from attnlab.training.optimizers import make_optimizer, make_schedule

SETTINGS = {
    "optimizer": "sgd",
    "learning_rate": 1.0,
    "schedule": "constant",
    "steps": 100,
    "warmup": 0,
    "halve_after": 5,
    "clip": 0.0,
}


def settings(**changes) -> TrainSettings:
    return parse(TrainSettings, SETTINGS | changes)


def rates(epoch=10, **changes):
    schedule = make_schedule(settings(**changes), epoch)
    return np.array([float(schedule(step)) for step in range(changes["steps"])])


def updates(gradients, **changes):
    """The update of each gradient in turn, from parameters at zero."""
    chosen = settings(**changes)
    tx = make_optimizer(chosen, make_schedule(chosen, 10))
    params = jnp.zeros_like(gradients[0])
    state, found = tx.init(params), []
    for gradient in gradients:
        update, state = tx.update(gradient, state, params)
        params = optax.apply_updates(params, update)
        found.append(np.asarray(update))
    return found


def test_constant_stays():
    assert set(rates(steps=20, learning_rate=0.25)) == {0.25}


def test_luong_halves_after_every_epoch_from_the_fifth_on():
    # Luong et al. 2015, 4.1: 10 epochs, "after 5 epochs, we begin to halve the
    # learning rate every epoch": the sixth epoch is the first at half the rate.
    found = rates(epoch=10, schedule="luong", steps=100)
    by_epoch = [1, 1, 1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32]
    np.testing.assert_allclose(found, np.repeat(by_epoch, 10), rtol=1e-6)


def test_luong_with_dropout_halves_from_the_eighth_on():
    found = rates(epoch=3, schedule="luong", steps=36, halve_after=8)
    by_epoch = [1] * 8 + [1 / 2, 1 / 4, 1 / 8, 1 / 16]
    np.testing.assert_allclose(found, np.repeat(by_epoch, 3), rtol=1e-6)


@pytest.mark.parametrize("steps", [4, 50, 51])
def test_luong_never_halves_in_the_first_epochs(steps):
    found = rates(epoch=10, schedule="luong", steps=steps)
    assert set(found[:50]) == {1.0}
    assert set(found[50:]) <= {0.5}


def test_sukhbaatar_halves_every_25_epochs_after_a_start_at_half():
    # 20 epochs of linear start at 0.005; then 100 from 0.01, halved every 25
    found = rates(
        epoch=2,
        schedule="sukhbaatar",
        steps=240,
        warmup=40,
        halve_after=25,
        learning_rate=0.01,
    )
    expected = [0.005] * 40 + list(np.repeat([0.01, 0.005, 0.0025, 0.00125], 50))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    without = rates(epoch=2, schedule="sukhbaatar", steps=60, halve_after=25)
    np.testing.assert_allclose(without, [1.0] * 50 + [0.5] * 10, rtol=1e-6)


def phase(epochs, rate, halve_every):
    """The rate of each epoch of one phase, by the released code's rule: epochs count
    from 1, and one whose number is a multiple halves the rate before its updates."""
    by_epoch = []
    for number in range(1, epochs + 1):
        if number % halve_every == 0:
            rate = rate / 2
        by_epoch.append(rate)
    return by_epoch


@pytest.mark.parametrize(
    ("linear_epochs", "halve_after", "by_epoch"),
    [
        # The linear phase halves after 21 of its 20 epochs, and so never does; the
        # second one starts anew, at the rate that the linear one had.
        (20, 25, phase(20, 0.01 / 2, 21) + phase(100, 0.01 / 2, 25)),
        (30, 15, phase(30, 0.01 / 2, 31) + phase(60, 0.01 / 2, 15)),  # all tasks
        (0, 25, phase(100, 0.01, 25)),
        (0, 1, phase(5, 0.01, 1)),
        (2, 1, phase(2, 0.01 / 2, 3) + phase(5, 0.01 / 2, 1)),
    ],
)
def test_sukhbaatar_released_is_the_loop_of_the_released_code(
    linear_epochs, halve_after, by_epoch
):
    found = rates(
        epoch=3,
        schedule="sukhbaatar-released",
        steps=3 * len(by_epoch),
        warmup=3 * linear_epochs,
        halve_after=halve_after,
        learning_rate=0.01,
    )
    np.testing.assert_allclose(found, np.repeat(by_epoch, 3), rtol=1e-6)


def test_cosine_falls_from_the_rate_to_a_tenth():
    found = rates(schedule="cosine", steps=101, learning_rate=2.0)
    assert found[0] == 2.0
    middle = make_schedule(settings(schedule="cosine", learning_rate=2.0), 10)
    np.testing.assert_allclose(middle(50), 2.0 * (0.1 + 0.9 / 2), rtol=1e-6)
    np.testing.assert_allclose(middle(100), 0.2, rtol=1e-6)
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("schedule", ["constant", "cosine", "luong"])
def test_warmup_rises_evenly_from_zero_to_the_rate(schedule):
    found = rates(epoch=10, schedule=schedule, steps=100, warmup=4)
    np.testing.assert_allclose(found[:5], [0, 0.25, 0.5, 0.75, 1.0], rtol=1e-6)
    assert (found[5:] <= 1.0).all()


def test_warmup_does_not_move_the_halving_and_ends_the_cosine_on_time():
    found = rates(epoch=10, schedule="luong", steps=70, warmup=4)
    np.testing.assert_allclose(found[[49, 50, 59, 60]], [1, 0.5, 0.5, 0.25])
    cosine = make_schedule(settings(schedule="cosine", warmup=20), 10)
    np.testing.assert_allclose(cosine(100), 0.1, rtol=1e-6)


def test_a_warmup_longer_than_the_first_halving_keeps_to_the_halvings():
    found = rates(epoch=2, schedule="luong", steps=30, warmup=15)
    np.testing.assert_allclose(found[14], 14 / 15, rtol=1e-6)
    np.testing.assert_allclose(found[20], 0.5 ** (20 // 2 - 4), rtol=1e-6)


def test_sgd_goes_down_the_gradient_by_the_rate():
    (update,) = updates([jnp.array([3.0, -4.0])], learning_rate=0.5)
    np.testing.assert_allclose(update, [-1.5, 2.0])


def test_adam_takes_a_first_step_of_the_rate_in_every_direction():
    (update,) = updates([jnp.array([30.0, -0.4])], optimizer="adam", learning_rate=0.01)
    np.testing.assert_allclose(update, [-0.01, 0.01], rtol=1e-5)


def test_adadelta_is_zeilers_with_bahdanaus_constants():
    # Zeiler 2012, algorithm 1, written out; rho and epsilon of Bahdanau et al. 2014.
    gradients = [np.array([0.5, -2.0]), np.array([0.1, 3.0]), np.array([-1.0, 0.2])]
    square, moved, expected = np.zeros(2), np.zeros(2), []
    for gradient in gradients:
        square = 0.95 * square + 0.05 * gradient**2
        update = -np.sqrt(moved + 1e-6) / np.sqrt(square + 1e-6) * gradient
        moved = 0.95 * moved + 0.05 * update**2
        expected.append(update)
    found = updates(
        [jnp.asarray(g, jnp.float32) for g in gradients], optimizer="adadelta"
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_rmsprop_is_that_of_graves_2013():
    # Equations 38-45, written out: the variance of the gradient and not its square.
    gradients = [np.array([0.5, -2.0]), np.array([0.1, 3.0]), np.array([-1.0, 0.2])]
    square, mean, update, expected = np.zeros(2), np.zeros(2), np.zeros(2), []
    for gradient in gradients:
        square = 0.95 * square + 0.05 * gradient**2
        mean = 0.95 * mean + 0.05 * gradient
        slope = gradient / np.sqrt(square - mean**2 + 1e-4)
        update = 0.9 * update - 0.01 * slope
        expected.append(update)
    found = updates(
        [jnp.asarray(g, jnp.float32) for g in gradients],
        optimizer="rmsprop",
        learning_rate=0.01,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("clip", "expected"),
    [(1.0, [-0.6, -0.8]), (5.0, [-3, -4]), (10.0, [-3, -4]), (0.0, [-3, -4])],
)
def test_clipping_is_by_the_norm_of_the_whole_gradient(clip, expected):
    (update,) = updates([jnp.array([3.0, 4.0])], clip=clip)
    np.testing.assert_allclose(update, expected, rtol=1e-6)


def test_clipping_by_elements_leaves_those_within_as_they_are():
    gradient = jnp.array([30.0, -0.5, -12.0])
    (update,) = updates([gradient], clip=10.0, clip_by="elements")
    np.testing.assert_allclose(update, [-10.0, 0.5, 10.0])


def test_clipping_by_elements_leaves_out_what_is_no_number():
    gradient = jnp.array([jnp.nan, jnp.inf, -jnp.inf, 0.5])
    (update,) = updates([gradient], clip=10.0, clip_by="elements")
    np.testing.assert_allclose(update, [0.0, -10.0, 10.0, -0.5])


def test_clipping_takes_all_parameters_together():
    chosen = settings(clip=1.0)
    tx = make_optimizer(chosen, make_schedule(chosen, 10))
    gradients = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    update, _ = tx.update(gradients, tx.init(gradients), gradients)
    np.testing.assert_allclose(
        [update["a"][0], update["b"][0]], [-0.6, -0.8], rtol=1e-6
    )


def test_tables_are_clipped_each_by_its_largest_singular_value():
    rng = np.random.default_rng(0)
    shapes = {"words": (3, 7, 4), "times": (3, 5, 4), "map": (4, 4), "bias": (4,)}
    gradients = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    gradients["words"][1] *= 1e-3
    gradients["times"][1] *= 1e-3  # the second table stays as it is
    gradients["words"][2] *= 1e6
    gradients = jax.tree.map(jnp.float32, gradients)
    chosen = settings(clip=2.0, clip_by="tables")
    tx = make_optimizer(chosen, make_schedule(chosen, 10))
    update, _ = jax.jit(tx.update)(gradients, tx.init(gradients), gradients)

    def scaled(matrix, norm):  # Weight.m of MemN2N-babi-matlab
        return matrix * 2.0 / norm if norm > 2.0 else matrix

    for table in range(3):
        words, times = gradients["words"][table], gradients["times"][table]
        norm = np.linalg.norm(np.concatenate([words, times]), 2)
        for name, part in (("words", words), ("times", times)):
            np.testing.assert_allclose(
                update[name][table], -scaled(part, norm), rtol=1e-5
            )
    for name in ("map", "bias"):
        norm = np.linalg.norm(gradients[name], 2)
        np.testing.assert_allclose(
            update[name], -scaled(gradients[name], norm), rtol=1e-5
        )


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("schedule", "step", ["constant", "cosine", "luong", "sukhbaatar-released"]),
        ("optimizer", "adm", ["adam", "sgd", "adadelta", "rmsprop"]),
        ("clip_by", "size", ["norm", "elements", "tables"]),
        ("strategy", "gspmd", ["auto", "jit", "pmap", "shard_map"]),
        ("compute", "float16", ["float32", "bfloat16"]),
    ],
)
def test_an_unknown_name_is_answered_with_the_choices(name, value, choices):
    with pytest.raises(ValueError, match=f"{name} is {value!r}") as caught:
        settings(**{name: value})
    assert all(repr(choice) in str(caught.value) for choice in choices)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("steps", 1.5),
        ("batch_size", -1),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("warmup", -1),
        ("halve_after", 0),
        ("clip", -1.0),
        ("patience", -1),
        ("log_every", 0),
        ("evaluate_every", 0),
        ("devices", 0),
        ("devices", -1),
        ("devices", 1.0),
        ("devices", True),
        ("devices", "2"),
        ("devices", "al"),
    ],
)
def test_a_number_out_of_range_names_its_setting(name, value):
    with pytest.raises(ValueError, match=f"^{name} is {value!r}; "):
        settings(**{name: value})
