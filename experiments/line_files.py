"""Programs that write a line for each line of a text: parts, resuming, time left.

A file is written under a name that tells its text, model and options, ends in .part,
and takes its own name when all lines are there. So a stopped program goes on where it
was, and nothing is overwritten that another one wrote.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

LINE_SECONDS = 30.0  # without a terminal: between two lines on the progress
GROUP = b" ||| "  # after the number of the line that a line of n-best lists is of
Item = TypeVar("Item")


def check_new(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse outputs that are there already, and texts that are not.

    Args:
      outputs: to be written.
      inputs: to be read.

    Raises:
      ValueError: for an output that exists, or is named twice.
      FileNotFoundError: for an input that is no file.
    """
    for number, out in enumerate(outputs):
        if out.exists():
            raise ValueError(f"{out} exists; choose another --out, or remove it")
        if out.absolute() in [other.absolute() for other in outputs[:number]]:
            raise ValueError(f"{out} is named for two outputs")
    for file in inputs:
        if not file.is_file():
            raise FileNotFoundError(f"no file {file}")


class Parts:
    """The files of one program while they are written.

    Args:
      outputs: their names when they are whole.
      inputs: the texts.
      asked: whatever else decides what is written: the model, and options.
      again: begin anew, for texts that cannot be read twice.
      groups: the first output has several lines for a line of the text, each of which
        begins with its number.
    """

    def __init__(
        self,
        outputs: Sequence[Path],
        inputs: Sequence[Path],
        asked: object,
        *,
        again: bool = False,
        groups: bool = False,
    ):
        what = [
            (str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns)
            for path in inputs
        ]
        text = repr((what, asked))
        digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        self.outputs = list(outputs)
        self.parts = [
            out.with_name(f"{out.name}.{digest}.part") for out in self.outputs
        ]
        if again:
            for part in self.parts:
                part.unlink(missing_ok=True)
        # A kill comes between two files: what one of them lacks is written anew.
        grouped = [groups, *[False] * len(self.parts)]
        ways = list(zip(self.parts, grouped, strict=False))
        self.done = min((_whole(*way) for way in ways), default=0)
        for way in ways:
            _cut(*way, self.done)

    def write(self, records: Iterable[Sequence[str]]) -> None:
        """Append what the rest of the text comes to, and give the files their names.

        Args:
          records: of each line of the text the text of each file, with its line ends.
        """
        records = iter(records)
        # Before a file is begun: what is wrong with options shows itself here.
        first = list(islice(records, 1))
        files = []
        try:
            for part in self.parts:
                part.parent.mkdir(parents=True, exist_ok=True)
                files.append(part.open("a", encoding="utf-8", newline="\n"))
            for record in chain(first, records):
                for file, text in zip(files, record, strict=True):
                    file.write(text)
        finally:
            for file in files:
                file.close()
        for part, out in zip(self.parts, self.outputs, strict=True):
            part.replace(out)


def _records(part: Path, grouped: bool) -> Iterator[tuple[int, int]]:
    """(record, end) of each line of a file: the record of the text that it is of, and
    where it ends; -1 for a line that was cut."""
    if not part.exists():
        return
    end = 0
    with part.open("rb") as file:
        for number, line in enumerate(file):
            end += len(line)
            whole = line.endswith(b"\n")
            record = int(line.split(GROUP)[0]) if grouped and whole else number
            yield record if whole else -1, end


def _whole(part: Path, grouped: bool) -> int:
    """The records that are whole in a file; of groups the last may not be."""
    lines = last = 0
    for record, _ in _records(part, grouped):
        if record >= 0:
            lines, last = lines + 1, record
    return last if grouped else lines


def _cut(part: Path, grouped: bool, done: int) -> None:
    """Leave the first records of a file."""
    size = 0
    for record, end in _records(part, grouped):
        if 0 <= record < done:
            size = end
    if part.exists():
        os.truncate(part, size)


def watched(
    items: Iterable[Item],
    done: int,
    lines: int | None,
    what: str,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """The same items; says on stderr how many there were, and the time left.

    Args:
      items: one a line of the text.
      done: lines before the first of them.
      lines: of the text; None: not known, as of stdin.
      what: is done with a line: "aligned".
      clock: seconds.

    Returns:
      An iterator over them.
    """
    from attnlab.training.pace import duration

    began = said = clock()
    live = sys.stderr.isatty()
    for number, item in enumerate(items, 1):
        yield item
        now = clock()
        if now - said < (1.0 if live else LINE_SECONDS):
            continue
        said = now
        text = f"{what} {done + number:,} lines"
        if lines is not None:
            left = (now - began) / number * (lines - done - number)
            text = f"{what} {done + number:,} of {lines:,} lines  {duration(left)} left"
        if live:
            print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
    if live and said != began:
        print(file=sys.stderr)


def say_done(done: int, lines: int | None, what: str) -> None:
    """Say on stderr what a stopped program has left, if anything.

    Args:
      done: lines.
      lines: of the text.
      what: was done with them: "aligned".
    """
    if done:
        print(f"{done:,} of {lines:,} lines are {what} already", file=sys.stderr)
