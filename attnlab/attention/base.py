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
# What a step needs of the steps before it; () where that is nothing.
Carry = jax.Array | tuple[jax.Array, ...]


class Dims(NamedTuple):
    """Widths, never lengths: what an `init` needs to know about the model around it.

    query: Q, width of what asks. value: C, width of what is read. hidden: H, width of
    the hidden layer of additive scores and of local-p's predictor.
    """

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
    `needs_coverage`. Scores of padding may be anything finite: the normalizer drops
    them.

    max_positions: positions from this one on can not be scored and get no weight.
    needs_coverage: reads coverage, so that a step needs the steps before it.
    has_keys: False where values are not looked at (location, uniform): K is 0.
    dense_below: shorter (padded) sentences are not worth gathering windows from.
    is_matmul: queries are multiplied with the keys, so that all those of a sentence
      make one matrix product; other scores form a [W, K] array for each query.
    name: what a repr shows.
    """

    init: Callable[[jax.Array, Dims], Params]
    keys: Callable[[Params, jax.Array], jax.Array]
    apply: Callable[..., jax.Array]
    max_positions: int | None = None
    needs_coverage: bool = False
    has_keys: bool = True
    dense_below: int = 64
    is_matmul: bool = True
    name: str = ""

    def __repr__(self) -> str:
        return f"Score({self.name or factory_name(self.apply)})"


class Window(NamedTuple):
    """Which positions may be looked at, and with what prior?

    init(rng, dims) -> params
    centre(params, query [Q], length [], step []) -> real number [] in [0, length]
    prior(centre [], positions [W]) -> [W] in [0, 1], ones where there is no preference

    half_width: None looks everywhere. Otherwise `compose.py` cuts the 2 half_width + 1
      positions around floor(centre); a window does not know how it is cut.
    prior_on: "weights", multiplied after the normalizer, or "scores", before it.
    name: what a repr shows.
    """

    init: Callable[[jax.Array, Dims], Params]
    centre: Callable[..., jax.Array]
    prior: Callable[[jax.Array, jax.Array], jax.Array]
    half_width: int | None = None
    prior_on: str = "weights"
    name: str = ""

    def __repr__(self) -> str:
        return f"Window({self.name or factory_name(self.centre)})"


# (scores [W], valid [W]) -> weights [W]: non-negative, of sum one, exactly zero where
# not valid, all zeros if nothing is, and with finite gradients in every case.
Normalizer = Callable[[jax.Array, jax.Array], jax.Array]


class SampleSpec(NamedTuple):
    """How a read may sample; without one every read takes the expected value.

    rng: a key; None takes the most probable position.
    temperature: of the relaxed sample that carries straight-through's gradient.
    expected: bool, take the expected value after all (Xu et al. 2015 toss a coin for
      it, one a sentence).
    """

    rng: jax.Array | None
    temperature: jax.Array | float = 1.0
    expected: jax.Array | bool = False


# (weights [W], SampleSpec or None) -> weights [W] that the values are read with: zero
# where the weights are, so that a step with nothing to look at reads zeros.
Read = Callable[[jax.Array, SampleSpec | None], jax.Array]


class Memory(NamedTuple):
    """A sentence prepared for attention; never changed while it is being read.

    values: [S, C], zeros where masked.
    keys: [S, K], the values as the score sees them.
    mask: [S] bool, what may be attended; it may include the end-of-sentence position
      after the words.
    length: [] int, the number of words, which windows are measured by.
    """

    values: jax.Array
    keys: jax.Array
    mask: jax.Array
    length: jax.Array


class AttentionOutput(NamedTuple):
    """What one step read, and from where.

    context: [C], the mixture of values at `reads`; bfloat16 where values are.
    weights: [W], of sum at most one (less under a prior, zero if nothing is
      attendable), exactly zero at masked positions, float32 or wider.
    reads: [W], what the values were read with: the weights where the read is soft.
    positions: [W] int, which may lie outside the sentence, with weight zero;
      `alignment.dense` puts both onto the sentence.
    carry: for the next step.
    aux: "centre" [], of the window, in positions.
    alignment: [S], the weights put onto the sentence; None where nobody asked for it.
    """

    context: jax.Array
    weights: jax.Array
    reads: jax.Array
    positions: jax.Array
    carry: Carry
    aux: dict[str, jax.Array]
    alignment: jax.Array | None = None


class Attention(NamedTuple):
    """What a model sees, whatever the variant.

    init(rng, dims) -> params
    prepare(params, values [S, C], mask [S] bool, length []) -> Memory
    start(memory) -> carry for the first step
    apply(params, query [Q], memory, *, step [], carry, draw=None) -> AttentionOutput
    batch_steps(size) -> bool: whether all steps over S = size positions may run in one
      vmap instead of a scan: False where a step needs the weights of the last, and
      where all steps at once would hold too much

    name: what a repr shows, "general, local-p(half_width=10), softmax, soft".
    """

    init: Callable[[jax.Array, Dims], Params]
    prepare: Callable[..., Memory]
    start: Callable[[Memory], Carry]
    apply: Callable[..., AttentionOutput]
    batch_steps: Callable[[int], bool]
    name: str = ""

    def __repr__(self) -> str:
        return f"Attention({self.name or factory_name(self.apply)})"


def factory_name(function: Callable[..., object]) -> str:
    """The name of the factory that a record's function comes from.

    Args:
      function: a function, or a closure of a factory.

    Returns:
      "top-k" for the closure `top_k.<locals>.read`, "softmax" for `softmax`.
    """
    qualified = getattr(function, "__qualname__", type(function).__name__)
    return qualified.split(".<locals>")[0].replace("_", "-")
