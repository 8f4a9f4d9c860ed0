"""Text files as lines, whatever is in them: errors name file and line."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 file without their ends.

    Only a newline ends a line: str.splitlines would also cut at characters that occur
    inside sentences, and the two sides of a corpus would drift apart. A mark of byte
    order is left out.

    Args:
      path: the file; `.gz` files are unpacked.

    Returns:
      The lines.

    Raises:
      ValueError: naming file and line of what is not UTF-8 and of a NUL byte, which no
        text has, and a broken gzip file.
    """
    opened = gzip.open if str(path).endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from None
    return decoded(content, str(path))


def decoded(content: bytes, where: str) -> list[str]:
    """The lines of a file's content.

    Args:
      content: bytes of UTF-8 text.
      where: its name, for errors.

    Returns:
      The lines.

    Raises:
      ValueError: as `read_lines`.
    """
    # UTF-16 text is full of NUL bytes, and decodes as UTF-8 all the same.
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ValueError(f"{where}:{line}: a NUL byte; is it UTF-8 text?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{where}:{line}: not UTF-8: {error}") from None
    # An end of line at the end of the file does not begin another line.
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r") for line in lines]


@contextmanager
def opened_tar(path: str | Path) -> Iterator[tarfile.TarFile]:
    """A tar archive, read member by member and never unpacked onto the disk.

    Args:
      path: of the archive, packed or not.

    Returns:
      A context manager that gives the archive.

    Raises:
      ValueError: where it is not whole.
    """
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole archive: {error}") from None
