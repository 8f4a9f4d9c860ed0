"""The parameters that a model starts from."""

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.base import Params
from attnlab.nn.decoder_model import Conditional


def init_params(model: Conditional, rng: jax.Array) -> Params:
    """Draw the parameters of a model.

    Args:
      model: the model.
      rng: a random key.

    Returns:
      Its parameters.
    """
    return dict(model.init(rng, method="parameters"))


def with_frequencies(params: Params, counts: np.ndarray) -> Params:
    """Parameters with the vocabulary's bias at the words' log frequencies, add-one.

    An untrained model then predicts the unigram distribution. One that has to learn it
    first pushes all its readouts the same way, and a tanh readout stays there: Luong's
    decoder never left the unigram loss on 6,000 words without this.

    Args:
      params: of a `Conditional`.
      counts: how often each word occurs in training [V].

    Returns:
      The same parameters with another bias.
    """
    # Add-one: special tokens never occur, and log 0 is no bias. Softmax does not see
    # that the mean is taken off.
    logs = np.log((counts + 1.0) / (counts.sum() + len(counts)))
    bias = jnp.asarray(logs - logs.mean(), jnp.float32)
    return {"params": {**params["params"], "vocabulary_bias": bias}}
