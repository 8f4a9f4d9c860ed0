"""How a hard read learns: bounds on log p(target) and estimates of their gradients.

A learning rule returns an array, one number a target step, whose value is a bound (or
an estimate of one) and whose gradient is the estimator: to learn, maximize its sum. One
file a rule, `rules.RULES` by name; `objective` makes a model's loss of them.
"""

from attnlab.estimators.base import (
    Steps,
    at_every,
    at_slots,
    expected_likelihood,
    sample,
)
from attnlab.estimators.baselines import BASELINES, MovingAverage
from attnlab.estimators.elbo import divergence, elbo
from attnlab.estimators.marginal import marginal, posterior
from attnlab.estimators.reinforce import CREDITS, reinforce
from attnlab.estimators.rule import (
    Context,
    EstimatorState,
    Passes,
    Rule,
    initial_estimator_state,
)
from attnlab.estimators.rules import LEARNING, RULES, rule_options
from attnlab.estimators.top_k import top_k_joint

__all__ = [
    "BASELINES",
    "CREDITS",
    "LEARNING",
    "RULES",
    "Context",
    "EstimatorState",
    "MovingAverage",
    "Passes",
    "Rule",
    "Steps",
    "at_every",
    "at_slots",
    "divergence",
    "elbo",
    "expected_likelihood",
    "initial_estimator_state",
    "marginal",
    "posterior",
    "reinforce",
    "rule_options",
    "sample",
    "top_k_joint",
]
