"""The parameters that a model starts from."""

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.nn.decoder_model import Conditional


def init_params(model: Conditional, rng: jax.Array):
    """Parameters of a model, drawn with `rng`."""
    return model.init(rng, method="parameters")


def with_frequencies(params, counts: np.ndarray):
    """`params` with the vocabulary's bias at the words' log frequencies, add-one.

    An untrained model then predicts the unigram distribution. One that has to learn it
    first pushes all its readouts the same way, and a tanh readout stays there: Luong's
    decoder never left the unigram loss on 6,000 words without this.
    """
    logs = np.log((counts + 1.0) / (counts.sum() + len(counts)))
    bias = jnp.asarray(logs - logs.mean(), jnp.float32)
    return {"params": {**params["params"], "vocabulary_bias": bias}}
