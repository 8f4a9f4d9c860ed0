"""How a hard read learns: bounds on log p(target) and estimates of their gradients.

Each function returns an array, one number a target step, whose value is a bound (or an
estimate of one) and whose gradient is the estimator: to learn, maximize its sum.
"""

from attnlab.estimators.base import Steps, at_every, at_slots, sample
from attnlab.estimators.baselines import BASELINES, MovingAverage
from attnlab.estimators.elbo import divergence, elbo, expected_likelihood
from attnlab.estimators.marginal import marginal, posterior
from attnlab.estimators.reinforce import CREDITS, reinforce
from attnlab.estimators.top_k import top_k_joint

__all__ = [
    "BASELINES",
    "CREDITS",
    "MovingAverage",
    "Steps",
    "at_every",
    "at_slots",
    "divergence",
    "elbo",
    "expected_likelihood",
    "marginal",
    "posterior",
    "reinforce",
    "sample",
    "top_k_joint",
]
