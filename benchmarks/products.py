"""The matrix products of a training step, alone: what the machine at best needs.

All products with weights of one update, forward and backward (two more of the same
size each), with the shapes that the step has them in: those of the recurrences one
after the other, everything else in one call, the vocabulary in blocks of real words.
Nothing else is computed, so the share of a step that they need is how near it is to
the machine's limit. The dot products of attention are not among them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax


class Product(NamedTuple):
    """[rows, inputs] x [inputs, outputs], `times` in a row, each after the last."""

    rows: int
    inputs: int
    outputs: int
    times: int = 1


def bahdanau(batch: int, source: int, target: int, real: int, width: int, words: int):
    """The products of one `bahdanau2014` update of `real` target words."""
    return [
        Product(batch * source, width, 3 * width),  # into both directions
        Product(batch * source, width, 3 * width),
        Product(batch, width, 3 * width, source),  # their recurrences
        Product(batch, width, 3 * width, source),
        Product(batch * source, 2 * width, width),  # keys
        Product(batch, width, width),  # first state
        Product(batch * target, width, 3 * width),  # words into the decoder
        Product(batch, width, width, target),  # query
        Product(batch, 2 * width, 3 * width, target),  # context into the decoder
        Product(batch, width, 3 * width, target),  # its recurrence
        Product(batch * target, width, 2 * width),  # readout
        Product(batch * target, width, 2 * width),
        Product(batch * target, 2 * width, 2 * width),
        Product(256, width, words, -(-real // 256)),
    ]


def luong(
    batch: int, source: int, target: int, real: int, width: int, words: int, fed: bool
):
    """The products of an update of Luong's model of two layers."""
    layer = Product(batch * source, width, 4 * width)
    return [
        layer,
        layer,
        Product(batch, width, 4 * width, source),
        Product(batch, width, 4 * width, source),
        Product(batch * source, width, width),  # keys
        Product(batch * target, width, 4 * width),
        *([Product(batch, width, 4 * width, target)] if fed else []),
        Product(batch, width, 4 * width, target),
        Product(batch, 2 * width, 4 * width, target),
        Product(batch, 2 * width, width, target)
        if fed
        else Product(batch * target, 2 * width, width),
        Product(256, width, words, -(-real // 256)),
    ]


def gigaflops(products: list[Product]) -> float:
    """Of the forward and backward pass."""
    return sum(6e-9 * p.rows * p.inputs * p.outputs * p.times for p in products)


def alone(products: list[Product]):
    """A function without arguments that computes them all; compiled when first called.

    Every product waits for the one before it through a single number, so that none is
    left out or moved out of its loop.
    """

    def arrays(rng, product: Product):
        rows, inputs, outputs, _ = product
        keys = jax.random.split(rng, 3)
        data = jax.random.normal(keys[0], (rows, inputs))
        weight = jax.random.normal(keys[1], (inputs, outputs))
        return data, weight, jax.random.normal(keys[2], (rows, outputs))

    def turns(data, weight, slope, times: int):
        def turn(_, carry):
            data, slope, out, back, gradient = carry
            data = data.at[0, 0].add(1e-9 * back[0, 0])
            slope = slope.at[0, 0].add(1e-9 * out[0, 0])
            gradient = gradient + data.T @ slope
            return data, slope, data @ weight, slope @ weight.T, gradient

        start = (data, slope, slope, data, jnp.zeros_like(weight))
        arrays = lax.fori_loop(0, times, turn, start)
        return sum(array.sum() for array in arrays)

    rngs = jax.random.split(jax.random.key(0), len(products))
    held = [arrays(rng, product) for rng, product in zip(rngs, products, strict=True)]

    @jax.jit
    def work(held):
        pairs = zip(held, products, strict=True)
        return jnp.stack([turns(*three, product.times) for three, product in pairs])

    return lambda: work(held)
