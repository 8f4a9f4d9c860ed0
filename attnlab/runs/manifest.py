"""Checksums of the files of a run: files.sha256, verified whenever they are read.

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

from attnlab.runs.files import (
    CONFIG,
    CORPUS,
    ENVIRONMENT,
    HYPOTHESES,
    METRICS,
    REFERENCES,
    RESULT,
    SOURCES,
    TEXTS,
    Record,
    json_bytes,
    read_bytes,
    read_json,
    write_bytes,
)

MANIFEST = "files.sha256"
DAMAGED = "damaged"  # a folder in the run's, with what was found to be so
LINE = re.compile(r"([0-9a-f]{64}) \*([^/\n]+)")
# What stays once a run has finished. Logs grow on, checkpoints have their manifests.
ENDINGS = (".npz", ".tsv", ".codec", ".vocabulary")
NAMES = (CONFIG, CORPUS, TEXTS, ENVIRONMENT, METRICS, SOURCES, REFERENCES, HYPOTHESES)


def digest(content: bytes) -> str:
    """sha256.

    Args:
      content: of a file.

    Returns:
      64 hexadecimal digits.
    """
    return hashlib.sha256(content).hexdigest()


def checksum(value: Mapping[str, object]) -> str:
    """sha256 of a JSON object but for its own "checksum", whatever the order of keys.

    Args:
      value: an object read from JSON, or made `plain`.

    Returns:
      64 hexadecimal digits.
    """
    rest = {key: item for key, item in value.items() if key != "checksum"}
    return digest(json.dumps(rest, sort_keys=True).encode())


def read_manifest(folder: str | os.PathLike) -> dict[str, str]:
    """The checksums of the files that are listed.

    Args:
      folder: the run's.

    Returns:
      {name: sha256}; {} without a list.

    Raises:
      ValueError: where the list is damaged.
    """
    path = Path(folder) / MANIFEST
    try:
        lines = read_bytes(path).decode().splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    listed = {}
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path} is damaged: line {number} is no sha256 of a file")
        listed[match[2]] = match[1]
    return listed


def list_files(folder: str | os.PathLike, contents: Mapping[str, bytes]) -> None:
    """Add files to the list; it keeps the others, if it is sound.

    Args:
      folder: the run's.
      contents: of the files, by name.
    """
    try:
        listed = read_manifest(folder)
    except ValueError:
        listed = {}
    listed |= {name: digest(content) for name, content in contents.items()}
    _write(Path(folder), listed)


def write_corpus(folder: str | os.PathLike, known: Mapping[str, object]) -> None:
    """Write corpus.json: what a run has to know of its corpus, to answer without it.

    Args:
      folder: the run's.
      known: what its task needs, such as the names of classes.
    """
    content = json_bytes(known)
    write_bytes(Path(folder) / CORPUS, content, folders=False)
    list_files(folder, {CORPUS: content})


def read_corpus(folder: str | os.PathLike) -> Record:
    """What a task wrote into corpus.json.

    Args:
      folder: the run's.

    Returns:
      The same; {} for a run of before there was such a file, whose corpus has to be
      read instead.

    Raises:
      ValueError: where the file is not what was written.
    """
    path = Path(folder) / CORPUS
    if not path.exists():
        return {}
    if not intact(folder, CORPUS):
        raise ValueError(f"{path} is damaged: see {MANIFEST}")
    return read_json(path)


def write_result(folder: str | os.PathLike, result: Mapping[str, object]) -> None:
    """Write result.json, the last word on a run, after the list of all its files.

    Args:
      folder: the run's.
      result: what it holds.
    """
    folder = Path(folder)
    content = json_bytes(result)
    listed = {
        path.name: digest(path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.is_file() and _is_final(path.name)
    }
    # The list first: a kill in between leaves no result, so an unfinished run.
    _write(folder, listed | {RESULT: digest(content)})
    write_bytes(folder / RESULT, content, folders=False)


def _is_final(name: str) -> bool:
    return not name.startswith(".") and (name in NAMES or name.endswith(ENDINGS))


def _write(folder: Path, listed: Mapping[str, str]) -> None:
    lines = [f"{sha256} *{name}\n" for name, sha256 in listed.items()]
    write_bytes(folder / MANIFEST, "".join(lines).encode(), folders=False)


def intact(folder: str | os.PathLike, name: str) -> bool:
    """Whether a file is what the list says, or is not listed.

    Args:
      folder: the run's.
      name: of the file.

    Returns:
      False for a file that is another one, or not there.

    Raises:
      ValueError: where the list is damaged.
    """
    path = Path(folder) / name
    expected = read_manifest(folder).get(name)
    return path.is_file() and expected in (None, digest(path.read_bytes()))


def damaged_files(folder: str | os.PathLike) -> list[str]:
    """Files that are not what the list says.

    Files that somebody has removed are not damaged: whoever reads them will miss them.

    Args:
      folder: the run's.

    Returns:
      Their names, [] where all is well.
    """
    folder = Path(folder)
    try:
        listed = read_manifest(folder)
    except ValueError:
        return [MANIFEST]
    damaged = [
        name
        for name, expected in listed.items()
        if (folder / name).exists() and not _has(folder / name, expected)
    ]
    if RESULT not in damaged and (folder / RESULT).is_file():
        try:
            read_json(folder / RESULT)
        except ValueError:  # not listed, yet plainly damaged
            damaged.append(RESULT)
    return damaged


def _has(path: Path, expected: str) -> bool:
    """Whether a file that is there has a digest; one that cannot be read has none."""
    try:
        return digest(read_bytes(path)) == expected
    except (FileNotFoundError, ValueError):
        return False


def check_result(folder: str | os.PathLike) -> Record:
    """result.json of a run whose files are all what they were when it was written.

    Args:
      folder: the run's.

    Returns:
      What result.json holds.

    Raises:
      FileNotFoundError: where there is none.
      ValueError: for the first file that is another one.
    """
    folder = Path(folder)
    result = read_json(folder / RESULT)
    for name in damaged_files(folder):  # the first is enough
        raise ValueError(f"{folder / name} is damaged: see {MANIFEST}")
    return result


def reopen(folder: str | os.PathLike) -> list[str]:
    """Make a finished run with damaged files unfinished, to be finished again.

    The damaged files and result.json are moved into the folder `damaged`; what a
    checkpoint holds is not learned again. The caller holds the run's lock.

    Args:
      folder: the run's.

    Returns:
      The names of the damaged files, [] where all is well.
    """
    folder = Path(folder)
    if not (folder / RESULT).exists():
        return []
    damaged = damaged_files(folder)
    if damaged:
        names = {*damaged, RESULT}
        # Copies first: after a kill in between the run is still finished and damaged,
        # and is reopened by the next try.
        keep(folder, {name: (folder / name).read_bytes() for name in names})
        (folder / RESULT).unlink()
    return damaged


def keep(folder: str | os.PathLike, contents: Mapping[str, bytes]) -> None:
    """Write damaged files into the folder `damaged`, before they are made anew.

    Args:
      folder: the run's.
      contents: of the files, by name.
    """
    for name, content in contents.items():
        write_bytes(Path(folder) / DAMAGED / name, content)
