"""Files written whole or not at all, and read back with errors that name them."""

import io
import json
import math
import os
import re
import stat
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Json = Any  # a value that JSON holds, or that becomes one it holds
Record = dict[str, Json]  # a JSON object
Place = str | os.PathLike[str]

CONFIG = "config.json"
CORPUS = "corpus.json"
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
EXAMPLE_COUNTS = "tallies.npz"
EXAMPLES = "examples.npz"
LOG = "log.txt"
TEXTS = "texts.json"


def write_bytes(
    path: Place, content: bytes, *, lasting: bool = True, folders: bool = True
) -> None:
    """Write a file whole or not at all: a kill leaves the old one or none.

    The content goes to a hidden file beside it, onto the disk, and then takes the name.

    Args:
      path: of the file.
      content: all of it.
      lasting: whether it must outlive a power cut, for which the disk is waited for;
        False for what can be made anew.
      folders: whether those above it are made; False for what belongs into a folder
        that is there, so that one that was removed meanwhile stays so.

    Raises:
      OSError: with the file's name, also where the disk is full.
    """
    path = Path(path)
    if folders:
        path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder: a rename is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            if lasting:
                file.flush()
                # Before the rename, or a power cut could leave a name with no content.
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _placed(error, path) from None
    finally:
        temporary.unlink(missing_ok=True)


def _placed(error: OSError, path: Place) -> OSError:
    """The error with a file's name, which a full disk does not give; a temporary file
    beside it would be no name to look for."""
    if error.errno is None:
        return error
    return OSError(error.errno, error.strerror, str(path))


def write_json(path: Place, value: Json, *, folders: bool = True) -> None:
    """Write a JSON file atomically.

    Args:
      path: of the file.
      value: NumPy and JAX scalars and arrays become numbers and lists; a number that is
        not finite becomes null, because JSON has no such number.
      folders: whether those above it are made, see `write_bytes`.

    Raises:
      TypeError: for what JSON cannot hold, with its key.
    """
    write_bytes(path, json_bytes(value), folders=folders)


def json_bytes(value: Json) -> bytes:
    """The content that `write_json` writes.

    Args:
      value: as there.

    Returns:
      Indented UTF-8.
    """
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def read_bytes(path: Place) -> bytes:
    """The content of a file, of which nothing but a file is read.

    Args:
      path: of the file.

    Returns:
      All of it.

    Raises:
      FileNotFoundError: where there is no such file.
      ValueError: where it may not be read, or is no file: a pipe would be waited for.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{path} is no file")
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"no {path.name} in {path.parent}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def read_json(path: Place) -> Record:
    """The object in a JSON file.

    Args:
      path: of the file.

    Returns:
      The object.

    Raises:
      FileNotFoundError: where there is no such file.
      ValueError: where it is no JSON, or no object.
    """
    content = read_bytes(path)
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, nested too deep
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds a {type(value).__name__}, not an object")
    return value


def append_jsonl(path: Place, record: Mapping[str, Json]) -> None:
    """Add one line to a JSON-lines file, in a single write that survives a kill.

    A last line torn by an earlier kill is cut off first. "crc" is added, by which
    `read_jsonl` tells a damaged line. One process writes a file.

    Args:
      path: of the file.
      record: its values are converted as in `write_json`.
    """
    sealed = plain(record)
    sealed["crc"] = _crc(sealed)
    line = json.dumps(sealed, ensure_ascii=False, allow_nan=False) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        # A killed process left part of a line, to which this one would be glued.
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.ftruncate(descriptor, len(_whole_lines(Path(path).read_bytes())))
        content = line.encode()
        while content:  # a write may take a part only
            content = content[os.write(descriptor, content) :]
    except OSError as error:
        raise _placed(error, path) from None
    finally:
        os.close(descriptor)


def read_jsonl(path: Place) -> list[Record]:
    """The objects of a JSON-lines file, without a last line torn by a kill.

    Args:
      path: of the file.

    Returns:
      The objects, without "crc"; lines of others need none.

    Raises:
      ValueError: for any other line that is no JSON object, or is not the one that
        `append_jsonl` wrote; file and line are named.
    """
    path = Path(path)
    lines = _whole_lines(read_bytes(path)).splitlines()
    return [_record(path, number, line) for number, line in enumerate(lines, 1)]


def truncate_metrics(folder: Place, step: int) -> int:
    """Drop the lines of metrics.jsonl after a step, and a torn last line.

    A run that resumes at a checkpoint calls this with the checkpoint's step, so that
    what it is about to do again is not recorded twice; its test is such a thing, too.
    Damaged lines are dropped with a warning.

    Args:
      folder: the run's.
      step: the last one whose lines stay.

    Returns:
      How many lines stay, 0 without a file.
    """
    path = Path(folder) / METRICS
    if not path.exists():
        return 0
    content = path.read_bytes()
    staying = []
    for number, line in enumerate(_whole_lines(content).splitlines(True), 1):
        try:
            record = _record(path, number, line)
            early = _step(path, number, record) <= step
        except ValueError as problem:
            warnings.warn(f"left out: {problem}", RuntimeWarning, stacklevel=2)
            continue
        if early and record.get("kind") != "test":
            staying.append(line)
    if b"".join(staying) != content:
        write_bytes(path, b"".join(staying))
    return len(staying)


def _whole_lines(content: bytes) -> bytes:
    """Content without what follows its last newline: `append_jsonl` ends every line."""
    return content[: content.rfind(b"\n") + 1]  # nothing if there is no newline


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} line {number} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} line {number} is not an object: {line[:60]!r}")
    # `pop` runs first, so the crc is of the rest; lines of older versions have none.
    if value.pop("crc", None) not in (None, _crc(value)):
        raise ValueError(f"{path} line {number} is damaged: its crc is another one")
    return value


def _crc(record: Mapping[str, Json]) -> str:
    return f"{zlib.crc32(json.dumps(record).encode()):08x}"


def _step(path: Path, number: int, record: Mapping[str, Json]) -> float:
    step = record.get("step")
    if isinstance(step, bool) or not isinstance(step, int | float):
        raise ValueError(f"{path} line {number} has step {step!r}, not a number")
    return step


def write_lines(path: Place, sentences: Sequence[str]) -> None:
    """Write sentences one a line, atomically, into a folder that is there.

    Args:
      path: of the file.
      sentences: line breaks inside become blanks.
    """
    # A newline inside a sentence would shift all that follow against the references.
    text = "".join(re.sub(r"[\r\n]+", " ", line) + "\n" for line in sentences)
    write_bytes(path, text.encode(), folders=False)


def read_lines(path: Place) -> list[str]:
    """Sentences of a file written by `write_lines`.

    Args:
      path: of the file.

    Returns:
      The sentences, also empty ones.

    Raises:
      ValueError: for a file that is not UTF-8.
    """
    try:
        text = read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from error
    # Not `splitlines`, which also splits at characters such as U+2028.
    return text.removesuffix("\n").split("\n") if text else []


def write_arrays(path: Place, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a .npz of plain arrays atomically, into a folder that is there; equal
    content gives equal bytes.

    Args:
      path: of the file.
      arrays: by name.
    """
    buffer = io.BytesIO()
    named: Record = {name: np.asarray(array) for name, array in arrays.items()}
    np.savez_compressed(buffer, **named)
    write_bytes(path, buffer.getvalue(), folders=False)


def read_arrays(path: Place) -> dict[str, np.ndarray]:
    """The arrays of a .npz, none of them pickled.

    Args:
      path: of the file.

    Returns:
      The arrays by name.

    Raises:
      FileNotFoundError: where there is no such file.
      ValueError: for a damaged file.
    """
    content = io.BytesIO(read_bytes(path))
    try:
        with np.load(content, allow_pickle=False) as arrays:
            read = dict(arrays)
            for name, array in read.items():
                if not isinstance(array, np.ndarray):  # NumPy gives its bytes then
                    raise ValueError(f"{name} is no array")
            return read
    except Exception as error:  # zipfile, zlib and NumPy each raise their own
        raise ValueError(f"{path} cannot be read: {error}") from error


def plain(value: Json, where: str = "") -> Json:
    """A value of JSON's own types.

    Args:
      value: may hold paths, and scalars and arrays of NumPy and JAX.
      where: the key of the value, for the message.

    Returns:
      The same with dicts, lists, strings and numbers; numbers that are not finite are
      None.

    Raises:
      TypeError: for what JSON cannot hold, with its key.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # JSON has no NaN
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
