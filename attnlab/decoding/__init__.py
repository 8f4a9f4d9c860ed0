"""Search over a pure step function: greedy, beam, and what to do with unknown words."""

from attnlab.decoding.base import Decoded, Step
from attnlab.decoding.beam import LENGTH_PENALTIES, beam
from attnlab.decoding.greedy import greedy
from attnlab.decoding.unknowns import replace_unknown

__all__ = [
    "LENGTH_PENALTIES",
    "Decoded",
    "Step",
    "beam",
    "greedy",
    "replace_unknown",
]
