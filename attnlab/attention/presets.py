"""The choices by name, and the papers' variants as records of such names.

To add a score, window, normalizer or read: write its function, add a line here.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

import jax

from attnlab.attention import normalizers, reads, scores, windows
from attnlab.attention.base import Attention, Dims, Normalizer, Read, Score, Window
from attnlab.attention.compose import attention
from attnlab.attention.fixed_context import fixed_context
from attnlab.attention.heads import multi_head
from attnlab.attention.monotonic import MONOTONIC

Option = str | int | float | bool
Made = TypeVar("Made")

# Factories, whose arguments are the options that a choice takes; all have defaults.
SCORES: dict[str, Callable[..., Score]] = {
    "dot": scores.dot,
    "scaled-dot": scores.scaled_dot,
    "general": scores.general,
    "additive": scores.additive,
    "concat": scores.concat,
    "concat-luong2015": scores.concat_luong2015,
    "location": scores.location,
    "cosine": scores.cosine,
    "uniform": scores.uniform,
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
    heads: int = 1,
    **options: Option,
) -> Attention:
    """The attention of these names.

    `build("general", "local-p", half_width=10)` is Luong et al. 2015's best.

    Args:
      score: a name in SCORES; "none" is no attention at all but a fixed context, and
        ignores the other three.
      window: a name in WINDOWS.
      normalizer: a name in NORMALIZERS, or in MONOTONIC, which take window global.
      read: a name in READS.
      heads: how many, each in projections of its own (`attnlab.attention.heads`).
      **options: arguments of the factories of these choices, as `options_of` lists
        them: half_width of local windows (10), gaussian of local-p ("after" or "before"
        the normalizer), coverage for scores that see keys (the score also sees how much
        weight each position has had), max_length of location (50), k of top-k (5),
        chunk of mocha (2), online of monotonic and mocha (stop for certain, once they
        are trained), fixed of "none" ("last", "first", "both" or "mean").

    Returns:
      The Attention. Make it once, outside jitted code: each compiles anew.

    Raises:
      ValueError: for an unknown name, an option that none of the choices takes, a
        value that its choice refuses, a local window under a monotonic attention, or
        heads of nothing.
    """
    if heads != 1:
        if score == "none":
            raise ValueError(f"heads is {heads}; score 'none' has nothing to look at")
        one = build(score, window, normalizer, read, heads=1, **options)
        return multi_head(one, heads)
    takes = options_of(score, window, normalizer, read)
    for option, value in options.items():
        if option not in takes:
            chosen = [score, window, *{normalizer} & MONOTONIC.keys(), read]
            raise ValueError(_not_taken(option, value, chosen))
    if score == "none":
        return _made(fixed_context, options)
    chosen = _made(SCORES[score], options)
    if options.get("coverage"):
        chosen = scores.with_coverage(chosen)
    chosen_read = _made(READS[read], options)
    if normalizer in MONOTONIC:
        if window != "global":
            raise ValueError(
                f"normalizer {normalizer!r} walks over the whole sentence: it takes "
                f"window 'global', not {window!r}"
            )
        return _made(MONOTONIC[normalizer], options)(chosen, chosen_read)
    chosen_window = _made(WINDOWS[window], options)
    return attention(chosen, chosen_window, NORMALIZERS[normalizer], chosen_read)


def options_of(
    score: str = "general",
    window: str = "global",
    normalizer: str = "softmax",
    read: str = "soft",
) -> set[str]:
    """The names of the options that these choices take.

    Args:
      score: a name in SCORES, or "none".
      window: a name in WINDOWS.
      normalizer: a name in NORMALIZERS, none of which has options, or in MONOTONIC.
      read: a name in READS.

    Returns:
      Names of arguments that `build` takes beside the four; {"half_width", "gaussian",
      "coverage"} for general and local-p.

    Raises:
      ValueError: for an unknown name.
    """
    for kind, name, names in (
        ("score", score, [*SCORES, "none"]),
        ("window", window, WINDOWS),
        ("normalizer", normalizer, [*NORMALIZERS, *MONOTONIC]),
        ("read", read, READS),
    ):
        if name in PRESETS:
            raise ValueError(
                f"{kind} {name!r} is a preset, which pins a whole model: give it to a "
                f"row of a sweep (preset={name!r}), or read PRESETS[{name!r}].settings"
            )
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"unknown {kind} {name!r}; {hint}choose {', '.join(names)}"
            )
    if score == "none":
        return _names(fixed_context)
    coverage = {"coverage"} if SCORES[score]().has_keys else set()
    factories = [SCORES[score], WINDOWS[window], READS[read]]
    if normalizer in MONOTONIC:
        factories.append(MONOTONIC[normalizer])
    return coverage.union(*map(_names, factories))


def _names(factory: Callable[..., object]) -> set[str]:
    return set(inspect.signature(factory).parameters)


def _made(factory: Callable[..., Made], options: Mapping) -> Made:
    """What a factory makes of those of the options that it takes."""
    names = _names(factory)
    return factory(**{name: options[name] for name in options if name in names})


def _not_taken(option: str, value: Option, chosen: list[str]) -> str:
    """That no choice takes the option, and which ones would."""
    if "none" in chosen:
        return (
            f"{option} is {value!r}, and score 'none' is a fixed context, to which "
            "window, normalizer and read do not apply; it takes only fixed"
        )
    takers = {
        "score": [name for name in [*SCORES, "none"] if option in options_of(name)],
        "window": [name for name in WINDOWS if option in _names(WINDOWS[name])],
        "normalizer": [n for n in MONOTONIC if option in _names(MONOTONIC[n])],
        "read": [name for name in READS if option in _names(READS[name])],
    }
    would = [f"{kind} {', '.join(names)}" for kind, names in takers.items() if names]
    if not would:
        return f"unknown option {option!r} = {value!r}; choose {', '.join(_all())}"
    return (
        f"{option} is {value!r}, and none of {', '.join(chosen)} takes it; "
        f"{' and '.join(would)} would"
    )


def _all() -> list[str]:
    """Every option of some choice, in alphabetical order."""
    names = {"coverage"} | _names(fixed_context)
    for table in (SCORES, WINDOWS, MONOTONIC, READS):
        names |= set().union(*map(_names, table.values()))
    return sorted(names)


@lru_cache
def check_widths(score: str, query: int, value: int) -> None:
    """Refuse a score that queries and values of these widths cannot have.

    Args:
      score: one of SCORES.
      query: Q, width of what asks.
      value: C, width of what is read.

    Raises:
      ValueError: where the score's parameters cannot be made.
    """
    made = SCORES[score]()  # other options do not touch what widths it takes
    jax.eval_shape(lambda: made.init(jax.random.key(0), Dims(query, value, 1)))


class Preset(NamedTuple):
    """A published variant.

    settings: that it pins, of the model and of how it learns. A system that lacks one
      (a captioner has no reversed source) does without.
    paper: authors, year and title.
    departures: where attnlab differs from the paper, a sentence each.
    tasks: that it is for.
    """

    settings: dict[str, Option]
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
            "widths and optimizer are of configs/classification.py:imdb",
            "matrices start Glorot-uniform or orthogonal, embeddings of unit length; "
            "the gates' biases at 0, not 1",
            "the end mark that is read is a token of its own, not the first pad",
            "unknown words are one token, where the original drops them at test",
            "every test sentence counts, those of the last partial batch too",
        ),
        tasks=("classification",),
    ),
}
