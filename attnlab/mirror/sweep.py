"""The wandb run of a sweep's report, and how to send what was kept offline."""

import csv
import io
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attnlab import runs
from attnlab.mirror.session import (
    WandbPlace,
    artifact_name,
    environment,
    finish,
    start,
)

UNSENT = "wandb/offline-run-*"


def conclude(
    root: Path,
    folders: Sequence[Path],
    written: Sequence[Path],
    settings: Mapping[str, Any],
) -> list[str]:
    """Show a sweep's report in wandb; lines for whoever has waited for it.

    They say which runs wandb has not got, or not wholly, and how to send the others. A
    report is shown once: again only when a run has finished since. Never raises.
    """
    said: list[str] = []
    try:
        if settings["mode"] != "disabled" and _is_new(written[0].parent, folders):
            mirror_report(root, written, settings, say=said.append)
    except Exception as error:
        said.append(f"wandb has not got the report ({type(error).__name__}: {error})")
    notes = {folder: note for folder in folders if (note := _note(folder))}
    if notes:
        folder, note = next(iter(notes.items()))
        count = f"{len(notes)} of {len(folders)} runs"
        said.append(f"wandb: trouble with {count}; {folder}: {note}")
    line = unsent(root, folders)
    return said + ([line] if line else [])


def _is_new(report: Path, folders: Sequence[Path]) -> bool:
    shown = [path.stat().st_mtime for path in report.glob("wandb/*run-*/run-*.wandb")]
    results = [folder / runs.RESULT for folder in folders]
    ended = [path.stat().st_mtime for path in results if path.exists()]
    return max(ended, default=0.0) > max(shown, default=-1.0)


def _note(folder: Path) -> str | None:
    """What went wrong with the mirror of a run."""
    try:
        return runs.read_json(folder / runs.ENVIRONMENT).get("wandb")
    except (OSError, ValueError):
        return None


def mirror_report(
    root: Path,
    written: Sequence[Path],
    settings: Mapping[str, Any],
    *,
    say: Callable[[str], None],
) -> None:
    """Show the files of a report, `written`, as a run "report" of the sweep's group.

    It has summary.csv as a table, the figures as images, and all files as an artifact.
    `settings` are the section `wandb` of a run's configuration. May raise.
    """
    folder, group = written[0].parent, root.absolute().name
    key = runs.fingerprint({"report": group})[:8]
    place = WandbPlace(folder, settings["project"], group, "report", "report", key)
    run = start(place, settings["mode"], config={}, tags=["report"], say=say)
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
            columns, lines = table((folder / "summary.csv").read_text("utf-8"))
            shown: dict[str, Any] = {
                f"figure/{path.stem}": wandb.Image(str(path))
                for path in written
                if path.suffix == ".png"
            }
            shown["summary"] = wandb.Table(columns, lines, allow_mixed_types=True)
            run.log(shown)
        done = True
    finally:
        finish(run, failed=not done)


def table(text: str) -> tuple[list[Any], list[list[Any]]]:
    """Columns and lines of a CSV; what reads as a number is one, "" is None."""
    columns, *lines = csv.reader(io.StringIO(text))
    return columns, [[_value(cell) for cell in line] for line in lines]


def _value(cell: str) -> Any:
    if not cell:
        return None
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def unsent(root: Path, folders: Sequence[Path]) -> str | None:
    """One line on a sweep's offline runs that are still to be sent; None without."""
    waiting = {
        places: sum(
            not any(path.glob("*.synced"))
            for folder in below
            for path in folder.glob(UNSENT)
        )
        for places, below in {"*/*": folders, "report": [root / "report"]}.items()
    }
    if not any(waiting.values()):
        return None
    at = shlex.quote(str(root))
    where = " ".join(f"{at}/{places}/{UNSENT}" for places, n in waiting.items() if n)
    count = sum(waiting.values())
    are = "run is" if count == 1 else "runs are"
    return f"wandb: {count} {are} kept offline; to send: wandb sync {where}"
