"""Are the files of a corpus there, and are they the right ones?"""

import hashlib
from io import BufferedReader, FileIO
from pathlib import Path
from typing import NamedTuple

from attnlab.corpora.catalogue import Entry, File

OK, MISSING, DAMAGED, UNREADABLE = "ok", "missing", "damaged", "unreadable"


class Checked(NamedTuple):
    """A file and what is in its place.

    Attributes:
      file: of the catalogue.
      state: OK, MISSING, DAMAGED or UNREADABLE.
      got: its sha256 sum, or what is wrong.
    """

    file: File
    state: str
    got: str = ""


def check(file: File, folder: Path) -> Checked:
    """Compare a file with its sha256 sum; reads all of it.

    Args:
      file: of the catalogue.
      folder: the data folder.

    Returns:
      What is in its place.
    """
    try:
        with open(folder / file.path, "rb") as opened:
            got = sha256_of(opened)
    # NotADirectoryError: a file stands where a folder should be.
    except (FileNotFoundError, NotADirectoryError):
        return Checked(file, MISSING)
    except OSError as error:
        return Checked(file, UNREADABLE, error.strerror or str(error))
    return Checked(file, OK if got == file.sha256 else DAMAGED, got)


def sha256_of(file: FileIO | BufferedReader) -> str:
    """The sha256 sum of a file.

    Args:
      file: open, from where it stands.

    Returns:
      The sum in hexadecimal digits.
    """
    return hashlib.file_digest(file, "sha256").hexdigest()


def state(entry: Entry, folder: Path) -> str:
    """What the sizes of a corpus's files say, without reading them.

    Args:
      entry: of the catalogue.
      folder: the data folder.

    Returns:
      "complete": all are there and as large as they must be; their bytes may be wrong
      all the same (`check`). "damaged": one has another size. "partial", "missing":
      some or all are not there. "generated": there is nothing to have.
    """
    if not entry.files:
        return "generated"
    # By sizes: reading all bytes of a corpus takes seconds, and `list` is asked
    # often.
    sizes = [_size(folder / file.path) for file in entry.files]
    if all(size is None for size in sizes):
        return "missing"
    for file, size in zip(entry.files, sizes, strict=True):
        if size is not None and size != file.size:
            return "damaged"
    return "partial" if None in sizes else "complete"


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
