"""The wandb run of a sweep's report, and how to send what was kept offline."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attnlab import runs
from attnlab.settings import WandbSettings
from attnlab.training.wandb_session import (
    WandbPlace,
    artifact_name,
    environment,
    finish,
    start,
)

if TYPE_CHECKING:
    import pandas as pd

UNSENT = "wandb/offline-run-*"


def conclude(
    root: Path,
    folders: Sequence[Path],
    written: Sequence[Path],
    settings: WandbSettings,
) -> list[str]:
    """Show a sweep's report in wandb; never raises.

    A report is shown once: again only when a run has finished since.

    Args:
      root: the sweep's folder.
      folders: its run folders.
      written: the files of its report.
      settings: mode and project.

    Returns:
      Lines to print: which runs wandb lacks, or has in part, and how to send those that
      were kept offline.
    """
    lines: list[str] = []
    try:
        if settings.mode != "disabled" and _is_new(written[0].parent, folders):
            mirror_report(root, written, settings, log=lines.append)
    except Exception as error:  # whatever it is, the sweep is done and its report there
        lines.append(f"wandb has not got the report ({type(error).__name__}: {error})")
    notes = {folder: note for folder in folders if (note := _note(folder))}
    if notes:
        folder, note = next(iter(notes.items()))
        count = f"{len(notes)} of {len(folders)} runs"
        lines.append(f"wandb: trouble with {count}; {folder}: {note}")
    line = unsent(root, folders)
    return lines + ([line] if line else [])


def _is_new(report: Path, folders: Sequence[Path]) -> bool:
    """Whether a run has finished since the report was last shown."""
    # wandb writes its file when a report is shown: the time is that of showing.
    mirrored = [
        path.stat().st_mtime for path in report.glob("wandb/*run-*/run-*.wandb")
    ]
    results = [folder / runs.RESULT for folder in folders]
    ended = [path.stat().st_mtime for path in results if path.exists()]
    return max(ended, default=0.0) > max(mirrored, default=-1.0)


def _note(folder: Path) -> str | None:
    """What went wrong with the mirror of a run."""
    try:
        return runs.read_json(folder / runs.ENVIRONMENT).get("wandb")
    except (OSError, ValueError):
        return None


def mirror_report(
    root: Path,
    written: Sequence[Path],
    settings: WandbSettings,
    *,
    log: Callable[[str], None],
) -> None:
    """Show a report as a run "report" of the sweep's group.

    It has summary.csv as a table, the figures as images, and all files as an artifact.

    Args:
      root: the sweep's folder, whose name is the group's.
      written: the files of the report.
      settings: mode and project.
      log: is called with a line if the run has to be kept offline.

    Raises:
      Exception: any of wandb's own, or of the file system.
    """
    folder, group = written[0].parent, root.absolute().name
    # The same for every report of the sweep, so that a later one replaces the first.
    key = runs.fingerprint({"report": group})[:8]
    place = WandbPlace(folder, group, "report", "report", key)
    run = start(place, settings, config={}, tags=["report"], log=log)
    done = False
    try:
        with environment(folder, run.settings.mode):
            import wandb

            artifact = wandb.Artifact(artifact_name(f"{group} report"), type="report")
            for path in written:
                name = path.relative_to(folder).as_posix()
                # A later report writes these anew, so that what is sent is a copy.
                artifact.add_file(str(path.absolute()), name=name)
            run.log_artifact(artifact)
            table = read_table(folder / "summary.csv")
            figures = {
                f"figure/{path.stem}": wandb.Image(str(path))
                for path in written
                if path.suffix == ".png"
            }
            summary = wandb.Table(dataframe=table, allow_mixed_types=True)
            run.log({**figures, "summary": summary})
        done = True
    finally:
        finish(run, failed=not done)


def read_table(file: Path) -> "pd.DataFrame":
    """The cells of a CSV file, as wandb shows them.

    Args:
      file: its first line has the titles.

    Returns:
      A frame of objects: numbers in a column of numbers alone, strings elsewhere, None
      where a cell is empty.
    """
    import pandas as pd

    frame = pd.read_csv(
        file,
        keep_default_na=False,  # "none" is a setting
        na_values=[""],
        dtype_backend="numpy_nullable",  # integers stay so beside empty cells
    )
    return frame.astype(object).where(frame.notna(), None)


def unsent(root: Path, folders: Sequence[Path]) -> str | None:
    """How to send a sweep's offline runs.

    Args:
      root: the sweep's folder.
      folders: its run folders.

    Returns:
      One line with the `wandb sync` command; None where nothing is to be sent.
    """
    waiting = {
        places: sum(
            not any(path.glob("*.synced"))  # a mark that `wandb sync` leaves
            for folder in below
            for path in folder.glob(UNSENT)
        )
        for places, below in {"*/*": folders, "report": [root / "report"]}.items()
    }
    count = sum(waiting.values())
    if not count:
        return None
    at = shlex.quote(str(root))
    where = " ".join(f"{at}/{places}/{UNSENT}" for places, n in waiting.items() if n)
    are = "run is" if count == 1 else "runs are"
    return f"wandb: {count} {are} kept offline; to send: wandb sync {where}"
