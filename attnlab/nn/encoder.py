"""A recurrent encoder: uni- or bidirectional, stacked, blind to padding."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from attnlab.nn.cells import Carry, Cell
from attnlab.nn.embedding import dropout
from attnlab.nn.recurrence import recur, recur_both


class Encoded(NamedTuple):
    """What a decoder gets to see of the source.

    values [B, S, C]: annotations, zero under padding; C = H * directions.
    finals: for each layer, the final carries of its directions ([B, H] each).
    summary [B, H]: where the last direction of the top layer ended. For a
      bidirectional encoder this is the *first backward* annotation, of which Bahdanau
      et al. make the decoder's first state.
    """

    values: jax.Array
    finals: tuple[tuple[Carry, ...], ...]
    summary: jax.Array


class Encoder(nn.Module):
    """Bahdanau et al. 2014, appendix A.2.1 (`bi`); Luong et al. 2015 (`uni`).

    `reverse_source` reads a unidirectional encoder's sentence from its end (Sutskever
    et al. 2014). Only the scan turns round: annotations, windows and alignments keep
    the order of the words.

    inputs: E. hidden: H, a direction.
    """

    cell: Cell
    inputs: int
    hidden: int
    layers: int = 1
    bidirectional: bool = True
    reverse_source: bool = False
    dropout: float = 0.0

    def setup(self):
        if self.bidirectional and self.reverse_source:
            raise ValueError("a bidirectional encoder has no reversed source")
        directions = [False, True] if self.bidirectional else [self.reverse_source]
        # Layers above the first read both directions of the one below.
        widths = [self.inputs] + [self.hidden * len(directions)] * (self.layers - 1)
        self.params_of = [
            [
                self.param(f"layer{n}_{side}", self.cell.init, width, self.hidden)
                for side in ("forward", "backward")[: len(directions)]
            ]
            for n, width in enumerate(widths)
        ]

    def __call__(
        self, embedded: jax.Array, mask: jax.Array, *, train: bool = False
    ) -> Encoded:
        """Annotate a batch.

        Args:
          embedded: [B, S, E].
          mask: [B, S], True at real tokens.
          train: whether there is dropout, between layers.

        Returns:
          The Encoded.
        """
        values, finals = embedded, []
        for n, layer in enumerate(self.params_of):
            # Below the first layer the model has dropped embeddings already.
            if n > 0 and train and self.dropout:
                values = dropout(self.make_rng("dropout"), values, self.dropout)
            runs = self._run(layer, values, mask)
            values = jnp.concatenate(
                [outputs for outputs, _ in runs], axis=-1
            )  # [B, S, C]
            finals.append(tuple(final for _, final in runs))
        return Encoded(values, tuple(finals), self.cell.output(finals[-1][-1]))

    def _run(self, layer, values, mask):
        """Outputs and final carry of each direction of a layer."""
        if self.bidirectional:
            return recur_both(self.cell, tuple(layer), values, mask, hidden=self.hidden)
        reverse = self.reverse_source
        run = recur(
            self.cell, layer[0], values, mask, hidden=self.hidden, reverse=reverse
        )
        return (run,)
