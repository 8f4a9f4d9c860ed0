"""Readers against NumPy loops over one unpadded question; padding; dropout; errors."""

from functools import cache, partial
from typing import NamedTuple

import jax
import numpy as np
import pytest

from attnlab.attention.presets import build
from attnlab.nn.cells import cell_named
from attnlab.tasks.cloze.model import Reader
from tests.nn import cells_by_hand as cells

WORDS, FIRST, ANSWERS = 14, 5, 4
HIDDEN, EMBEDDING, READOUTS, ATTENTION = 3, 4, 5, 6
JUNK = 13  # stands in the padding and nowhere else
PASSAGE = np.array([[5, 9, 6, 10, 7, 2], [8, 5, 2, JUNK, JUNK, JUNK], [JUNK] * 6])
PASSAGE_LENGTHS = np.array([6, 3, 0])
QUERY = np.array([[9, 4, 11, 2], [4, 2, JUNK, JUNK], [JUNK] * 4])
QUERY_LENGTHS = np.array([4, 2, 0])


class Case(NamedTuple):
    """The choices of a model, which the loops branch on."""

    reader: str
    cell: str = "lstm"
    score: str = "additive"
    readout: str = "both"
    layers: int = 1
    tied: bool = False
    matches: bool = False


CASES = {
    "attentive": Case("attentive"),
    "impatient": Case("impatient", cell="gru"),
    "deep LSTM": Case("deep-lstm", layers=2),
    "uniform": Case("attentive", cell="gru", score="uniform"),
    "sum": Case("attentive", cell="gru", readout="sum", matches=True),
    "bilinear, tied": Case(
        "attentive", cell="gru", score="general", readout="context", tied=True
    ),
}
all_cases = pytest.mark.parametrize("name", CASES)


def make(case, **others):
    return Reader(
        words=WORDS,
        first=FIRST,
        answers=ANSWERS,
        attention=build(case.score),
        cell=cell_named(case.cell),
        reader=case.reader,
        readout=case.readout,
        embedding=EMBEDDING,
        hidden=HIDDEN,
        attention_hidden=ATTENTION,
        readouts=READOUTS,
        layers=case.layers,
        tied=case.tied,
        matches=case.matches,
        **others,
    )


@cache
def outcome(name):
    """Parameters, Read and gradients of a model, compiled once."""
    model = make(CASES[name])
    shapes = jax.eval_shape(partial(model.init, method="parameters"), jax.random.key(0))
    params = cells.random_like(shapes)

    def total(params):
        read = model.apply(params, PASSAGE, PASSAGE_LENGTHS, QUERY, QUERY_LENGTHS)
        return (read.logits**2).sum(), read

    run = jax.jit(
        jax.value_and_grad(total, has_aux=True),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    (_, read), gradients = run(params)
    return params["params"], read, gradients["params"]


def both_ways(case, params, inputs):
    """Annotations [S, 2H], and [forward at the last; backward at the first]."""
    run = partial(cells.run, case.cell, inputs=inputs, hidden=HIDDEN)
    ahead, last = run(params=params["layer0_forward"])
    back, first = run(params=params["layer0_backward"], reverse=True)
    ends = [cells.output(case.cell, end) for end in (last, first)]
    return np.concatenate([ahead, back], axis=1), np.concatenate(ends)


def score(case, params, query, value):
    if case.score == "uniform":
        return 0.0
    p = {name: np.asarray(a, np.float64) for name, a in params["score"].items()}
    if case.score == "general":
        return float(query @ (value @ p["w"]))
    return float(np.tanh(query @ p["w"] + value @ p["u"]) @ p["v"][:, 0])


def look(case, params, query, values):
    """s(t) ~ exp(score), r = sum_t s(t) y_d(t)."""
    scores = [score(case, params, query, value) for value in values]
    exps = [np.exp(score - max(scores)) for score in scores]
    weights = [exp / sum(exps) for exp in exps]
    return sum(w * v for w, v in zip(weights, values, strict=True)), weights


def reading(case, params, passage, query):
    """Logits [A] and weights [N, S] of one question, ids with EOS and no padding."""
    table = np.asarray(params["embedding"], np.float64)
    parts = params["reader"]
    read, asked = table[passage], table[query]
    if case.matches:
        mark = np.asarray(params["match"], np.float64)[0]
        shared = set(passage[:-1]) & set(query[:-1])
        read = [table[word] + mark * (word in shared) for word in passage]
        asked = [table[word] + mark * (word in shared) for word in query]
    weights = []
    if case.reader == "deep-lstm":
        inputs, ends = table[[*passage, *query]], []
        below = inputs
        for n in range(case.layers):
            below, last = cells.run(case.cell, parts[f"layer{n}"], below, HIDDEN)
            ends.append(cells.output(case.cell, last))
            below = np.concatenate([inputs, below], axis=1)
        joint = np.concatenate(ends)
    else:
        annotations, _ = both_ways(case, parts["passage"], read)
        asking, summary = both_ways(case, parts["query"], asked)
        values, asking = annotations[:-1], asking[:-1]  # words, not the end mark
        if case.reader == "attentive":
            context, seen = look(case, parts["attention"], summary, values)
            weights.append(seen)
        else:
            context = np.asarray(parts["first"], np.float64)
            for word in asking:
                asked = np.concatenate([context, word])
                read, seen = look(case, parts["attention"], asked, values)
                context = read + np.tanh(context @ parts["again"])
                weights.append(seen)
        joint = context
        if case.readout == "sum":
            mass = np.zeros(ANSWERS)
            for word, weight in zip(passage[:-1], weights[0], strict=True):
                if FIRST <= word < FIRST + ANSWERS:
                    mass[word - FIRST] += weight
            tiny = np.finfo(np.float32).tiny
            return np.log(np.maximum(mass, tiny)), np.array(weights)
        if case.readout == "both":
            joint = np.tanh(
                context @ parts["readout_context"] + summary @ parts["readout_query"]
            )
    logits = joint @ np.asarray(params["answers"], np.float64)
    if case.tied:
        logits = table[FIRST : FIRST + ANSWERS] @ logits
    return logits, np.array(weights).reshape(len(weights), len(passage[:-1]))


@all_cases
def test_a_model_is_its_equations(name):
    params, read, _ = outcome(name)
    for row in range(2):
        passage = PASSAGE[row, : PASSAGE_LENGTHS[row]]
        query = QUERY[row, : QUERY_LENGTHS[row]]
        logits, weights = reading(CASES[name], params, passage, query)
        np.testing.assert_allclose(read.logits[row], logits, rtol=1e-4, atol=1e-5)
        looks, size = weights.shape
        seen = np.asarray(read.weights[row])
        np.testing.assert_allclose(seen[:looks, :size], weights, rtol=1e-4, atol=1e-6)
        assert not seen[looks:].any() and not seen[:, size:].any()
    if CASES[name].reader != "deep-lstm":
        looks = {"attentive": 1, "impatient": 4}[CASES[name].reader]
        assert read.weights.shape == (3, looks, 6)
    assert read.logits.shape == (3, ANSWERS)


@all_cases
def test_padding_and_empty_rows_leave_finite_gradients(name):
    _, read, gradients = outcome(name)
    assert np.isfinite(read.logits).all()
    for leaf in jax.tree.leaves(gradients):
        assert np.isfinite(leaf).all()
    table = np.asarray(gradients["embedding"])
    assert not table[JUNK].any()  # what stands in the padding is never read
    assert all(table[word].any() for word in np.unique(PASSAGE[0]))


def test_dropout_needs_its_key_and_changes_the_answer():
    model = make(CASES["uniform"], dropout=0.5)
    params = {"params": outcome("uniform")[0]}
    batch = PASSAGE, PASSAGE_LENGTHS, QUERY, QUERY_LENGTHS
    keys = jax.random.split(jax.random.key(1))
    options = {"xla_backend_optimization_level": 0}

    @partial(jax.jit, compiler_options=options)
    def dropped(key):
        return model.apply(params, *batch, train=True, rngs={"dropout": key}).logits

    logits, other = dropped(keys[0]), dropped(keys[1])
    assert not np.allclose(logits[0], other[0])
    assert not np.allclose(logits[0], outcome("uniform")[1].logits[0])
