"""The machine and the baseline against loops over steps, heads and slots."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import build
from attnlab.attention.addressing import addressing
from attnlab.nn.launches import launching
from attnlab.tasks.ntm.lstm_baseline import StackedLSTM
from attnlab.tasks.ntm.model import CONTROLLERS, FIRST, NTM, write
from tests.attention.ntm_by_hand import address, sigmoid
from tests.nn.cells_by_hand import random_like
from tests.updates import FAST

INPUTS, OUTPUTS, HIDDEN, SLOTS, WIDTH, STEPS = 3, 2, 4, 6, 5, 3
random = np.random.default_rng(0)
SEQUENCES = random.normal(size=(2, STEPS, INPUTS)).astype(np.float32)


def machine(**changes):
    settings = dict(
        inputs=INPUTS,
        outputs=OUTPUTS,
        attention=addressing(),
        controller=CONTROLLERS["lstm"](),
        hidden=HIDDEN,
        slots=SLOTS,
        width=WIDTH,
    )
    return NTM(**settings | changes)


def params_of(model):
    """Parameters none of which is zero."""
    return random_like(model.init(jax.random.key(0), method="parameters"))


def lstm_by_hand(cell, memory, state, given):
    gates = given @ cell["input"] + cell["bias"] + state @ cell["state"]
    write, forget, show, new = np.split(gates, 4)
    memory = sigmoid(forget) * memory + sigmoid(write) * np.tanh(new)
    return memory, sigmoid(show) * np.tanh(memory)


def machine_by_hand(params, inputs, readers, writers):
    """Logits [T, Y] and weights [T, heads, S] of one sequence, step by step."""
    p = jax.tree.map(np.float64, params["params"])
    memory = np.full((SLOTS, WIDTH), FIRST)
    read = [np.eye(SLOTS)[0] for _ in range(readers)]
    written = [np.eye(SLOTS)[0] for _ in range(writers)]
    seen, kept, state = np.zeros(readers * WIDTH), np.zeros(HIDDEN), np.zeros(HIDDEN)
    logits, looks = [], []
    for given in inputs:
        given = np.concatenate([given, seen])
        if "state" in p["controller"]:
            kept, state = lstm_by_hand(p["controller"], kept, state, given)
        else:
            cell = p["controller"]
            state = np.tanh(given @ cell["input"] + cell["bias"])

        def look(head, last, state=state, memory=memory):
            return [
                address(state @ head["emit"][n] + head["bias"][n], memory, last[n])
                for n in range(len(last))
            ]

        read, written = look(p["read"], read), look(p["write"], written)
        seen = np.concatenate([weights @ memory for weights in read])
        shown = np.concatenate([state, seen])
        logits.append(shown @ p["output"] + p["output_bias"])
        looks.append([*read, *written])
        changes = (state @ p["change"] + p["change_bias"]).reshape(writers, 2, WIDTH)
        erased = memory.copy()
        for weights, (erase, _) in zip(written, changes, strict=True):
            for i in range(SLOTS):
                erased[i] *= 1 - weights[i] * sigmoid(erase)
        memory = erased
        for weights, (_, add) in zip(written, changes, strict=True):
            for i in range(SLOTS):
                memory[i] = memory[i] + weights[i] * np.tanh(add)
    return np.array(logits), np.array(looks)


@pytest.mark.parametrize(
    ("controller", "readers", "writers"), [("lstm", 1, 2), ("feed-forward", 2, 1)]
)
def test_a_machine_does_what_the_loop_does(controller, readers, writers):
    model = machine(
        controller=CONTROLLERS[controller](), read_heads=readers, write_heads=writers
    )
    params = params_of(model)
    outputs = jax.jit(model.apply)(params, SEQUENCES)
    for number, inputs in enumerate(SEQUENCES):
        logits, looks = machine_by_hand(params, inputs, readers, writers)
        weights = np.concatenate([outputs.reads, outputs.writes], axis=2)[number]
        np.testing.assert_allclose(weights, looks, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(outputs.logits[number], logits, rtol=1e-3, atol=1e-5)


def test_all_erases_come_before_all_adds():
    weights = jnp.array([[1.0, 0.0], [1.0, 0.0]])
    erase, add = jnp.ones((2, 3)), jnp.array([[1.0, 2, 3], [10, 20, 30]])
    memory = write(jnp.full((3, 2), 7.0), weights, erase, add)
    np.testing.assert_array_equal(memory, [[11, 7], [22, 7], [33, 7]])


def test_steps_to_come_change_nothing():
    model = machine(controller=CONTROLLERS["feed-forward"]())
    params = params_of(model)
    longer = np.concatenate([SEQUENCES, 9 * SEQUENCES], axis=1)
    run = jax.jit(model.apply)
    short, long = run(params, SEQUENCES), run(params, longer)
    for one, other in zip(short, long, strict=True):
        np.testing.assert_allclose(one, other[:, :STEPS], rtol=1e-5, atol=1e-7)


def test_any_attention_can_be_the_heads():
    model = machine(attention=build("cosine"), memory="learned")
    params = model.init(jax.random.key(0), method="parameters")
    assert params["params"]["memory"].shape == (SLOTS, WIDTH)
    reads = jax.jit(model.apply)(params, SEQUENCES).reads
    np.testing.assert_allclose(reads, np.full(reads.shape, 1 / SLOTS), rtol=1e-5)


def test_an_unknown_memory_is_answered_with_the_choices():
    with pytest.raises(ValueError, match="'random'; choose constant, learned"):
        machine(memory="random").init(jax.random.key(0), method="parameters")


def test_the_baseline_does_what_the_loop_does():
    layers = 2
    model = StackedLSTM(INPUTS, OUTPUTS, HIDDEN, layers)
    params = params_of(model)
    p = jax.tree.map(np.float64, params["params"])
    outputs = model.apply(params, SEQUENCES)
    assert outputs.reads.shape == outputs.writes.shape == (2, STEPS, 0, 0)
    for inputs, logits in zip(SEQUENCES, outputs.logits, strict=True):
        carries = [tuple(first) for first in p["start"]]
        for given, expected in zip(inputs, logits, strict=True):
            states = []
            for n in range(layers):
                below = np.concatenate([given, *states[-1:]])
                carries[n] = lstm_by_hand(p[f"layer{n}"], *carries[n], below)
                states.append(carries[n][1])
            by_hand = np.concatenate(states) @ p["output"] + p["output_bias"]
            np.testing.assert_allclose(by_hand, expected, rtol=1e-4, atol=1e-6)


def count(model):
    init = partial(model.init, method="parameters")
    shapes = jax.eval_shape(init, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize(
    ("inputs", "outputs", "hidden", "expected"),
    [
        (10, 9, 256, 1_352_969),  # copy
        (8, 7, 512, 5_312_007),  # repeat copy
        (8, 6, 256, 1_344_518),  # associative recall
        (1, 1, 128, 331_905),  # n-grams
    ],
)
def test_the_baseline_has_the_parameters_of_the_paper(
    inputs, outputs, hidden, expected
):
    model = StackedLSTM(inputs, outputs, hidden, 3)
    assert count(model) == expected


def test_the_parameters_of_a_machine_add_up():
    # controller, head of key 20, strength, gate, sharpness, 3 shifts; erase and add;
    # output. Graves et al. 2014 count 17,162 and 67,561 and do not say of what.
    heads, change, output = 2 * 101 * (20 + 6), 101 * 40, 8 * (100 + 20 + 1)
    model = machine(inputs=9, outputs=8, hidden=100, slots=128, width=20)
    assert count(model) == 400 * (9 + 20 + 100 + 1) + heads + change + output
    model = model.clone(controller=CONTROLLERS["feed-forward"]())
    assert count(model) == 100 * (9 + 20 + 1) + heads + change + output


@pytest.mark.parametrize("backend", ["gpu", "tpu"])
def test_few_kernels_give_the_gradients_of_many(backend):
    model = machine(memory="learned")
    params = params_of(model)

    def slopes(backend):
        def loss(params):
            with launching(backend):
                outputs = model.apply(params, SEQUENCES)
            return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(outputs))

        return jax.jit(jax.value_and_grad(loss), compiler_options=FAST)(params)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        slopes(backend),
        slopes("cpu"),
    )
