"""Attentions as compositions of a score, a window, a normalizer and a read.

    attend = build(score="general", window="local-p", half_width=10)
    params = attend.init(rng, Dims(query=512, value=512, hidden=512))
    memory = attend.prepare(params, values, mask, length)
    carry = attend.start(memory)
    read = attend.apply(params, query, memory, step=0, carry=carry)
    read.context, read.weights, read.positions, read.carry

All of it without a batch axis: `jax.vmap` over sentences.
"""

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
from attnlab.attention.presets import (
    NORMALIZERS,
    PRESETS,
    READS,
    SCORES,
    WINDOWS,
    Preset,
    build,
)

__all__ = [
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
]
