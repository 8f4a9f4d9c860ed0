"""NTM addressing as loops over slots, in float64, from Graves et al. 2014, 3.3."""

import math

import numpy as np


def softplus(x: float) -> float:
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(scores):
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def cosine_of(key, row) -> float:
    """Eq. 6, with 1e-6 under each root."""
    product = sum(k * r for k, r in zip(key, row, strict=True))
    lengths = [math.sqrt(sum(x * x for x in vector) + 1e-6) for vector in (key, row)]
    return product / (lengths[0] * lengths[1])


def circular(weights, shift):
    """Eq. 8 as written: sum over j of w(j) s(i - j), indices modulo the slots."""
    size, reach = len(weights), len(shift) // 2
    moved = np.zeros(size)
    for i in range(size):
        for j in range(size):
            for k, part in zip(range(-reach, reach + 1), shift, strict=True):
                if (i - j - k) % size == 0:
                    moved[i] += weights[j] * part
    return moved


def power(weights, sharpness):
    """Eq. 9."""
    raised = [weight**sharpness for weight in weights]
    return np.array([one / sum(raised) for one in raised])


def address(emitted, memory, last):
    """Eqs. 5-9: the weights of a head that emits key, strength, gate, sharpness and
    shifts, on memory [S, C] after the weights `last` [S]."""
    emitted = np.clip(emitted, -20, 20)
    width = memory.shape[1]
    key, (strength, gate, sharpness) = emitted[:width], emitted[width : width + 3]
    scores = [softplus(strength) * cosine_of(key, row) for row in memory]
    content = softmax(scores)
    gate = sigmoid(gate)
    weights = [gate * c + (1 - gate) * w for c, w in zip(content, last, strict=True)]
    weights = circular(weights, softmax(emitted[width + 3 :]))
    return power(weights, 1 + softplus(sharpness))
