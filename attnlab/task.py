"""What training, sweeps and programs need to know about a task."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Task(NamedTuple):
    """A model with its data and its metrics, as functions.

    init(rng) -> params
    loss(params, batch, rng, learner) -> (summed loss, (Sums, next learner)); rng drives
      dropout and samples, learner is what the loss remembers from update to update
    batches: `batches.at(step)` is a step's batch, `len(batches)` their number an epoch;
      `batches.own(step, process, processes)`, if there is one, has the rows of one of
      several processes in their places and fillers in those of the others
    validate(params) -> {name: number} on the development set, during training
    finish(params, folder: Path) -> {name: value} for result.json; writes what the run
      did with each test example into the folder (`attnlab.runs`)
    scores: those of `validate` that may choose the best checkpoint (`train.stop_on`),
      named in `attnlab.metrics.registry`
    notes: what the user is told before training
    learner: what the loss remembers before the first update. So that devices can share
      a batch, its floats must move by means per token, and the rest by no data at all
    shared: names of a batch's parts that have no rows, as all rows share them
    histograms(params) -> {name: array of any shape}: activations whose distribution a
      writer that can show one is given at every evaluation, beside the parameters'

    The loss is summed over what `Sums.tokens` counts (words, sequences, questions), and
    an update follows the mean.
    """

    init: Callable[[Any], Any]
    loss: Callable[..., Any]
    batches: Any
    validate: Callable[[Any], dict[str, float]]
    finish: Callable[[Any, Path], dict[str, Any]]
    scores: Sequence[str]
    estimator_state: Any = ()
    shared: Sequence[str] = ()
    notes: Sequence[str] = ()
    histograms: Callable[[Any], Mapping[str, Any]] | None = None
