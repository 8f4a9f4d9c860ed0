"""What greedy and beam search share: the step, the result, and which tokens may follow.

Both search with a pure function `step(memory, carry, tokens) -> (carry, logits,
weights)` over B sentences: `tokens` [B] are the previous words, every leaf of `carry`
and of `memory` has the leading axis B, `logits` are [B, V] and `weights` [B, S].
`memory` is what does not change from word to word (encoded sentences). A row must
depend on no other, for sentences come and go. Parameters are closed over.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

Tree = TypeVar("Tree")  # a pytree of arrays
Step = Callable[..., tuple[Tree, jax.Array, jax.Array]]
PerSentence = int | Sequence[int] | jax.Array | None


class Decoded(NamedTuple):
    """Translations of a batch; beam search puts an axis K, best first, after B.

    tokens: [B, L] or [B, K, L] int, padding after `lengths`.
    lengths: [B] or [B, K] int, the end mark counted where one was produced.
    scores: [B] or [B, K], log-probability divided by the length penalty.
    alignments: [B, L, S] or [B, K, L, S]; row t are the weights that chose word t, and
      rows after `lengths` are zero.
    """

    tokens: jax.Array
    lengths: jax.Array
    scores: jax.Array
    alignments: jax.Array


class StepShapes(NamedTuple):
    """What a step returns.

    size: S.
    weights: their dtype.
    scores: the dtype to sum log-probabilities in, float32 or wider.
    """

    size: int
    weights: jnp.dtype
    scores: jnp.dtype


def check(
    step: Step,
    memory: Tree,
    carry: Tree,
    tokens: jax.Array,
    *,
    size: int | None,
    banned: Sequence[int],
) -> StepShapes:
    """The shapes of a step, by tracing it once.

    Args:
      step: of the search.
      memory: leaves [B, ...].
      carry: leaves [B, ...].
      tokens: [B] int.
      size: S, or None where it is not known.
      banned: tokens that have to be in the vocabulary.

    Returns:
      The shapes.

    Raises:
      ValueError: names what does not fit.
    """
    batch = tokens.shape[0]
    leaves = jax.tree_util.tree_leaves_with_path(carry)
    remembered = jax.tree_util.tree_leaves_with_path(memory)
    named = [("carry", *leaf) for leaf in leaves]
    named += [("memory", *leaf) for leaf in remembered]
    for name, path, leaf in named:
        if jnp.shape(leaf)[:1] != (batch,):
            raise ValueError(
                f"{name}{jax.tree_util.keystr(path)} has shape {jnp.shape(leaf)}, "
                f"its first axis must be the batch of {batch}"
            )
    after, logits, weights = jax.eval_shape(step, memory, carry, tokens)
    before = jax.eval_shape(lambda c: c, carry)
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise ValueError(
            f"step turns a carry of {jax.tree.structure(before)} into "
            f"{jax.tree.structure(after)}"
        )
    for (path, _), old, new in zip(
        leaves, jax.tree.leaves(before), jax.tree.leaves(after), strict=True
    ):
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            raise ValueError(
                f"step turns carry{jax.tree_util.keystr(path)} from "
                f"{old.dtype}{list(old.shape)} into {new.dtype}{list(new.shape)}"
            )
    for name, array in (("logits", logits), ("weights", weights)):
        if array.ndim != 2 or array.shape[0] != batch:
            raise ValueError(
                f"step returns {name} of shape {array.shape}, not ({batch}, ...)"
            )
    if size is not None and weights.shape[1] != size:
        raise ValueError(f"step returns {weights.shape[1]} weights, size is {size}")
    for token in banned:
        if not 0 <= token < logits.shape[1]:
            raise ValueError(
                f"token {token} is not in the vocabulary of {logits.shape[1]}"
            )
    return StepShapes(
        weights.shape[1], weights.dtype, jnp.promote_types(logits.dtype, jnp.float32)
    )


def per_sentence(name: str, value: PerSentence, default: int, batch: int) -> jax.Array:
    """One number a sentence.

    Args:
      name: of the argument, for errors.
      value: a number, or one a sentence; None is the default.
      default: a number.
      batch: B.

    Returns:
      Numbers [B] int32.

    Raises:
      ValueError: for numbers of another count.
    """
    numbers = jnp.asarray(default if value is None else value, jnp.int32)
    if numbers.shape not in ((), (batch,)):
        raise ValueError(f"{name} has shape {numbers.shape}, the batch has {batch}")
    return jnp.broadcast_to(numbers, (batch,))


def allowed(
    logits: jax.Array, early: jax.Array, *, eos: int, banned: Sequence[int]
) -> jax.Array:
    """Logits with -inf for what may not follow.

    -inf is meant: the logarithm of probability zero. Other probabilities are not
    renormalized, as in Bahdanau's sample.py.

    Args:
      logits: [..., V].
      early: [...] bool, where the end mark may not follow yet.
      eos: the end mark.
      banned: tokens that never follow.

    Returns:
      Logits [..., V].
    """
    words = lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    forbidden = (words == eos) & early[..., None]
    for token in banned:
        forbidden |= words == token
    return jnp.where(forbidden, -jnp.inf, logits)
