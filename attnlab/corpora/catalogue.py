"""What is known of a corpus: whose it is, and the files that it is made of.

An Entry stands with its corpus, and the TaskSpec of a task has those of its corpora.
`catalogue.tsv` holds a line `sha256<TAB>bytes<TAB>path` for each file, with its path
below the data folder. Most files are derived (tokenized, without repeats, packed
anew), so no public address has these bytes: `upstream` is where the text comes from.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from attnlab.parsing import near

SUMS = Path(__file__).with_name("catalogue.tsv")
GENERATED = "open: Apache 2.0, as attnlab"
NO_OPTIONS: Mapping[str, object] = MappingProxyType({})


class File(NamedTuple):
    """A file of a corpus.

    Attributes:
      path: below the data folder, and never outside it.
      size: bytes.
      sha256: of its content, in hexadecimal digits.
    """

    path: str
    size: int
    sha256: str


class Entry(NamedTuple):
    """A corpus in the catalogue. A generated one has no `folders`: nothing to fetch.

    Attributes:
      name: in the catalogue.
      what: it is, in a line.
      examples: of train, dev and test by default (of babi, all tasks); () where they
        are made without end.
      license: what may be done with it.
      upstream: where the text comes from.
      folders: those below the data folder that hold its files.
      setting: its name in `data.name`, where that is another one.
      whole: the options that give all of it, where its loader leaves some out.
      task: of the TaskSpec that has it, see `attnlab.tasks.catalogue`.
    """

    name: str
    what: str
    examples: tuple[int, ...]
    license: str = GENERATED
    upstream: str = ""
    folders: tuple[str, ...] = ()
    setting: str = ""
    whole: Mapping[str, object] = NO_OPTIONS
    task: str = ""

    @property
    def files(self) -> list[File]:
        """Its files, by path."""
        return [file for file in sums() if _folder(file.path) in self.folders]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def find(entries: Sequence[Entry], name: str) -> Entry:
    """The entry of this name.

    Args:
      entries: the catalogue.
      name: of a corpus.

    Returns:
      Its entry.

    Raises:
      ValueError: for an unknown name; what is near it and all choices are named.
    """
    for entry in entries:
        if entry.name == name:
            return entry
    names = [entry.name for entry in entries]
    hint = near(name.lower(), names)
    raise ValueError(f"unknown corpus {name!r}{hint}; choose {', '.join(names)}")


def fetchable(entries: Sequence[Entry], names: Sequence[str]) -> list[Entry]:
    """The corpora of these names that have files.

    Args:
      entries: the catalogue.
      names: of corpora; "all" are those that have files.

    Returns:
      Their entries, each once.

    Raises:
      ValueError: for no name, an unknown one, and a corpus that is generated.
    """
    with_files = [entry for entry in entries if entry.folders]
    choices = ", ".join(["all", *(entry.name for entry in with_files)])
    if not names:
        raise ValueError(f"name a corpus; choose {choices}")
    chosen: dict[str, Entry] = {}
    for name in names:
        for entry in with_files if name == "all" else [find(entries, name)]:
            if not entry.folders:
                raise ValueError(
                    f"{name} is generated, without files; choose {choices}"
                )
            # By name: "all hansards" must not fetch a corpus twice.
            chosen[entry.name] = entry
    return list(chosen.values())


@cache
def sums() -> tuple[File, ...]:
    """All files of all corpora, by path.

    Returns:
      What `catalogue.tsv` holds.
    """
    return tuple(
        parse_sum(line, f"{SUMS.name}:{number}")
        for number, line in enumerate(SUMS.read_text(encoding="ascii").splitlines(), 1)
    )


def parse_sum(line: str, where: str) -> File:
    """The file of a line `sha256<TAB>bytes<TAB>path`.

    Args:
      line: without its end.
      where: file and number of the line, for errors.

    Returns:
      The file.

    Raises:
      ValueError: for a sum that is none, and a path that could leave the folder it is
        joined to: one with `..`, `.`, a backslash or a drive, or from the root.
    """
    sha256, size, path = line.split("\t")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError(f"{where}: {sha256!r} is not a sha256 sum")
    parts = path.split("/")
    # A file of sums could be somebody else's: nothing outside may be written.
    if {"", ".", ".."} & set(parts) or set(path) & set("\\:\0"):
        raise ValueError(f"{where}: {path!r} is not a path below the data folder")
    return File(path, int(size), sha256)


def _folder(path: str) -> str:
    # Posix paths also on other systems: the catalogue writes them with "/".
    return PurePosixPath(path).parent.as_posix()
