"""What the files of a run must be: files.sha256, checked whenever they are read.

    42de... *alignments.npz        as `sha256sum -c files.sha256` reads it too
    ...

Vocabularies are listed when they are written; all that a run leaves, result.json among
it, when it finishes. A folder without the file is not checked: it is older than this.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnlab.runs.files import (
    CONFIG,
    ENVIRONMENT,
    HYPOTHESES,
    METRICS,
    REFERENCES,
    RESULT,
    SOURCES,
    json_bytes,
    read_json,
    write_bytes,
)

MANIFEST = "files.sha256"
DAMAGED = "damaged"  # a folder in the run's, with what was found to be so
LINE = re.compile(r"([0-9a-f]{64}) \*([^/\n]+)")
# What stays once a run has finished. Logs grow on, checkpoints have their manifests.
ENDINGS = (".npz", ".tsv", ".codec", ".vocabulary")
NAMES = (CONFIG, ENVIRONMENT, METRICS, SOURCES, REFERENCES, HYPOTHESES)


def digest(content: bytes) -> str:
    """sha256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def checksum(value: Mapping[str, Any]) -> str:
    """sha256 of a JSON object but for its own "checksum", whatever the order of keys.

    The object is one read from JSON, or made `plain`.
    """
    rest = {key: item for key, item in value.items() if key != "checksum"}
    return digest(json.dumps(rest, sort_keys=True).encode())


def read_manifest(folder: str | os.PathLike) -> dict[str, str]:
    """{name: sha256} of the listed files; {} without a list, ValueError if damaged."""
    path = Path(folder) / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path} is damaged: line {number} is no sha256 of a file")
        found[match[2]] = match[1]
    return found


def list_files(folder: str | os.PathLike, contents: Mapping[str, bytes]) -> None:
    """Add files, by their content, to the list; it keeps the others, if it is sound."""
    try:
        listed = read_manifest(folder)
    except ValueError:
        listed = {}
    listed |= {name: digest(content) for name, content in contents.items()}
    _write(Path(folder), listed)


def write_result(folder: str | os.PathLike, result: Mapping[str, Any]) -> None:
    """Write result.json, the last word on a run, after the list of all its files."""
    folder = Path(folder)
    content = json_bytes(result)
    listed = {
        path.name: digest(path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.is_file() and _is_final(path.name)
    }
    _write(folder, listed | {RESULT: digest(content)})
    write_bytes(folder / RESULT, content)


def _is_final(name: str) -> bool:
    return not name.startswith(".") and (name in NAMES or name.endswith(ENDINGS))


def _write(folder: Path, listed: Mapping[str, str]) -> None:
    lines = [f"{sha256} *{name}\n" for name, sha256 in listed.items()]
    write_bytes(folder / MANIFEST, "".join(lines).encode())


def intact(folder: str | os.PathLike, name: str) -> bool:
    """Whether a file is what its list says, or is not listed; ValueError if the list
    is damaged. A file that is not there is not intact."""
    path = Path(folder) / name
    expected = read_manifest(folder).get(name)
    return path.is_file() and expected in (None, digest(path.read_bytes()))


def damaged_files(folder: str | os.PathLike) -> list[str]:
    """Names of files that are not what the list says, [] where all is well.

    Files that somebody has removed are not damaged: whoever needs them will say so.
    """
    folder = Path(folder)
    try:
        listed = read_manifest(folder)
    except ValueError:
        return [MANIFEST]
    found = [
        name
        for name, expected in listed.items()
        if (folder / name).is_file()
        and digest((folder / name).read_bytes()) != expected
    ]
    if RESULT not in found and (folder / RESULT).is_file():
        try:
            read_json(folder / RESULT)
        except ValueError:  # not listed, yet plainly damaged
            found.append(RESULT)
    return found


def check_result(folder: str | os.PathLike) -> dict[str, Any]:
    """What result.json says, every file of the run being what it was when that was
    written; a ValueError names one that is not."""
    folder = Path(folder)
    result = read_json(folder / RESULT)
    for name in damaged_files(folder):
        raise ValueError(f"{folder / name} is damaged: see {MANIFEST}")
    return result


def reopen(folder: str | os.PathLike) -> list[str]:
    """Make a finished run with damaged files unfinished, to be finished again.

    Returns the names of the damaged files, [] where all is well. They and result.json
    are kept in the folder `damaged`; what a checkpoint holds is not learned again.
    Whoever calls this holds the run's lock.
    """
    folder = Path(folder)
    if not (folder / RESULT).exists():
        return []
    found = damaged_files(folder)
    if found:
        names = {*found, RESULT}
        keep(folder, {name: (folder / name).read_bytes() for name in names})
        (folder / RESULT).unlink()
    return found


def keep(folder: str | os.PathLike, contents: Mapping[str, bytes]) -> None:
    """Write damaged files into the folder `damaged`, before they are made anew."""
    for name, content in contents.items():
        write_bytes(Path(folder) / DAMAGED / name, content)
