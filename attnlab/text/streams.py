"""Parallel text read pair by pair, as often as asked, and never held in memory."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from attnlab.text.pairs import Pair
from attnlab.text.read_text import check_signs
from attnlab.text.words import split_words


class PairStream:
    """The pairs of two files, or of one with two tab-separated columns.

    Each iteration reads the files anew and gives what `files` would have loaded, with
    the same ValueErrors for broken ones. Pairs without a word on one side are left out;
    `empty` counts those of the last iteration.
    """

    def __init__(self, paths: Sequence[Path], lowercase: bool = False):
        if len(paths) not in (1, 2):
            raise ValueError(
                f"train names {len(paths)} files; give source and target, or one of "
                "two columns"
            )
        for path in paths:
            if not path.is_file():
                raise FileNotFoundError(f"no file {path}")
        self.paths, self.lowercase, self.empty = list(paths), lowercase, 0

    def __iter__(self) -> Iterator[Pair]:
        self.empty = 0  # of this iteration alone
        rows = (
            parallel_lines(*self.paths)
            if len(self.paths) == 2
            else _columns(*self.paths)
        )
        for source, target in rows:
            if self.lowercase:
                source, target = source.lower(), target.lower()
            pair = Pair(tuple(split_words(source)), tuple(split_words(target)))
            if pair.source and pair.target:
                yield pair
            else:
                self.empty += 1


def stream_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, one at a time: see `read_lines`.

    Args:
      path: the file; `.gz` files are unpacked.

    Returns:
      An iterator over its lines, without their ends.

    Raises:
      ValueError: while iterating, as `read_lines`.
    """
    opened = gzip.open if str(path).endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            yield from decoded_lines(file, str(path))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from None


def decoded_lines(lines: Iterable[bytes], where: str) -> Iterator[str]:
    """Lines of UTF-8 text without their ends, one at a time.

    Args:
      lines: with their ends, as an open file or stdin gives them.
      where: the file's name, for errors.

    Returns:
      An iterator over the lines.

    Raises:
      ValueError: while iterating, as `read_lines`.
    """
    for number, line in enumerate(lines, 1):
        if number == 1:
            # utf-8-sig would strip a mark at the start of every line.
            line = line.removeprefix(b"\xef\xbb\xbf")
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        check_signs(line, where, number)
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{where}:{number}: not UTF-8: {error}") from None


def parallel_lines(source: Path, target: Path) -> Iterator[tuple[str, str]]:
    """The lines of two files side by side, empty ones among them.

    Args:
      source: a file, or its .gz.
      target: one of as many lines.

    Returns:
      An iterator over pairs of lines.

    Raises:
      ValueError: while iterating, for what is no text, and at the end where one file is
        longer.
    """
    counts = [0, 0]
    # Not `zip`, which would end at the shorter file without a word.
    for row in zip_longest(stream_lines(source), stream_lines(target)):
        for side, line in enumerate(row):
            counts[side] += line is not None
        if None not in row:
            yield row
    # Known only at the end: pairs before it have been given out already.
    if counts[0] != counts[1]:
        raise ValueError(f"{source} has {counts[0]} lines, {target} has {counts[1]}")


def _columns(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(stream_lines(path), 1):
        row = line.split("\t")
        if len(row) < 2:
            raise ValueError(
                f"{path}:{number}: {len(row)} tab-separated columns, "
                "at least 2 are needed"
            )
        yield row[0], row[1]
