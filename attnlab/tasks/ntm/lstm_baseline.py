"""A deep LSTM without a memory: what a Neural Turing Machine is compared with."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import glorot_uniform, zeros

from attnlab.nn.cells import dense, lstm
from attnlab.nn.recurrence import time_major
from attnlab.nn.scan import scan
from attnlab.tasks.ntm.model import NTMOutputs


class StackedLSTM(nn.Module):
    """Layers of LSTM, each of which sees the inputs and the layer below (Graves 2013).

    The outputs are of all layers, and first states are learned: with 10 inputs and 9
    outputs, 3 layers of 256 have the 1,352,969 parameters of Graves et al. 2014's
    baseline for copying, and its other sizes come out as well.

    Attributes:
      inputs: numbers a step, X.
      outputs: bits a step, Y.
      hidden: units of a layer, H.
      layers: how many.
    """

    inputs: int
    outputs: int
    hidden: int = 256
    layers: int = 3

    def setup(self) -> None:
        cell, hidden = lstm(), self.hidden
        widths = [self.inputs] + [self.inputs + hidden] * (self.layers - 1)
        self.stack = [
            self.param(f"layer{n}", cell.init, width, hidden)
            for n, width in enumerate(widths)
        ]
        self.first = self.param("start", zeros, (self.layers, 2, hidden))
        size = (self.layers * hidden, self.outputs)
        self.output = self.param("output", glorot_uniform(), size)
        self.output_bias = self.param("output_bias", zeros, size[1:])

    def parameters(self) -> None:
        """Draws all parameters, by `init(rng, method="parameters")`, without a pass."""
        _ = self.output

    def __call__(self, inputs: jax.Array) -> NTMOutputs:
        """Runs over sequences.

        Args:
          inputs: [B, T, X].

        Returns:
          Logits [B, T, Y]; there are no heads, so that R = W = S = 0.
        """
        cell, steps = lstm(), time_major(inputs)
        below, outputs = steps, []
        for params, first in zip(self.stack, self.first, strict=True):
            start = tuple(jnp.repeat(first[:, None], steps.shape[1], axis=1))

            def step(carry, projected, params=params):
                carry = cell.step(params, carry, projected)
                return carry, cell.output(carry)

            projected = cell.project(params, below)
            _, states = scan(step, start, projected, matrices_last=True)
            outputs.append(states)
            below = jnp.concatenate([steps, states], axis=-1)
        logits = dense(jnp.concatenate(outputs, -1), self.output, self.output_bias)
        nothing = jnp.zeros((*inputs.shape[:2], 0, 0))
        return NTMOutputs(time_major(logits), nothing, nothing)
