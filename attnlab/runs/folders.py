"""Run folders: what they are called, where they are, and what each holds."""

import hashlib
import json
import math
import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping
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
        # Not Path.exists, which raises where a folder may not be searched.
        lines = read_jsonl(path) if os.path.exists(path) else []
        for place, line in enumerate(lines, 1):
            for key, value in line.items():
                number = key == "step" or isinstance(value, int | float)
                if number and not _is_number(value):
                    raise ValueError(f"{path} line {place}: {key} is {_short(value)}")
        return [line for line in lines if kind is None or line.get("kind") == kind]

    def lines(self, name: str) -> list[str] | None:
        """Sentences of a text file of the run.

        Args:
          name: of the file, such as hypotheses.txt.

        Returns:
          The sentences; None without the file.
        """
        path = self.folder / name
        return read_lines(path) if os.path.exists(path) else None

    def losses(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The losses of the test sentences, see `read_losses`.

        Returns:
          Nats [N] and units [N]; None without a file.
        """
        exists = os.path.exists(self.folder / LOSSES)
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
    configuration that cannot be read, and a folder that cannot be listed. Links to
    folders are followed; a folder that is met twice counts once.

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
    runs = [*_runs_below(root)]
    return sorted(runs, key=lambda run: (run.order, run.seed, str(run.folder)))


def _runs_below(root: Path) -> Iterator[Run]:
    """The runs of all folders; what is behind links comes after all that is not."""
    folders, linked = deque([root]), deque[Path]()
    seen = set()
    while folders or linked:
        folder = (folders or linked).popleft()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except FileNotFoundError:  # removed just now
            continue
        except OSError as error:
            yield _unlisted(folder, error)
            continue
        if any(entry.name == CONFIG and not _is_folder(entry) for entry in entries):
            yield _read_run(folder)
            continue  # runs are not nested: skip checkpoints and wandb files
        for entry in entries:
            if not entry.name.startswith(".") and _is_folder(entry):
                (linked if entry.is_symlink() else folders).append(folder / entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _unlisted(folder: Path, error: OSError) -> Run:
    """What stands for the runs of a folder that may not be listed."""
    name = folder.name
    row = {} if name.isdecimal() else {"row": name, "slug": slug(name)}
    return Run(folder, row, None, {"error": f"cannot be listed: {error.strerror}"})


def _read_run(folder: Path) -> Run:
    run = Run(folder, {}, None, None)
    try:
        config = read_config(folder)
        _check_config(folder / CONFIG, config)
        run = run._replace(config=config)
        # Looked for first: a result outranks the error of an earlier try.
        if (folder / RESULT).exists():
            result = check_result(folder)
            _check_result(folder / RESULT, result)
            return run._replace(result=result)
        if (folder / ERROR).exists():
            return run._replace(error=read_json(folder / ERROR))
    except FileNotFoundError:  # another process has just begun it again
        return run
    except (OSError, ValueError) as problem:
        return damaged(run, problem)
    return run


LONGEST_NAME = 1000  # letters of a row's name
SECTIONS = ("data", "model", "train", "evaluate", "estimator", "wandb")


def _check_config(path: Path, record: Record) -> None:
    """ValueError where names and sections are not what a run's are."""
    for key in ("seed", "order"):
        value = record.get(key)
        if isinstance(value, bool) or not isinstance(value, int | None):
            raise ValueError(f"{path}: {key} is {_short(value)}, not a whole number")
        if value is not None and abs(value) >= 2**63:
            raise ValueError(f"{path}: {key} is {_short(value)}, beyond 64 bits")
    for key in ("row", "slug"):
        value = record.get(key, "name")
        if not is_name(value):
            raise ValueError(f"{path}: {key} is {_short(value)}, not a name")
    name = str(record.get("slug", "name"))
    if "/" in name or name in ("", ".", "..") or len(name.encode()) > 200:
        raise ValueError(f"{path}: slug is {_short(name)}, not the name of a folder")
    for key in SECTIONS:
        if not isinstance(record.get(key, {}), dict):
            raise ValueError(f"{path}: {key} is {_short(record[key])}, not a section")


def _check_result(path: Path, result: Record, prefix: str = "") -> None:
    """ValueError where a result holds what no table can show."""
    for key, value in result.items():
        name = f"{prefix}{key}"
        if not _is_text(name):
            raise ValueError(f"{path}: a name in it is {_short(name)}")
        named = key in ("gold", "bleu_signature") and not prefix
        if isinstance(value, dict) and not named:
            _check_result(path, value, f"{name}.")
        elif isinstance(value, str):
            if not _is_text(value):
                raise ValueError(f"{path}: {name} is {_short(value)}")
        elif isinstance(value, int | float) and not _is_number(value):
            raise ValueError(f"{path}: {name} is {_short(value)}")
        elif key == "gold" and not prefix and value is not None:
            raise ValueError(f"{path}: gold is {_short(value)}, not a name")


def is_name(value: object) -> bool:
    """Whether a value can name a row, in a line of a table and in a file.

    Args:
      value: anything.

    Returns:
      False for what is no text, is too long, or has line ends or other control signs.
    """
    return (
        isinstance(value, str)
        and len(value) <= LONGEST_NAME
        and not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in value)
    )


def _is_number(value: Json) -> bool:
    """Whether a value is a finite number that a float can hold."""
    if not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_text(value: str) -> bool:
    """Whether a file can hold a text: no lone surrogates, no NUL."""
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _short(value: object) -> str:
    """A value for a line, cut where it is long."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text):,} characters)"


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
      ValueError: for a name without a letter, or of several lines.
    """
    if not is_name(name):
        raise ValueError(f"{_short(name)} is no name: it is one line of text")
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
