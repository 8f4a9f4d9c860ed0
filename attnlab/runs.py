"""Run folders: what a run leaves on disk, written so that a kill cannot spoil it.

    runs/<sweep>/<row-slug>/<seed>/
      config.json       resolved settings, with "row", "slug", "seed" and "order"
      environment.json  commit, versions, platform, device
      metrics.jsonl     {"step": n, "kind": "train", ...} a line; also dev and test
      result.json       written last: a folder without it is unfinished
      error.json        instead of a result, for a run that failed
      alignments.npz    attention matrices and gold links, by name of the test set
      sources.txt       the test set, a sentence a line; likewise references.txt and
                        hypotheses.txt
      losses.tsv        nats and predicted units of each test sentence

The folder is the only truth about a run: reports read it, wandb mirrors it. This file
needs NumPy and nothing else, so that a report starts without JAX.
"""

import hashlib
import io
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

CONFIG = "config.json"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
RESULT = "result.json"
ERROR = "error.json"
ALIGNMENTS = "alignments.npz"
SOURCES = "sources.txt"
REFERENCES = "references.txt"
HYPOTHESES = "hypotheses.txt"
LOSSES = "losses.tsv"
CHECKPOINTS = "checkpoints"

Links = frozenset[tuple[int, int]]


class Run(NamedTuple):
    """One run folder as read by `find`; `result` is None until the run has finished.

    `error` is what error.json says, or what is wrong with a damaged result.json.
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
        return int(self.config.get("seed") or 0)

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

    def alignments(self) -> dict[str, list["AlignedSentence"]]:
        """`read_alignments` of this run; {} without a file."""
        found = (self.folder / ALIGNMENTS).exists()
        return read_alignments(self.folder) if found else {}


class AlignedSentence(NamedTuple):
    """A sentence pair with the attention a model gave it and the links people gave it.

    `weights` is [T, S], row t = target word t, column s = source word s, without rows
    and columns for the end of sentence. `target` are the words the rows belong to: the
    reference where the model was forced to say it, else its own translation. Links are
    (t, s), 0-based; `possible` includes `sure`; both are empty without gold.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: np.ndarray
    sure: Links = frozenset()
    possible: Links = frozenset()


def find(root: str | os.PathLike) -> list[Run]:
    """All runs at or below `root`, sorted by (order, seed, folder).

    A folder is a run if it holds config.json. A result outranks an error beside it,
    which an earlier try left; a result that cannot be read is an error. Raises
    FileNotFoundError where `root` is no folder, ValueError for a damaged config.json.
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
    run = Run(folder, read_json(folder / CONFIG), None, None)
    try:
        if (folder / RESULT).exists():
            return run._replace(result=read_json(folder / RESULT))
        if (folder / ERROR).exists():
            return run._replace(error=read_json(folder / ERROR))
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


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write a file whole or not at all: a kill leaves the old one or none.

    The content goes to a hidden file beside it, onto the disk, and then takes the name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write a JSON file atomically.

    NumPy and JAX scalars and arrays become numbers and lists. A number that is not
    finite becomes null, because JSON has no such number.
    """
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: str | os.PathLike) -> dict[str, Any]:
    """The object in a JSON file; a ValueError names the file where it is not one."""
    path = Path(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"no {path.name} in {path.parent}") from None
    except ValueError as error:  # JSONDecodeError or UnicodeDecodeError
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds a {type(value).__name__}, not an object")
    return value


def append_jsonl(path: str | os.PathLike, record: Mapping[str, Any]) -> None:
    """Add one line to a JSON-lines file, in a single write that survives a kill.

    A last line torn by an earlier kill is cut off first. Values are converted as in
    `write_json`. One process writes a file.
    """
    line = json.dumps(plain(record), ensure_ascii=False, allow_nan=False) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.ftruncate(descriptor, len(_whole_lines(Path(path).read_bytes())))
        content = line.encode()
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)


def read_jsonl(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file, without a last line torn by a kill.

    A ValueError names file and line of anything else that is not a JSON object.
    """
    path = Path(path)
    lines = _whole_lines(path.read_bytes()).splitlines()
    return [_record(path, number, line) for number, line in enumerate(lines, 1)]


def truncate_metrics(folder: str | os.PathLike, step: int) -> None:
    """Drop the lines of metrics.jsonl after `step`, and a torn last line.

    A run that resumes at a checkpoint calls this with the checkpoint's step, so that
    what it is about to do again is not recorded twice. Nothing happens without a file.
    """
    path = Path(folder) / METRICS
    if not path.exists():
        return
    content = path.read_bytes()
    kept = b"".join(
        line
        for number, line in enumerate(_whole_lines(content).splitlines(True), 1)
        if _step(path, number, line) <= step
    )
    if kept != content:
        write_bytes(path, kept)


def _whole_lines(content: bytes) -> bytes:
    """Content without what follows its last newline: `append_jsonl` ends every line."""
    return content[: content.rfind(b"\n") + 1]


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{path} line {number} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} line {number} is not an object: {line[:60]!r}")
    return value


def _step(path: Path, number: int, line: bytes) -> float:
    step = _record(path, number, line).get("step")
    if isinstance(step, bool) or not isinstance(step, int | float):
        raise ValueError(f"{path} line {number} has step {step!r}, not a number")
    return step


def write_lines(path: str | os.PathLike, sentences: Sequence[str]) -> None:
    """Write sentences one a line, atomically; line breaks inside become blanks."""
    text = "".join(re.sub(r"[\r\n]+", " ", line) + "\n" for line in sentences)
    write_bytes(path, text.encode())


def read_lines(path: str | os.PathLike) -> list[str]:
    """Sentences of a file written by `write_lines`; empty ones count."""
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from error
    return text.removesuffix("\n").split("\n") if text else []


def write_losses(folder: str | os.PathLike, nats: Any, units: Any) -> None:
    """Write the forced losses of the test sentences: nats and predicted units of each.

    As losses.tsv, atomically; the nats come back as the numbers they were.
    """
    lines = [
        f"{float(loss)!r}\t{int(count)}"
        for loss, count in zip(nats, units, strict=True)
    ]
    write_lines(Path(folder) / LOSSES, lines)


def read_losses(folder: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Nats [N] and units [N] as `write_losses` had them; ValueError if damaged."""
    path = Path(folder) / LOSSES
    lines = read_lines(path)
    try:
        pairs = [line.split("\t") for line in lines]
        nats = np.array([float(loss) for loss, _ in pairs])
        return nats, np.array([int(count) for _, count in pairs], np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def write_alignments(
    folder: str | os.PathLike, sets: Mapping[str, Sequence[AlignedSentence]]
) -> None:
    """Write alignments.npz atomically: {name of a test set: its sentences}.

    A set becomes two arrays: all weights in a row as float32, and the words and links
    as JSON text. The file needs no pickle, and equal content gives equal bytes.
    """
    arrays = {}
    for name, sentences in sets.items():
        weights = [_checked(name, place, pair) for place, pair in enumerate(sentences)]
        words = [
            {
                "source": list(pair.source),
                "target": list(pair.target),
                "sure": sorted((int(t), int(s)) for t, s in pair.sure),
                "possible": sorted((int(t), int(s)) for t, s in pair.possible),
            }
            for pair in sentences
        ]
        flat = [matrix.reshape(-1) for matrix in weights]
        text = json.dumps(words, ensure_ascii=False).encode()
        arrays[f"{name}/weights"] = np.concatenate(flat or [np.zeros(0, np.float32)])
        arrays[f"{name}/sentences"] = np.frombuffer(text, np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(Path(folder) / ALIGNMENTS, buffer.getvalue())


def _checked(name: str, place: int, pair: AlignedSentence) -> np.ndarray:
    """The weights [T, S] as float32, after a look at shape and links."""
    weights = np.asarray(pair.weights, dtype=np.float32)
    shape = (len(pair.target), len(pair.source))
    if weights.shape != shape:
        raise ValueError(
            f"sentence {place} of {name!r}: weights have shape {weights.shape}, "
            f"its words ask for {shape}"
        )
    for t, s in pair.sure | pair.possible:
        if not (0 <= t < shape[0] and 0 <= s < shape[1]):
            raise ValueError(
                f"sentence {place} of {name!r}: link {(t, s)} is outside {shape}"
            )
    return weights


def read_alignments(folder: str | os.PathLike) -> dict[str, list[AlignedSentence]]:
    """What `write_alignments` wrote; errors name the file."""
    path = Path(folder) / ALIGNMENTS
    if not path.exists():
        raise FileNotFoundError(f"no {ALIGNMENTS} in {path.parent}")
    try:
        # Opened here: np.load leaves a file open that is not a zip archive.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            names = [key.removesuffix("/weights") for key in arrays.files[::2]]
            return {
                name: _sentences(arrays[f"{name}/weights"], arrays[f"{name}/sentences"])
                for name in names
            }
    except Exception as error:  # zipfile, zlib and NumPy each raise their own
        raise ValueError(f"{path} cannot be read: {error}") from error


def _sentences(flat: np.ndarray, text: np.ndarray) -> list[AlignedSentence]:
    words = json.loads(text.tobytes())
    shapes = [(len(pair["target"]), len(pair["source"])) for pair in words]
    ends = np.cumsum([0] + [rows * columns for rows, columns in shapes])
    if ends[-1] != flat.size:
        raise ValueError(f"{flat.size} weights for {ends[-1]} pairs of words")
    return [
        AlignedSentence(
            tuple(pair["source"]),
            tuple(pair["target"]),
            flat[start : start + rows * columns].reshape(rows, columns),
            frozenset((t, s) for t, s in pair["sure"]),
            frozenset((t, s) for t, s in pair["possible"]),
        )
        for pair, (rows, columns), start in zip(words, shapes, ends[:-1], strict=True)
    ]


def plain(value: Any, where: str = "") -> Any:
    """A value of JSON's own types; a TypeError names the key that has none."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # NumPy and JAX
        return plain(value.tolist(), where)
    key = where.lstrip(".") or "the value"
    raise TypeError(f"{key} is a {type(value).__name__}, which JSON cannot hold")
