"""Steps whose likelihoods stand in a table, for estimators that only read them."""

import jax.numpy as jnp
import numpy as np

from attnlab.estimators import Steps


def steps_of(probabilities, likelihoods) -> Steps:
    """Steps with p(a) and log p(y | a), both [..., W]; a mixture can't be read."""
    likelihoods = jnp.asarray(likelihoods)

    def log_prob_at(slots):
        return jnp.take_along_axis(likelihoods, slots[..., None], axis=-1)[..., 0]

    def log_prob_under(reads):
        raise AssertionError("this estimator has no use for a mixture")

    return Steps(jnp.asarray(probabilities), log_prob_at, log_prob_under)


def drawn(*shape, seed=0):
    """Random p(a), of sum one, and log p(y | a), float64."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    return p, -random.gamma(2.0, 2.0, size=shape)


def single(array):
    return np.asarray(array, np.float32)
