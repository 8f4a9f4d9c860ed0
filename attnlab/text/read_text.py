"""Text files as lines, whatever is in them: errors name file and line."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 file without their ends; `.gz` files are unpacked.

    Only a newline ends a line: str.splitlines would also cut at characters that
    occur inside sentences, and the two sides of a corpus would drift apart. A mark of
    byte order is left out. A ValueError names file and line of what is not UTF-8 and of
    a NUL byte, which no text has.
    """
    opened = gzip.open if str(path).endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from None
    return decoded(content, str(path))


def decoded(content: bytes, where: str) -> list[str]:
    """The lines of a file's content; `where` is its name, for errors."""
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ValueError(f"{where}:{line}: a NUL byte; is it UTF-8 text?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{where}:{line}: not UTF-8: {error}") from None
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r") for line in lines]


@contextmanager
def opened_tar(path: str | Path) -> Iterator[tarfile.TarFile]:
    """A tar archive, packed or not, read member by member and never unpacked onto the
    disk; a ValueError where it is not whole."""
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole archive: {error}") from None
