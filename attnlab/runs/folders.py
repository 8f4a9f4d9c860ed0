"""Run folders: what they are called, where they are, and what each holds."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attnlab.runs.alignments import AlignedSentence, read_alignments
from attnlab.runs.example_counts import ExampleCounts, read_example_counts, read_losses
from attnlab.runs.files import (
    ALIGNMENTS,
    CONFIG,
    ERROR,
    EXAMPLE_COUNTS,
    LOSSES,
    METRICS,
    RESULT,
    plain,
    read_json,
    read_jsonl,
    read_lines,
)
from attnlab.runs.manifest import check_result


class Run(NamedTuple):
    """One run folder as read by `find`; `result` is None until the run has finished.

    `error` is what error.json says, or which file of a finished run is damaged.
    """

    folder: Path
    config: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def row(self) -> str:
        """The printed name of the variant: "local-p (general)"."""
        return str(self.config.get("row", self.folder.parent.name))

    @property
    def slug(self) -> str:
        return str(self.config.get("slug") or slug(self.row))

    @property
    def seed(self) -> int:
        name = self.folder.name  # all that is left where the configuration is damaged
        fallback = name if name.isdecimal() and not self.config else 0
        return int(self.config.get("seed") or fallback)

    @property
    def order(self) -> int:
        """Place of the row in its sweep."""
        return int(self.config.get("order") or 0)

    def metrics(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Lines of metrics.jsonl in order, of one kind if given; [] without a file."""
        path = self.folder / METRICS
        lines = read_jsonl(path) if path.exists() else []
        return [line for line in lines if kind is None or line.get("kind") == kind]

    def lines(self, name: str) -> list[str] | None:
        """Sentences of a text file such as hypotheses.txt; None without the file."""
        path = self.folder / name
        return read_lines(path) if path.exists() else None

    def losses(self) -> tuple[np.ndarray, np.ndarray] | None:
        """`read_losses` of this run; None without a file."""
        found = (self.folder / LOSSES).exists()
        return read_losses(self.folder) if found else None

    def reason(self, problem: Exception) -> str:
        """What is wrong, its files named from the run's folder."""
        return str(problem).replace(f"{self.folder}{os.sep}", "")

    def example_counts(self) -> ExampleCounts | None:
        """`read_example_counts` of this run; None without a file."""
        return (
            read_example_counts(self.folder)
            if (self.folder / EXAMPLE_COUNTS).exists()
            else None
        )

    def alignments(self) -> dict[str, list[AlignedSentence]]:
        """`read_alignments` of this run; {} without a file."""
        found = (self.folder / ALIGNMENTS).exists()
        return read_alignments(self.folder) if found else {}


def find(root: str | os.PathLike) -> list[Run]:
    """All runs at or below `root`, sorted by (order, seed, folder).

    A folder is a run if it holds config.json. A result outranks an error beside it,
    which an earlier try left; a result with a damaged file is an error, and so is a
    configuration that cannot be read. Raises FileNotFoundError where `root` is no
    folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder of runs at {root}")
    runs = []
    for here, below, files in os.walk(root):
        if CONFIG in files:
            below.clear()  # runs are not nested: skip checkpoints and wandb files
            runs.append(_read_run(Path(here)))
        below[:] = [name for name in below if not name.startswith(".")]
    return sorted(runs, key=lambda run: (run.order, run.seed, str(run.folder)))


def _read_run(folder: Path) -> Run:
    run = Run(folder, {}, None, None)
    try:
        run = run._replace(config=read_json(folder / CONFIG))
        if (folder / RESULT).exists():
            return run._replace(result=check_result(folder))
        if (folder / ERROR).exists():
            return run._replace(error=read_json(folder / ERROR))
    except FileNotFoundError:  # another process has just begun it again
        return run
    except ValueError as problem:
        return damaged(run, problem)
    return run


def damaged(run: Run, problem: Exception) -> Run:
    """The run as a failed one, for a file of it that cannot be read."""
    return run._replace(result=None, error={"error": run.reason(problem)})


def slug(name: str) -> str:
    """A name fit for folders and addresses: "local-p (general)" -> "local-p-general".

    Different names can share a slug; whoever makes folders of them has to look. Names
    past 80 characters are cut and keep a hash of the rest.
    """
    short = re.sub(r"[^\w.]+", "-", name.casefold()).strip("-.")
    if not short:
        raise ValueError(f"no folder name can be made of {name!r}; use letters")
    if len(short) > 80:
        short = f"{short[:71]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return short


def fingerprint(config: Mapping[str, Any]) -> str:
    """Hash of a configuration that does not depend on the order of its keys."""
    text = json.dumps(plain(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
