"""The records an attention is made of, and what each of their functions promises.

Everything works on ONE query of ONE sentence, without a batch axis: models `jax.vmap`
over sentences, and over target steps where nothing feeds back. Axes: S positions of the
sentence, W positions looked at in one step, Q query, C value and context width, K key
width. Options are arguments of the factories that make these records; their functions
take arrays only, all of them the same ones, and `del` those they do not need.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

Params = dict[str, Any]  # a pytree of arrays; {} where nothing is learned


class Dims(NamedTuple):
    """Widths, never lengths: what an `init` needs to know about the model around it."""

    query: int
    value: int
    hidden: int


class Score(NamedTuple):
    """How well does a query match each key?

    init(rng, dims) -> params
    keys(params, values [S, C]) -> keys [S, K], once per sentence
    apply(params, query [Q], keys [W, K], positions [W], coverage [W]) -> scores [W]

    `positions` say where in the sentence the keys stand, always in [0, S - 1];
    `coverage` is the weight each of them received in earlier steps, zeros unless
    `needs_coverage`. Scores of padding may be anything finite: the normalizer drops them.
    `is_matmul`: queries are multiplied with the keys, so that all those of a sentence
    make one matrix product; other scores form something of size [W, K] for each query.
    """

    init: Callable[[jax.Array, Dims], Params]
    keys: Callable[[Params, jax.Array], jax.Array]
    apply: Callable[..., jax.Array]
    max_positions: int | None = (
        None  # positions from here on can not be scored: no weight
    )
    needs_coverage: bool = (
        False  # reads coverage, so that a step needs the steps before it
    )
    dense_below: int = 64  # shorter (padded) sentences are not worth gathering from
    is_matmul: bool = True


class Window(NamedTuple):
    """Which positions may be looked at, and with what prior?

    init(rng, dims) -> params
    centre(params, query [Q], length [], step []) -> real number [] in [0, length]
    prior(centre [], positions [W]) -> [W] in [0, 1], ones where there is no preference

    `half_width` None looks everywhere. Otherwise `compose.py` cuts the 2 half_width + 1
    positions around floor(centre); a window does not know how it is cut.
    """

    init: Callable[[jax.Array, Dims], Params]
    centre: Callable[..., jax.Array]
    prior: Callable[[jax.Array, jax.Array], jax.Array]
    half_width: int | None = None
    prior_on: str = "weights"  # or "scores": multiplied before the normalizer


# (scores [W], valid [W]) -> weights [W]: non-negative, of sum one, exactly zero where
# not valid, all zeros if nothing is, and with finite gradients in every case.
Normalizer = Callable[[jax.Array, jax.Array], jax.Array]


class SampleSpec(NamedTuple):
    """The chance a read may use; without one every read takes the expected value.

    rng: a key; None takes the likeliest position. temperature: of the relaxed sample
    that carries the gradient of straight-through. expected: bool, take the expected
    value after all (Xu et al. 2015 toss a coin for it, one a sentence).
    """

    rng: jax.Array | None
    temperature: jax.Array | float = 1.0
    expected: jax.Array | bool = False


# (weights [W], Draw or None) -> weights [W] that the values are read with: zero where
# the weights are, so that a step with nothing to look at reads zeros.
Read = Callable[[jax.Array, SampleSpec | None], jax.Array]


class Memory(NamedTuple):
    """A sentence prepared for attention; never changed while it is being read.

    `length` is the number of words, which windows are measured by. `mask` says what may
    be attended, and may include the end-of-sentence position after the words.
    """

    values: jax.Array  # [S, C], zeros where masked
    keys: jax.Array  # [S, K], the values as the score sees them
    mask: jax.Array  # [S] bool
    length: jax.Array  # [] int


class AttentionOutput(NamedTuple):
    """What one step read, and from where.

    `weights` sum to at most one (to less under a prior, to zero if nothing is
    attendable) and are exactly zero at masked positions. `positions` may lie outside
    the sentence, with weight zero; `alignment.dense` puts both onto the sentence.
    Where values are bfloat16, the context is too, and the weights are float32.
    """

    context: jax.Array  # [C], of the values at `reads`
    weights: jax.Array  # [W]
    reads: jax.Array  # [W], the weights themselves where the read is soft
    positions: jax.Array  # [W] int
    carry: Any  # for the next step
    aux: dict[str, jax.Array]  # "centre" []


class Attention(NamedTuple):
    """What a model sees, whatever the variant.

    init(rng, dims) -> params
    prepare(params, values [S, C], mask [S] bool, length []) -> Memory
    start(memory) -> carry for the first step
    apply(params, query [Q], memory, *, step [], carry, draw=None) -> Aligned
    at_once(size) -> bool: is it best to batch the steps over S = size positions?

    They can not be batched where `carry` matters, and are not where each step would add
    something large of its own. Otherwise both ways read the same.
    """

    init: Callable[[jax.Array, Dims], Params]
    prepare: Callable[..., Memory]
    start: Callable[[Memory], Any]
    apply: Callable[..., AttentionOutput]
    batch_steps: Callable[[int], bool]
