"""The writer that mirrors a run in Weights & Biases, and never stops it."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, SupportsFloat

import numpy as np

from attnlab import runs
from attnlab.settings import LearningSettings, TaskSettings
from attnlab.training.mirrors import forgiving, note
from attnlab.training.wandb_session import (
    WandbPlace,
    artifact_name,
    environment,
    finish,
    start,
)
from attnlab.training.writers import Arrays, Values, Writer, several

if TYPE_CHECKING:
    import wandb

BINS = 64  # as many as wandb draws by default
# Files of a finished run that its artifact holds, as far as the task writes them.
ARTIFACT_FILES = (
    runs.CONFIG,
    runs.ENVIRONMENT,
    runs.METRICS,
    runs.RESULT,
    runs.SOURCES,
    runs.REFERENCES,
    runs.HYPOTHESES,
    runs.LOSSES,
    runs.EXAMPLE_COUNTS,
    runs.ALIGNMENTS,
    runs.EXAMPLES,
)
TAGGED = ("score", "window", "normalizer", "read", "preset")  # settings of a model


def wandb_writer(
    folder: Path,
    settings: TaskSettings,
    config_json: Mapping[str, object],
    *,
    fingerprint: str,
) -> Writer:
    """A writer that mirrors a run folder as a wandb run.

    Whatever goes wrong with it is reported once, on stderr and under "wandb" in
    environment.json, and training goes on without it. A killed process leaves its last
    lines out (wandb writes blocks of 32 KiB). A run that is resumed goes on under the
    same id: online in the same wandb run, offline in a second file, which `wandb sync`
    sends after the first.

    Args:
      folder: the run's folder; offline runs are written to folder/wandb.
      settings: of the run. wandb.mode "online" falls back to offline without a login
        or an answer; "disabled" imports nothing. It outranks WANDB_MODE.
      config_json: what config.json holds, which wandb shows as the run's config.
      fingerprint: of what is learned; the wandb run's id begins with it.

    Returns:
      The writer, none of whose functions raises.
    """
    if settings.wandb.mode == "disabled":
        return several()  # which writes nothing

    def warn(error: Exception) -> None:
        note(
            folder,
            "wandb",
            f"wandb failed ({type(error).__name__}: {error}); training goes on, and "
            "this run is missing there from here on",
        )

    return forgiving(lambda: _mirror(folder, settings, config_json, fingerprint), warn)


def _mirror(
    folder: Path,
    settings: TaskSettings,
    config_json: Mapping[str, object],
    fingerprint: str,
) -> Writer:
    """The writer of a wandb run in the group of its sweep; any function may raise."""
    slug = str(config_json["slug"])
    # A run folder is <sweep>/<row>/<seed>.
    place = WandbPlace(
        folder,
        group=folder.absolute().parent.parent.name,
        name=f"{slug}-s{settings.seed}",
        job_type="train",
        key=fingerprint[:8],
    )
    run = start(
        place,
        settings.wandb,
        config=config_json,
        tags=tags(settings, slug),
        log=lambda line: note(folder, "wandb", line),
    )
    concluded = False

    def log(step: int, values: Mapping[str, object]) -> None:
        # Also as a value, by which `_define_axes` has the curves drawn.
        run.log({"step": int(step), **values}, step=int(step))

    def write(step: int, kind: str, values: Values) -> None:
        numbers = {
            f"{kind}/{key}": float(value) if isinstance(value, SupportsFloat) else value
            for key, value in values.items()
            if value is not None
        }
        log(step, numbers)

    def histograms(step: int, arrays: Arrays) -> None:
        if settings.wandb.histograms:
            log(step, _histograms(arrays()))

    def conclude() -> None:
        nonlocal concluded
        # Read back as a report would, so that wandb has what the folder has.
        (finished,) = runs.find(folder)
        run.summary.update(summary(finished))
        with (
            environment(folder, run.settings.mode),
            TemporaryDirectory(dir=folder / "wandb") as scratch,
        ):
            # wandb copies a picture when it is logged: its file may go after that.
            run.log_artifact(_artifact(finished, place))
            media = _pictures(finished, Path(scratch))
            if settings.wandb.histograms:
                media |= _histograms(_attention_weights(finished))
            log((finished.result or {})["steps"], media)
        concluded = True

    def close() -> None:
        finish(run, failed=not concluded)

    try:
        _define_axes(run)
    except BaseException:  # nobody else has the run yet, to close it
        close()
        raise
    return Writer(write, conclude, close, histograms)


def _define_axes(run: "wandb.Run") -> None:
    """Curves have the training step as their axis."""
    run.define_metric("step", hidden=True)
    for kind in ("train", "dev", "test"):
        run.define_metric(f"{kind}/*", step_metric="step")
    # Their bins would stand in the summary, which is for numbers to filter on.
    run.define_metric("histogram/*", step_metric="step", summary="none")


def tags(settings: TaskSettings, slug: str) -> list[str]:
    """What runs are filtered by with a click in wandb.

    Args:
      settings: of the run.
      slug: its row's name, fit for a folder.

    Returns:
      The task, the row, the choices of attention, and how a hard read learns.
    """
    choices = [str(value) for name, value in settings.model if name in TAGGED and value]
    if isinstance(settings, LearningSettings):
        learning = settings.estimator.learning
        if learning != "cross-entropy":  # which every soft read has
            choices.append(learning)
    return [settings.task, slug, *choices]


def summary(run: runs.Run) -> dict[str, object]:
    """The numbers of result.json under their names there, so that `bleu > 30` filters.

    Args:
      run: a finished run.

    Returns:
      {name: value}; best_dev_<score> are the development scores of the checkpoint that
      was tested.
    """
    in_config = ("row", "slug", "order", "seed")
    result = run.result or {}
    numbers = {name: result[name] for name in result if name not in in_config}
    for line in run.metrics("dev"):
        if line["step"] == numbers.get("best_step"):
            numbers |= {
                f"best_dev_{name}": value
                for name, value in line.items()
                if name not in ("step", "kind")
            }
    return numbers


def _artifact(run: runs.Run, place: WandbPlace) -> "wandb.Artifact":
    """The files of a finished run, which are final, so sent from where they lie."""
    import wandb

    name = artifact_name(f"{place.group} {place.name}")  # unique in the whole project
    artifact = wandb.Artifact(name, type="run", metadata=run.result)
    for path in (run.folder.absolute() / name for name in ARTIFACT_FILES):
        if path.exists():
            artifact.add_file(str(path), policy="immutable", skip_cache=True)
    return artifact


def _pictures(run: runs.Run, scratch: Path) -> dict[str, object]:
    """The report's figures of this run alone: {"figure/<name>": an image or a page}.

    Their files lie in the folder `scratch` until they are logged.
    """
    # Imported here, as they bring matplotlib and the task's plots.
    import wandb

    from attnlab.report import figures
    from attnlab.report.task_plots import of_run

    media: dict[str, object] = {}
    for figure, name, caption in of_run(run):
        if isinstance(figure, str):  # a page of HTML
            media[f"figure/{name}"] = wandb.Html(figure, inject=False)
            continue
        (path,) = figures.save(figure, scratch / name, ["png"])
        media[f"figure/{name}"] = wandb.Image(str(path), caption=caption)
    return media


def _attention_weights(run: runs.Run) -> dict[str, np.ndarray]:
    """{"attention/<test set>": every weight of the sentences in alignments.npz}."""
    return {
        f"attention/{name}": np.concatenate([pair.weights.ravel() for pair in pairs])
        for name, pairs in run.alignments().items()
        if pairs
    }


def _histograms(arrays: Mapping[str, object]) -> dict[str, object]:
    """wandb's histogram of each array's finite numbers; none of an empty one."""
    import wandb

    media: dict[str, object] = {}
    for name, array in arrays.items():
        # NumPy has no histogram of bfloat16, nor of numbers that are not finite.
        numbers = np.asarray(array, np.float32).ravel()
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size:
            counts = np.histogram(numbers, BINS)
            media[f"histogram/{name}"] = wandb.Histogram(np_histogram=counts)
    return media
