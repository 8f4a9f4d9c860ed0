"""The cells as NumPy loops, in float64, one unit at a time, from their equations.

Parameters come in attnlab's layout: one matrix for all gates, gate after gate.
"""

import math

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def unit(params, name, gate, number, vector):
    """Row `number` of one gate's matrix times `vector`."""
    width = len(params["bias"]) // gates_of(params)
    column = np.asarray(params[name], np.float64)[:, gate * width + number]
    return sum(column[i] * float(vector[i]) for i in range(len(vector)))


def gates_of(params):
    """Gates in the bias: four for the LSTM, three for the others."""
    return 4 if "state" in params and "candidate_bias" not in params else 3


def cho_gru(params, h, x):
    """r, z = sigmoid(W x + b + U h); h + z (tanh(W x + b + U (r h)) - h)."""
    width = len(h)
    bias = np.asarray(params["bias"], np.float64)
    r, z = (
        [
            sigmoid(
                unit(params, "input", gate, j, x)
                + bias[gate * width + j]
                + unit(params, "gates", gate, j, h)
            )
            for j in range(width)
        ]
        for gate in (0, 1)
    )
    reset = [r[j] * h[j] for j in range(width)]
    new = [
        math.tanh(
            unit(params, "input", 2, j, x)
            + bias[2 * width + j]
            + unit(params, "candidate", 0, j, reset)
        )
        for j in range(width)
    ]
    return np.array([(1 - z[j]) * h[j] + z[j] * new[j] for j in range(width)])


def gru(params, h, x):
    """r, z = sigmoid(W x + b + U h); n = tanh(W x + b + r (U h + c)); z gates h."""
    width = len(h)
    bias = np.asarray(params["bias"], np.float64)
    extra = np.asarray(params["candidate_bias"], np.float64)
    new = np.zeros(width)
    for j in range(width):
        r, z = (
            sigmoid(
                unit(params, "input", gate, j, x)
                + bias[gate * width + j]
                + unit(params, "state", gate, j, h)
            )
            for gate in (0, 1)
        )
        recurrent = unit(params, "state", 2, j, h) + extra[j]
        n = math.tanh(
            unit(params, "input", 2, j, x) + bias[2 * width + j] + r * recurrent
        )
        new[j] = (1 - z) * n + z * h[j]
    return new


def lstm(params, carry, x):
    """c = f c + i g, h = o tanh(c); gates in the order i, f, o, g."""
    memory, h = carry
    width = len(h)
    bias = np.asarray(params["bias"], np.float64)
    cell, out = np.zeros(width), np.zeros(width)
    for j in range(width):
        i, f, o, g = (
            unit(params, "input", gate, j, x)
            + bias[gate * width + j]
            + unit(params, "state", gate, j, h)
            for gate in range(4)
        )
        cell[j] = sigmoid(f) * memory[j] + sigmoid(i) * math.tanh(g)
        out[j] = sigmoid(o) * math.tanh(cell[j])
    return cell, out


STEPS = {"cho-gru": cho_gru, "gru": gru, "lstm": lstm}


def start(name, state):
    """The carry whose output is `state`."""
    return (np.zeros(len(state)), state) if name == "lstm" else state


def output(name, carry):
    return carry[1] if name == "lstm" else carry


def run(name, params, inputs, hidden, reverse=False):
    """Outputs [S, H], in the order of `inputs` [S, E], and the last carry."""
    carry = start(name, np.zeros(hidden))
    outputs = [np.zeros(hidden) for _ in inputs]
    order = range(len(inputs))
    for s in reversed(order) if reverse else order:
        carry = STEPS[name](params, carry, inputs[s])
        outputs[s] = output(name, carry)
    return np.array(outputs).reshape(len(inputs), hidden), carry


def random_like(shapes, seed=0, scale=0.7):
    """Normal numbers, biases too, in place of a tree of shapes."""
    import jax

    random = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: random.normal(0, scale, leaf.shape).astype(np.float32), shapes
    )
