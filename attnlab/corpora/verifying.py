"""Are the files of a corpus there, and are they the right ones?"""

import hashlib
from io import BufferedReader, FileIO
from pathlib import Path
from typing import NamedTuple

from attnlab.corpora.catalogue import Entry, File

OK, MISSING, DAMAGED, UNREADABLE = "ok", "missing", "damaged", "unreadable"


class Checked(NamedTuple):
    """A file and what was found in its place: `got` is its sum, or what is wrong."""

    file: File
    state: str
    got: str = ""


def check(file: File, folder: Path) -> Checked:
    """Reads all of the file, where there is one."""
    try:
        with open(folder / file.path, "rb") as opened:
            got = sha256_of(opened)
    except (FileNotFoundError, NotADirectoryError):
        return Checked(file, MISSING)
    except OSError as error:
        return Checked(file, UNREADABLE, error.strerror or str(error))
    return Checked(file, OK if got == file.sha256 else DAMAGED, got)


def sha256_of(file: FileIO | BufferedReader) -> str:
    """The sum of an open file from where it stands, in hexadecimal digits."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def state(entry: Entry, folder: Path) -> str:
    """What the sizes of a corpus's files say, without reading them.

    "complete": all are there and as large as they must be; their bytes may be wrong all
    the same (`check`). "damaged": one has another size. "partial", "missing": some or
    all are not there. "generated": there is nothing to have.
    """
    if not entry.files:
        return "generated"
    sizes = [_size(folder / file.path) for file in entry.files]
    if all(size is None for size in sizes):
        return "missing"
    for file, size in zip(entry.files, sizes, strict=True):
        if size is not None and size != file.size:
            return "damaged"
    return "partial" if None in sizes else "complete"


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
