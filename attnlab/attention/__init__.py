"""Attentions as compositions of a score, a window, a normalizer and a read.

    attend = attnlab.attention(score="general", window="local-p", half_width=10)
    params = attend.init(rng, Dims(query=512, value=512, hidden=512))
    memory = attend.prepare(params, values, mask, length)
    carry = attend.start(memory)
    output = attend.apply(params, query, memory, step=0, carry=carry)
    output.context, output.weights, output.positions, output.carry

All of it without a batch axis: `jax.vmap` over sentences. One file a choice: `scores`,
`windows` (local-m and local-p), `normalizers`, `reads`; `compose` puts them together,
and `monotonic` where a step goes on from where the last one stopped.
"""

import sys
import types

from attnlab.attention.addressing import addressing
from attnlab.attention.alignment import dense
from attnlab.attention.base import (
    Attention,
    AttentionOutput,
    Dims,
    Memory,
    Normalizer,
    Read,
    SampleSpec,
    Score,
    Window,
)
from attnlab.attention.compose import attention
from attnlab.attention.fixed_context import fixed_context
from attnlab.attention.monotonic import MONOTONIC
from attnlab.attention.presets import (
    NORMALIZERS,
    PRESETS,
    READS,
    SCORES,
    WINDOWS,
    Preset,
    build,
    options_of,
)

__all__ = [
    "MONOTONIC",
    "NORMALIZERS",
    "PRESETS",
    "READS",
    "SCORES",
    "WINDOWS",
    "AttentionOutput",
    "Attention",
    "Dims",
    "SampleSpec",
    "Memory",
    "Normalizer",
    "Preset",
    "Read",
    "Score",
    "Window",
    "addressing",
    "attention",
    "build",
    "dense",
    "fixed_context",
    "options_of",
]


class _CallablePackage(types.ModuleType):
    """`attnlab.attention(score="dot")` is `build`; modules stay importable below it."""

    def __call__(
        self,
        score: str = "general",
        window: str = "global",
        normalizer: str = "softmax",
        read: str = "soft",
        **options,
    ) -> Attention:
        return build(score, window, normalizer, read, **options)


sys.modules[__name__].__class__ = _CallablePackage
