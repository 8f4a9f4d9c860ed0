"""Whole translation models as NumPy loops over one sentence, from the equations.

For global attention with softmax and the scores `additive` and `general`, with and
without coverage; float64; words are ids without padding, EOS last.
"""

from typing import NamedTuple

import jax
import numpy as np

from attnlab.attention import build, options_of
from attnlab.nn.cells import cell_named
from attnlab.tasks.translation.model import Seq2Seq
from tests.nn import cells_by_hand as cells

BOS = 1


class Case(NamedTuple):
    """The choices of a model, which the loops branch on."""

    decoder: str = "luong"
    cell: str = "lstm"
    score: str = "general"
    coverage: bool = False
    layers: int = 1
    bidirectional: bool = True
    reverse_source: bool = False
    input_feeding: bool = True
    eos_in_memory: bool = False
    tied: bool = False


HIDDEN, EMBEDDING, READOUTS, ATTENTION, SOURCE, TARGET = 4, 3, 5, 6, 11, 9


def make(case: Case, *, source=SOURCE, target=TARGET, **others) -> Seq2Seq:
    options = case._asdict()
    score, coverage = options.pop("score"), options.pop("coverage")
    window, read = others.pop("window", "global"), others.pop("read", "soft")
    chosen = {"coverage": coverage, "half_width": 1}
    takes = options_of(score, window, read=read) & set(chosen)
    attention = build(
        score, window, read=read, **{name: chosen[name] for name in takes}
    )
    cell = cell_named(options.pop("cell"))
    return Seq2Seq(
        source_size=source,
        target_size=target,
        attention=attention,
        cell=cell,
        embedding=READOUTS if case.tied else EMBEDDING,
        hidden=HIDDEN,
        attention_hidden=ATTENTION,
        readouts=READOUTS,
        **options,
        **others,
    )


def parameters(model: Seq2Seq, seed=0, scale=0.7):
    """Random numbers everywhere, so that no bias or matrix is left untested."""
    ids, lengths = np.ones((1, 2), np.int32), np.ones(1, np.int32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), ids, lengths, ids)
    return cells.random_like(shapes, seed, scale)


def f64(array):
    return np.asarray(array, np.float64)


class Source(NamedTuple):
    values: np.ndarray  # [S, C], EOS included
    finals: list  # per layer the carries of its directions
    seen: np.ndarray  # [S', C], what may be attended


def encode(case: Case, params, words) -> Source:
    """Annotations of the words, each [forward; backward] where there are both."""
    values = f64(params["source_embedding"])[list(words)]
    finals = []
    for n in range(case.layers):
        layer, runs = params["encoder"], []
        if case.bidirectional:
            sides = [(f"layer{n}_forward", False), (f"layer{n}_backward", True)]
        else:
            sides = [(f"layer{n}_forward", case.reverse_source)]
        for name, reverse in sides:
            runs.append(cells.run(case.cell, layer[name], values, HIDDEN, reverse))
        values = np.concatenate([outputs for outputs, _ in runs], axis=1)
        finals.append([carry for _, carry in runs])
    return Source(values, finals, values if case.eos_in_memory else values[:-1])


def look(case: Case, params, query, seen, coverage):
    """Weights and their context: softmax over e_j, one j at a time."""
    score = params["attention"]["score"]
    more = np.zeros(1)
    if case.coverage:
        more, score = f64(score["w"]), score["score"]
    scores = []
    for j, value in enumerate(seen):
        if case.score == "additive":
            key = value @ f64(score["u"]) + coverage[j] * more
            hidden = np.tanh(query @ f64(score["w"]) + key)
            scores.append(float(hidden @ f64(score["v"])[:, 0]))
        else:
            key = value @ f64(score["w"]) + coverage[j] * more
            scores.append(float(query @ key))
    exps = np.exp(np.array(scores) - max(scores))
    weights = exps / exps.sum()
    context = sum(weights[j] * seen[j] for j in range(len(seen)))
    return weights, context


class Said(NamedTuple):
    """A teacher-forced pass, T rows each."""

    readouts: np.ndarray
    queries: np.ndarray
    contexts: np.ndarray
    weights: np.ndarray  # [T, S'] over what is seen
    embedded: np.ndarray
    logits: np.ndarray


def maxout(params, state, word, context):
    """max of pairs of U_o s_{i-1} + V_o E y_{i-1} + C_o c_i."""
    wide = (
        state @ f64(params["readout_state"])
        + word @ f64(params["readout_word"])
        + context @ f64(params["readout_context"])
        + f64(params["readout_bias"])
    )
    return np.array([max(wide[2 * k], wide[2 * k + 1]) for k in range(READOUTS)])


def attentional(params, context, state):
    """h~ = tanh(W_c [c; h])."""
    return np.tanh(np.concatenate([context, state]) @ f64(params["combine"]))


def readout(case: Case, params, query, word, context):
    if case.decoder == "bahdanau":
        return maxout(params["decoder"], query, word, context)
    return attentional(params["decoder"], context, query)


def logits_of(case: Case, params, readouts):
    kernel = params["target_embedding"].T if case.tied else params["vocabulary"]
    return readouts @ f64(kernel) + f64(params["vocabulary_bias"])


def force(case: Case, params, source, target) -> Said:
    """Readouts for every target word, given those before it."""
    params = params["params"]
    encoded = encode(case, params, source)
    inputs = [BOS, *target[:-1]] if len(target) else []
    embedded = f64(params["target_embedding"])[inputs]
    say = bahdanau if case.decoder == "bahdanau" else luong
    rows = say(case, params["decoder"], encoded, embedded)
    readouts, queries, contexts, weights = map(np.array, zip(*rows, strict=True))
    logits = logits_of(case, params, readouts)
    return Said(readouts, queries, contexts, weights, embedded, logits)


def bahdanau(case: Case, params, encoded: Source, embedded):
    """Appendix A.2.2: s_{i-1} asks, c_i enters the cell, the readout is of s_{i-1}."""
    summary = (
        encoded.values[0, HIDDEN:]  # the first backward annotation
        if case.bidirectional
        else encoded.values[0 if case.reverse_source else -1]
    )
    state = np.tanh(summary @ f64(params["start"]) + f64(params["start_bias"]))
    carry = cells.start(case.cell, state)
    coverage = np.zeros(len(encoded.seen))
    for word in embedded:
        query = cells.output(case.cell, carry)  # s_{i-1}
        weights, context = look(case, params, query, encoded.seen, coverage)
        yield maxout(params, query, word, context), query, context, weights
        into = np.concatenate([word, context])
        carry = cells.STEPS[case.cell](params["cell"], carry, into)
        coverage = coverage + weights


def luong(case: Case, params, encoded: Source, embedded):
    """Section 3: h_t asks; h~ is read out, and fed to the next step (zeros first)."""
    carries = []
    for n, ends in enumerate(encoded.finals):
        if case.bidirectional:
            both = np.concatenate([cells.output(case.cell, end) for end in ends])
            state = np.tanh(both @ f64(params[f"bridge{n}"]))
            carries.append(cells.start(case.cell, state))
        else:
            carries.append(ends[0])
    feed = np.zeros(READOUTS if case.input_feeding else 0)
    coverage = np.zeros(len(encoded.seen))
    for word in embedded:
        below = np.concatenate([word, feed])
        for n in range(case.layers):
            layer = params[f"layer{n}"]
            carries[n] = cells.STEPS[case.cell](layer, carries[n], below)
            below = cells.output(case.cell, carries[n])
        weights, context = look(case, params, below, encoded.seen, coverage)
        attended = attentional(params, context, below)
        yield attended, below, context, weights
        feed = attended if case.input_feeding else feed
        coverage = coverage + weights


def log_softmax(logits):
    top = logits.max(axis=-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))
