"""Files written whole or not at all, and read back with errors that name them."""

import io
import json
import math
import os
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
EXAMPLE_COUNTS = "tallies.npz"
EXAMPLES = "examples.npz"


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
    except OSError as error:
        raise _placed(error, path) from None
    finally:
        temporary.unlink(missing_ok=True)


def _placed(error: OSError, path: str | os.PathLike) -> OSError:
    """The error with a file's name, which a full disk does not give."""
    if error.errno is None or error.filename is not None:
        return error
    return OSError(error.errno, error.strerror, str(path))


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write a JSON file atomically.

    NumPy and JAX scalars and arrays become numbers and lists. A number that is not
    finite becomes null, because JSON has no such number.
    """
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """What `write_json` writes."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


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
    `write_json`, and "crc" is added, by which `read_jsonl` knows a damaged line. One
    process writes a file.
    """
    sealed = plain(record)
    sealed["crc"] = _crc(sealed)
    line = json.dumps(sealed, ensure_ascii=False, allow_nan=False) + "\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.ftruncate(descriptor, len(_whole_lines(Path(path).read_bytes())))
        content = line.encode()
        while content:
            content = content[os.write(descriptor, content) :]
    except OSError as error:
        raise _placed(error, path) from None
    finally:
        os.close(descriptor)


def read_jsonl(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file, without a last line torn by a kill.

    A ValueError names file and line of anything else that is not a JSON object, or is
    not the one that `append_jsonl` wrote. Lines of others need no "crc".
    """
    path = Path(path)
    lines = _whole_lines(path.read_bytes()).splitlines()
    return [_record(path, number, line) for number, line in enumerate(lines, 1)]


def truncate_metrics(folder: str | os.PathLike, step: int) -> int:
    """Drop the lines of metrics.jsonl after `step`, and a torn last line.

    A run that resumes at a checkpoint calls this with the checkpoint's step, so that
    what it is about to do again is not recorded twice; its test is such a thing, too.
    Damaged lines go with a warning. Returns how many lines stay, 0 without a file.
    """
    path = Path(folder) / METRICS
    if not path.exists():
        return 0
    content = path.read_bytes()
    kept = []
    for number, line in enumerate(_whole_lines(content).splitlines(True), 1):
        try:
            record = _record(path, number, line)
            early = _step(path, number, record) <= step
        except ValueError as problem:
            warnings.warn(f"left out: {problem}", RuntimeWarning, stacklevel=2)
            continue
        if early and record.get("kind") != "test":
            kept.append(line)
    if b"".join(kept) != content:
        write_bytes(path, b"".join(kept))
    return len(kept)


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
    if value.pop("crc", None) not in (None, _crc(value)):
        raise ValueError(f"{path} line {number} is damaged: its crc is another one")
    return value


def _crc(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(record).encode()):08x}"


def _step(path: Path, number: int, record: Mapping[str, Any]) -> float:
    step = record.get("step")
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


def write_arrays(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a .npz of plain arrays atomically; equal content gives equal bytes."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {name: np.asarray(a) for name, a in arrays.items()}
    np.savez_compressed(buffer, **named)
    write_bytes(path, buffer.getvalue())


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of a .npz, none of them pickled; a ValueError names a damaged file."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no {path.name} in {path.parent}")
    try:
        # Opened here: np.load leaves a file open that is not a zip archive.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = dict(arrays)
            for name, array in found.items():
                if not isinstance(array, np.ndarray):  # NumPy gives its bytes then
                    raise ValueError(f"{name} is no array")
            return found
    except Exception as error:  # zipfile, zlib and NumPy each raise their own
        raise ValueError(f"{path} cannot be read: {error}") from error


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
