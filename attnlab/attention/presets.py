"""The choices by name, and the papers' variants as records of such names.

To add a score, window, normalizer or read: write its function, add a line here.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from attnlab.attention import normalizers, reads, scores, windows
from attnlab.attention.base import Attention, Normalizer, Read, Score, Window
from attnlab.attention.compose import attention
from attnlab.attention.fixed_context import fixed_context

# Factories; `build` hands each the options that its signature names.
SCORES: dict[str, Callable[..., Score]] = {
    "dot": scores.dot,
    "scaled-dot": scores.scaled_dot,
    "general": scores.general,
    "additive": scores.additive,
    "concat": scores.concat,
    "concat-luong2015": scores.concat_luong2015,
    "location": scores.location,
    "cosine": scores.cosine,
}
WINDOWS: dict[str, Callable[..., Window]] = {
    "global": windows.global_window,
    "local-m": windows.local_m,
    "local-p": windows.local_p,
}
NORMALIZERS: dict[str, Normalizer] = {
    "softmax": normalizers.softmax,
    "sparsemax": normalizers.sparsemax,
    "entmax-1.5": normalizers.entmax15,
}
READS: dict[str, Callable[..., Read]] = {
    "soft": reads.soft,
    "top-k": reads.top_k,
    "hard": reads.hard,
    "straight-through": reads.straight_through,
}


def build(
    score: str = "general",
    window: str = "global",
    normalizer: str = "softmax",
    read: str = "soft",
    *,
    half_width: int = 10,
    gaussian: str = "after",
    coverage: bool = False,
    max_length: int = 50,
    k: int = 5,
    fixed: str = "last",
) -> Attention:
    """The attention of these names; options that a choice does not have are ignored.

    half_width: local windows. gaussian: local-p, "after" or "before" the normalizer.
    coverage: the score also sees how much weight each position has had. max_length: the
    location score's table. k: positions that top-k reads. `score="none"` is
    no attention at all but a fixed context, read at the `fixed` end: "last", "first" or
    "both".
    """
    if score == "none":
        return fixed_context(fixed)
    options = {
        "half_width": half_width,
        "gaussian": gaussian,
        "max_length": max_length,
        "k": k,
    }
    chosen = _make(_pick(SCORES, "score", score, extra=("none",)), options)
    return attention(
        scores.with_coverage(chosen) if coverage else chosen,
        _make(_pick(WINDOWS, "window", window), options),
        _pick(NORMALIZERS, "normalizer", normalizer),
        _make(_pick(READS, "read", read), options),
    )


def _pick(table: Mapping[str, Any], kind: str, name: str, extra: tuple = ()) -> Any:
    if name not in table:
        choices = ", ".join([*table, *extra])
        raise ValueError(f"unknown {kind} {name!r}; choose {choices}")
    return table[name]


def _make(factory: Callable[..., Any], options: dict[str, Any]) -> Any:
    names = inspect.signature(factory).parameters
    return factory(**{name: options[name] for name in names if name in options})


class Preset(NamedTuple):
    """A published variant: the settings it pins, of the model and of how it learns,
    where we depart from it, and the tasks that it is for.

    A system that lacks a setting (a captioner has no reversed source) does without.
    """

    settings: dict[str, Any]
    paper: str
    departures: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ("translation", "captioning")


_BAHDANAU = {
    "decoder": "bahdanau",
    "encoder": "bi",
    "cell": "cho-gru",
    "layers": 1,
    "input_feeding": False,  # the context is inside the cell
    "reverse_source": False,
    "eos_in_memory": True,
}
_LUONG = {
    "decoder": "luong",
    "encoder": "uni",
    "cell": "lstm",
    "layers": 4,
    "input_feeding": True,
    "reverse_source": True,
    "eos_in_memory": False,
}
_DENG = {
    "decoder": "luong",
    "encoder": "bi",
    "cell": "lstm",
    "layers": 2,
    "input_feeding": True,
    "reverse_source": False,
    "eos_in_memory": True,
    "score": "additive",
    "window": "global",
    "normalizer": "softmax",
    "read": "hard",
    "feed": "expected",
}


_XU = _BAHDANAU | {
    "cell": "lstm",
    "score": "additive",
    "window": "global",
    "normalizer": "softmax",
    "gate": True,  # of captions
}
_XU_DEPARTURES = (
    "the readout is a tanh, as in the released code (the paper's is linear)",
    "as translation: Bahdanau's decoder, no gate, no doubly stochastic term",
)


# What every preset leaves to the configuration, or does in our way.
_OURS = (
    "widths, optimizer, schedule and clipping are the configuration's",
    "matrices start Glorot-uniform or orthogonal, embeddings of unit length",
    "the vocabulary's bias starts at the words' log frequencies",
    "the loss is the mean over target tokens, not over sentences",
    "decoding divides a score by its length unless evaluate.length_penalty is none",
)


def _luong(score: str, window: str, *departures: str) -> Preset:
    attention = {"score": score, "window": window, "normalizer": "softmax"}
    if window != "global":
        attention |= {"half_width": 10}
    if window == "local-p":
        attention |= {"gaussian": "after"}
    if score == "location":
        attention |= {"max_length": 50}
    paper = "Luong et al. 2015, Effective Approaches to Attention-based NMT"
    ours = (*_OURS, "LSTMs have biases and cells are not clipped (released code)")
    return Preset(_LUONG | attention, paper, (*ours, *departures))


def _deng(**learning) -> Preset:
    return Preset(
        _DENG | learning,
        "Deng et al. 2018, Latent Alignment and Variational Attention",
        (*_OURS, "the attentional vector is fed, where they feed the expected context"),
    )


_CLAMPED = "local-m past the last source word stays there (nmt.matlab; paper silent)"
PRESETS: dict[str, Preset] = {
    "bahdanau2014": Preset(
        _BAHDANAU | {"score": "additive", "window": "global", "normalizer": "softmax"},
        "Bahdanau et al. 2014, NMT by Jointly Learning to Align and Translate",
        (
            *_OURS,
            "the output matrix is not factorized (GroundHog does, paper silent)",
        ),
    ),
    "rnnencdec": Preset(
        _BAHDANAU | {"score": "none", "encoder": "uni"},
        "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder",
        _OURS,
    ),
    "luong2015-global-location": _luong("location", "global"),
    "luong2015-global-dot": _luong("dot", "global"),
    "luong2015-global-general": _luong("general", "global"),
    "luong2015-global-concat": _luong("concat-luong2015", "global"),
    "luong2015-local-m-dot": _luong("dot", "local-m", _CLAMPED),
    "luong2015-local-m-general": _luong("general", "local-m", _CLAMPED),
    "luong2015-local-p-dot": _luong("dot", "local-p"),
    "luong2015-local-p-general": _luong("general", "local-p"),
    "xu2015-soft": Preset(
        _XU | {"doubly_stochastic": 1.0},
        "Xu et al. 2015, Show, Attend and Tell",
        (*_OURS, *_XU_DEPARTURES),
    ),
    "xu2015-hard": Preset(
        _XU
        | {
            "read": "hard",
            "learning": "reinforce",
            "feed": "sampled",
            "credit": "sentence",
            "baseline": "moving-average",
            "decay": 0.9,
            "reward_weight": 0.1,
            "entropy": 0.002,
            "coin": 0.5,
        },
        "Xu et al. 2015, Show, Attend and Tell",
        (
            *_OURS,
            *_XU_DEPARTURES,
            "the coin is tossed for a sentence (paper), not for a minibatch (code)",
            "the moving average is of the reward a word, times the words credited",
        ),
    ),
    "deng2018-exact": _deng(learning="marginal"),
    "deng2018-hard": _deng(learning="reinforce", baseline="soft", samples=1),
    "deng2018-variational": _deng(learning="elbo", baseline="soft", samples=1),
    "shankar2018-joint": Preset(
        _DENG | {"learning": "top-k", "k": 5},
        "Shankar et al. 2018, Surprisingly Easy Hard-Attention for Seq2seq Learning",
        _OURS,
    ),
    "tf-rnn-attention": Preset(
        {
            "pooling": "attention",
            "compat": True,
            "score": "additive",
            "window": "global",
            "normalizer": "softmax",
            "read": "soft",
            "cell": "cho-gru",
            "layers": 1,
            "dropout": 0.2,  # keep probability 0.8, on the pooled vector
        },
        "ilivans/tf-rnn-attention (2017), after Yang et al. 2016",
        (
            "widths and optimizer are the configuration's, configs/classification.py:imdb",
            "matrices start Glorot-uniform or orthogonal, embeddings of unit length; "
            "the gates' biases at 0, not 1",
            "the end mark that is read is a token of its own, not the first pad",
            "unknown words are one token, where the original drops them at test",
            "every test sentence counts, those of the last partial batch too",
        ),
        tasks=("classification",),
    ),
}
