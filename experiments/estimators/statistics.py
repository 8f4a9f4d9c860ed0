"""Bias and variance of a gradient estimator, with their errors, from groups of samples.

The samples are those of `gradients.sample_all`; here is only their statistics.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import f as f_distribution

LEVEL = 1e-4  # how often a bias is detected where there is none: a table asks 38 times


class Groups(NamedTuple):
    """Sampled gradients, less the exact one, in G groups.

    means: [G, P], of each group.
    squares: [G], the mean squared length in each group.
    size: gradients of a group.
    scale: the exact gradient's length.
    seconds: [G], of one gradient.
    """

    means: np.ndarray
    squares: np.ndarray
    size: int
    scale: float
    seconds: np.ndarray


class Measured(NamedTuple):
    """Bias and variance of an estimator; lengths are relative to the exact gradient's.

    distance: |mean - exact|, most of it noise where there is no bias.
    squared: the squared bias; where there is none it is above and below 0 by chance.
    squared_error: its standard error.
    limit: a bias shorter than this cannot be told from none.
    variance: the trace of the covariance of one gradient.
    variance_error: its standard error.
    seconds: of one gradient, the median over groups.
    """

    distance: float
    squared: float
    squared_error: float
    limit: float
    variance: float
    variance_error: float
    seconds: float

    @property
    def detected(self) -> bool:
        """Whether there is a bias.

        Returns:
          True where the squared bias is more than noise.
        """
        return self.squared > self.limit**2

    @property
    def bias(self) -> float:
        """The length of the bias.

        Returns:
          At least 0.
        """
        return float(np.sqrt(max(self.squared, 0.0)))

    @property
    def bias_error(self) -> float:
        """The standard error of the bias, meaningful where a bias is detected.

        Returns:
          The error; nan where the bias is 0.
        """
        return self.squared_error / (2 * self.bias) if self.bias else float("nan")


def measured(groups: Groups) -> Measured:
    """Bias and variance, neither of them biased itself, and their errors.

    The squared bias is the mean of the products of two different groups' means, in
    which the variance has no part. Its error is the jackknife's over groups. The limit
    is for G |mean|^2 / tr(C), with C the covariance of a group's mean: without a bias
    about an F of d and d (G - 1) degrees of freedom, d = tr(C)^2 / tr(C^2) (Box 1954).
    In one dimension that is Student's t-test.

    Args:
      groups: of one estimator.

    Returns:
      Its Measured.
    """
    means = np.asarray(groups.means, np.float64) / groups.scale
    count = len(means)
    pairs = count * (count - 1)
    products = means @ means.T
    squares = np.diag(products)
    squared = (products.sum() - squares.sum()) / pairs
    rows = products.sum(axis=1) - squares
    without = products.sum() - squares.sum() - 2 * rows  # [G]: all but one group
    without /= (count - 1) * (count - 2)
    error = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    centred = means - means.mean(axis=0, keepdims=True)
    inner = centred @ centred.T
    trace = np.trace(inner) / (count - 1)
    # tr(C^2); the mean that the variance leaves out comes of the centring
    spread = inner[~np.eye(count, dtype=bool)].var()
    freedom = max(trace**2 / spread, 1.0) if spread else 1.0  # none: no noise at all
    most = f_distribution.isf(LEVEL, freedom, freedom * (count - 1))
    variances = groups.squares / groups.scale**2 - squares
    variances = variances * groups.size / (groups.size - 1)
    return Measured(
        distance=float(np.linalg.norm(means.mean(axis=0))),
        squared=float(squared),
        squared_error=float(error),
        limit=float(np.sqrt(trace / count * (most - 1))),
        variance=float(variances.mean()),
        variance_error=float(variances.std(ddof=1) / np.sqrt(count)),
        seconds=float(np.median(groups.seconds)),
    )
