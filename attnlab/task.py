"""What training, sweeps and programs know about a task: of one run, and of its kind.

`Task` is one run: a model with its data and its metrics, as functions. `TaskSpec` is
what there is to know of a kind of task; the registry `attnlab.tasks.TASKS` names them.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.corpus_stats import CorpusDescription
from attnlab.settings import TaskSettings, TrainSettings


class Task(NamedTuple):
    """A model with its data and its metrics, as functions.

    init(rng) -> params
    loss(params, batch, rng, estimator_state) -> (summed loss, (Sums, next state)); rng
      drives dropout and samples, the state is what the loss remembers between updates
    batches: `batches.at(step)` is a step's batch, `len(batches)` their number an epoch;
      `batches.own(step, process, processes)`, if there is one, has the rows of one of
      several processes in their places and fillers in those of the others
    validate(params) -> {name: number} on the development set, during training
    finish(params, folder: Path) -> {name: value} for result.json; writes what the run
      did with each test example into the folder (`attnlab.runs`)
    scores: those of `validate` that may choose the best checkpoint (`train.stop_on`),
      named in `attnlab.metrics.registry`
    notes: what the user is told before training
    estimator_state: what the loss remembers before the first update. So that devices
      can share a batch, its floats must move by means per token, and the rest by no
      data at all
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


class Loader(NamedTuple):
    """How a finished run is opened, once its checkpoint has been read.

    init(rng) -> params, whose shapes the checkpoint must have.
    make(folder, step, params) -> the trained run that `attnlab.load` gives.
    estimator_state: that of the run's Task.
    """

    init: Callable[[Any], Any]
    make: Callable[[Path, int, Any], Any]
    estimator_state: Any = ()


def check_stop_on(settings: TrainSettings, scores: Sequence[str]) -> None:
    """Refuse to choose checkpoints by a score that a run does not have.

    Args:
      settings: of the training.
      scores: of the development set, see `Task.scores`.

    Raises:
      ValueError: for another score; the choices are given.
    """
    if settings.stop_on not in scores:
        choices = ", ".join(scores)
        raise ValueError(
            f"unknown train.stop_on {settings.stop_on!r}; choose {choices}"
        )


class TaskSpec(NamedTuple):
    """A kind of task: what a sweep, a report and the programs need of it.

    name: of the setting `task`, and of its folder in `attnlab/tasks/`.
    description: one line for tables and documentation.
    settings: its settings, with their defaults and checks.
    make_task(settings, folder) -> Task; writes what a resumed run needs (vocabularies)
      into the run folder. ValueErrors name settings that the corpus does not fit.
    loader(settings, folder) -> Loader: what `attnlab.load` opens a run of it with.
    plots(rows, example_stats, add): draws the figures of its rows, see
      `attnlab.report.task_plots`.
    corpora: loaders by the corpus's name, the choices of `data.name`.
    catalogue: what there is to know of these corpora, the user's own left out.
    check(settings, corpus): refuses settings that the corpus does not fit, by a
      ValueError, as make_task does; a sweep asks before its first run starts.
    describe(corpus, settings): tables and panels of what a loader gives, and where
      settings are given also of what a run makes of it.
    examples(run) -> ExampleSet or None: what the report's page shows of a run in
      another form than as maps of words, see `attnlab.report.examples`.
    """

    name: str
    description: str
    settings: type[TaskSettings]
    make_task: Callable[[Any, Path], Task]
    loader: Callable[[Any, Path], Loader]
    plots: Callable[..., None]
    corpora: Mapping[str, Callable[..., Any]]
    catalogue: Sequence[Entry] = ()
    describe: Callable[[Any, Any], CorpusDescription] | None = None
    check: Callable[[Any, Any], None] | None = None
    examples: Callable[..., Any] | None = None
