"""Text files as lines, whatever is in them: errors name file and line."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LARGEST = 2**29  # bytes that a file of an archive may unpack to


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
      ValueError: naming file and line of what is not UTF-8, of a NUL byte and of a
        carriage return that does not end a line; and a broken gzip file.
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
    check_signs(content.replace(b"\r\n", b"\n"), where)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{where}:{line}: not UTF-8: {error}") from None
    # An end of line at the end of the file does not begin another line.
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r") for line in lines]


def read_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, path: str | Path
) -> bytes | None:
    """The content of a file in an archive.

    Args:
      archive: as `opened_tar` gives it.
      member: one of its members; a link is followed inside the archive alone.
      path: of the archive, for errors.

    Returns:
      The content; None where the member is no file.

    Raises:
      ValueError: for a link to what the archive has not, and for a file that unpacks to
        more than LARGEST bytes.
    """
    if member.size > LARGEST:
        size = f"{member.size / 2**30:,.1f} GiB"
        raise ValueError(f"{path}: {member.name} unpacks to {size}, which is too much")
    try:
        file = archive.extractfile(member)
    except (KeyError, RecursionError):  # a circle of links never ends
        raise ValueError(
            f"{path}: {member.name} is a link to {member.linkname}, which is not in "
            "the archive"
        ) from None
    return None if file is None else file.read()


def check_signs(content: bytes, where: str, first: int = 1) -> None:
    """Refuse what no line of a text holds.

    Args:
      content: lines, without the carriage returns before their ends.
      where: the file's name, for errors.
      first: the number of the first line.

    Raises:
      ValueError: naming file and line of a NUL byte, of which UTF-16 text is full while
        it decodes as UTF-8 all the same, and of a carriage return alone, which some
        tools take for the end of a line and others do not.
    """
    for sign, what in (
        (b"\0", "a NUL byte; is it UTF-8 text?"),
        (b"\r", "a carriage return inside a line; end lines with a newline"),
    ):
        if sign in content:
            line = content[: content.index(sign)].count(b"\n") + first
            raise ValueError(f"{where}:{line}: {what}")


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
        # tarfile tells of every packing that it has tried, a line each.
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise ValueError(f"{path} is not a whole archive: {reason}") from None
