"""Run folders: what they are called, where they are, and what each holds."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attnlab.runs.alignments import AlignedSentence, read_alignments
from attnlab.runs.config import read_config
from attnlab.runs.example_counts import ExampleCounts, read_example_counts, read_losses
from attnlab.runs.files import (
    ALIGNMENTS,
    CONFIG,
    ERROR,
    EXAMPLE_COUNTS,
    LOSSES,
    METRICS,
    RESULT,
    Json,
    Record,
    plain,
    read_json,
    read_jsonl,
    read_lines,
)
from attnlab.runs.manifest import check_result


class Run(NamedTuple):
    """One run folder as read by `find`.

    folder: where it is. config: what config.json holds, under today's names. result:
    result.json; None until the run has finished. error: error.json, or which file of a
    finished run is damaged.
    """

    folder: Path
    config: Record
    result: Record | None
    error: Record | None

    @property
    def row(self) -> str:
        """The printed name of the variant: "local-p (general)"."""
        return str(self._value("row", self.folder.parent.name))

    @property
    def slug(self) -> str:
        """The name of its row in folders: "local-p-general"."""
        return str(self._value("slug", "") or slug(self.row))

    @property
    def seed(self) -> int:
        """Of parameters, batches and samples."""
        name = self.folder.name  # all that is left where the configuration is damaged
        fallback = name if name.isdecimal() and not self.config else 0
        return int(self._value("seed", 0) or fallback)

    @property
    def order(self) -> int:
        """Place of the row in its sweep."""
        return int(self._value("order", 0) or 0)

    def _value(self, name: str, default: Json) -> Json:
        """What config.json says of the run itself; a damaged one says nothing."""
        return self.config.get(name, default)

    def metrics(self, kind: str | None = None) -> list[Record]:
        """Lines of metrics.jsonl.

        Args:
          kind: "train", "dev" or "test"; None: all.

        Returns:
          The lines in order; [] without a file.

        Raises:
          ValueError: for a damaged line.
        """
        path = self.folder / METRICS
        lines = read_jsonl(path) if path.exists() else []
        return [line for line in lines if kind is None or line.get("kind") == kind]

    def lines(self, name: str) -> list[str] | None:
        """Sentences of a text file of the run.

        Args:
          name: of the file, such as hypotheses.txt.

        Returns:
          The sentences; None without the file.
        """
        path = self.folder / name
        return read_lines(path) if path.exists() else None

    def losses(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The losses of the test sentences, see `read_losses`.

        Returns:
          Nats [N] and units [N]; None without a file.
        """
        exists = (self.folder / LOSSES).exists()
        return read_losses(self.folder) if exists else None

    def reason(self, problem: Exception) -> str:
        """What is wrong with a file of the run.

        Args:
          problem: an error that names the file.

        Returns:
          The message, files being named from the run's folder.
        """
        return str(problem).replace(f"{self.folder}{os.sep}", "")

    def example_counts(self) -> ExampleCounts | None:
        """Scores of each test example, see `read_example_counts`.

        Returns:
          The counts; None without a file.
        """
        exists = (self.folder / EXAMPLE_COUNTS).exists()
        return read_example_counts(self.folder) if exists else None

    def alignments(self) -> dict[str, list[AlignedSentence]]:
        """Attention on the test sets, see `read_alignments`.

        Returns:
          Sentences by the name of the set; {} without a file.
        """
        exists = (self.folder / ALIGNMENTS).exists()
        return read_alignments(self.folder) if exists else {}


def find(root: str | os.PathLike) -> list[Run]:
    """All runs at or below a folder.

    A folder is a run if it holds config.json. A result outranks an error beside it,
    which an earlier try left; a result with a damaged file is an error, and so is a
    configuration that cannot be read.

    Args:
      root: the folder of a run, of a sweep or of several.

    Returns:
      The runs, sorted by (order, seed, folder).

    Raises:
      FileNotFoundError: where `root` is no folder.
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
        run = run._replace(config=read_config(folder))
        # Looked for first: a result outranks the error of an earlier try.
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
    """A run as a failed one, for a file of it that cannot be read.

    Args:
      run: the run.
      problem: the error that names the file.

    Returns:
      The run without a result, and with that error.
    """
    return run._replace(result=None, error={"error": run.reason(problem)})


def slug(name: str) -> str:
    """A name fit for folders and addresses: "local-p (general)" -> "local-p-general".

    Different names can share a slug; whoever makes folders of them has to look.

    Args:
      name: for people to read.

    Returns:
      At most 80 characters; of longer names a part and a hash of the whole.

    Raises:
      ValueError: for a name without a letter.
    """
    short = re.sub(r"[^\w.]+", "-", name.casefold()).strip("-.")
    if not short:
        raise ValueError(f"no folder name can be made of {name!r}; use letters")
    if len(short) > 80:
        # 71 + 1 + 8 = 80; the hash keeps long names with the same beginning apart.
        short = f"{short[:71]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return short


def fingerprint(config: Mapping[str, object]) -> str:
    """Hash of a configuration that does not depend on the order of its keys.

    Args:
      config: nested settings.

    Returns:
      16 hexadecimal digits.
    """
    text = json.dumps(plain(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
