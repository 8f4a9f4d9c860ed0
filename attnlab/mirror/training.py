"""The wandb run of one run folder: curves while it trains, the rest when it is done."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from attnlab import runs
from attnlab.mirror.session import (
    WandbPlace,
    artifact_name,
    environment,
    finish,
    start,
)

BINS = 64
# Files of a finished run that its artifact holds, as far as the task writes them.
KEPT = (
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
AXES = ("score", "window", "normalizer", "read", "preset")  # in config.model


class RunMirror:
    """Shows a run as `name` in the group of its sweep, with its settings as config.

    Curves have the training step as their axis. Any method may raise.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        *,
        fingerprint: str,
        say: Callable[[str], None],
    ):
        settings = config["wandb"]
        self.folder = folder
        self.shows_histograms = settings.get("histograms", True)
        self.concluded = False
        self.place = WandbPlace(
            folder,
            settings["project"],
            group=folder.absolute().parent.parent.name,
            name=f"{config['slug']}-s{config['seed']}",
            job_type="train",
            key=fingerprint[:8],
        )
        mode, own = settings["mode"], tags(config)
        self.run = start(self.place, mode, config=config, tags=own, say=say)
        try:
            self._define_axes()
        except BaseException:
            self.close()
            raise

    def _define_axes(self) -> None:
        self.run.define_metric("step", hidden=True)
        for kind in ("train", "dev", "test"):
            self.run.define_metric(f"{kind}/*", step_metric="step")
        # Their bins would stand in the summary, which is for numbers to filter on.
        self.run.define_metric("histogram/*", step_metric="step", summary="none")

    def write(self, step: int, kind: str, values: Mapping[str, Any]) -> None:
        numbers = {
            f"{kind}/{key}": value.item() if hasattr(value, "item") else value
            for key, value in values.items()
            if value is not None
        }
        self._log(step, numbers)

    def histograms(self, step: int, arrays: Callable[[], Mapping[str, Any]]) -> None:
        """`arrays` is only called if histograms are wanted."""
        if self.shows_histograms:
            self._log(step, _histograms(arrays()))

    def conclude(self) -> None:
        """Show what the finished run's folder holds: result, files, pictures."""
        run = read_run(self.folder)
        self.run.summary.update(summary(run))
        with environment(self.folder, self.run.settings.mode):
            self.run.log_artifact(_artifact(run, self.place))
            with TemporaryDirectory(dir=self.folder / "wandb") as scratch:
                shown = pictures(run, Path(scratch))
                if self.shows_histograms:
                    shown |= _histograms(_attention_weights(run))
                self._log((run.result or {})["steps"], shown)
        self.concluded = True

    def close(self) -> None:
        finish(self.run, failed=not self.concluded)

    def _log(self, step: int, values: Mapping[str, Any]) -> None:
        self.run.log({"step": int(step), **values}, step=int(step))


def tags(config: Mapping[str, Any]) -> list[str]:
    """What runs are filtered by with a click: task, row, the choices of attention."""
    chosen = [config["model"].get(axis) for axis in AXES]
    learning = config.get("estimator", {}).get("learning", "cross-entropy")
    if learning != "cross-entropy":  # which every soft read has
        chosen.append(learning)
    return [config["task"], config["slug"], *filter(None, chosen)]


def summary(run: runs.Run) -> dict[str, Any]:
    """The numbers of result.json under their own names, so that `bleu > 30` filters.

    best_dev_<score> are the development scores of the checkpoint that was tested.
    """
    result = dict(run.result or {})
    for name in ("row", "slug", "order", "seed"):  # are in the config
        result.pop(name, None)
    for line in run.metrics("dev"):
        if line["step"] == result.get("best_step"):
            dev = {k: v for k, v in line.items() if k not in ("step", "kind")}
            result |= {f"best_dev_{name}": value for name, value in dev.items()}
    return result


def read_run(folder: Path) -> runs.Run:
    (run,) = runs.find(folder)
    return run


def _artifact(run: runs.Run, place: WandbPlace) -> Any:
    """The files of a finished run, which are final, so sent from where they lie."""
    import wandb

    name = artifact_name(f"{place.group} {place.name}")  # one in the whole project
    artifact = wandb.Artifact(name, type="run", metadata=run.result)
    for path in (run.folder.absolute() / name for name in KEPT):
        if path.exists():
            artifact.add_file(str(path), policy="immutable", skip_cache=True)
    return artifact


def pictures(run: runs.Run, scratch: Path) -> dict[str, Any]:
    """The report's figures of this run alone, as {"figure/<name>": wandb's image}.

    Their files lie in the folder `scratch` until they are logged.
    """
    import wandb

    from attnlab.report import figures
    from attnlab.report.task_plots import of_run

    shown: dict[str, Any] = {}
    for figure, name, caption in of_run(run):
        if isinstance(figure, str):  # a page
            shown[f"figure/{name}"] = wandb.Html(figure, inject=False)
            continue
        (path,) = figures.save(figure, scratch / name, ["png"])
        shown[f"figure/{name}"] = wandb.Image(str(path), caption=caption)
    return shown


def _attention_weights(run: runs.Run) -> dict[str, np.ndarray]:
    """{"attention/<test set>": every weight of the kept sentences}."""
    return {
        f"attention/{name}": np.concatenate([pair.weights.ravel() for pair in pairs])
        for name, pairs in run.alignments().items()
        if pairs
    }


def _histograms(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """wandb's histogram of each array, of its finite numbers; none of an empty one."""
    import wandb

    drawn = {}
    for name, array in arrays.items():
        numbers = np.asarray(array, np.float32).ravel()
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size:
            counted = np.histogram(numbers, BINS)
            drawn[f"histogram/{name}"] = wandb.Histogram(np_histogram=counted)
    return drawn
