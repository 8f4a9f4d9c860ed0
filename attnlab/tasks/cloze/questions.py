"""Anonymized cloze questions and the `.question` files of Hermann et al. 2015.

A question is a passage whose names are `@entity0`, `@entity1`, ..., and a sentence
about it in which one of them is `@placeholder`.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from attnlab.text.read_text import decoded, opened_tar, read_member
from attnlab.text.words import split_words

PLACEHOLDER = "@placeholder"
ENTITY = re.compile(r"@entity\d+")
ENDING = ".question"


class ClozeQuestion(NamedTuple):
    """A question on a passage.

    name: of the question. passage, query: their words. answer: the entity that
      `@placeholder` stands for.
    names: (entity, the name it stands for), where the file tells.
    support: the passage's positions where the answer can be read off; empty where they
      are unknown.
    support_answer: those among them that are the answer itself.
    address: the text that the question is on.
    """

    name: str
    passage: tuple[str, ...]
    query: tuple[str, ...]
    answer: str
    names: tuple[tuple[str, str], ...] = ()
    support: tuple[int, ...] = ()
    support_answer: tuple[int, ...] = ()
    address: str = ""

    @property
    def candidates(self) -> tuple[str, ...]:
        """The passage's entities in the order in which they first occur."""
        return tuple(dict.fromkeys(filter(is_entity, self.passage)))

    @property
    def entities(self) -> tuple[str, ...]:
        """Those of passage and query, in the order in which they first occur."""
        return tuple(dict.fromkeys(filter(is_entity, (*self.passage, *self.query))))


class Cloze(NamedTuple):
    """Questions in three splits; `about` says what they are."""

    name: str
    train: list[ClozeQuestion]
    dev: list[ClozeQuestion]
    test: list[ClozeQuestion]
    about: str


def is_entity(word: str) -> bool:
    """Whether a word is `@entity` and a number.

    Args:
      word: of a passage or a query.

    Returns:
      True for an entity.
    """
    return ENTITY.fullmatch(word) is not None


def parse_question(text: str, where: str) -> ClozeQuestion:
    """The question that a `.question` file holds.

    It has five parts with a blank line between: an address, the passage, the query, the
    answer, and a line `@entity7:its name` an entity; words are split at blanks.

    Args:
      text: of the file.
      where: what an error calls the file.

    Returns:
      The question.

    Raises:
      ValueError: for a malformed file, with the line and what is wrong with it.
    """
    # Lines of Windows files end in a carriage return as well.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]

    def wrong(number: int, problem: str) -> ValueError:
        return ValueError(f"{where}:{number}: {problem}")

    parts = []
    for number, part in ((1, "address"), (3, "passage"), (5, "query"), (7, "answer")):
        if len(lines) < number or not lines[number - 1].strip():
            raise wrong(number, f"the {part} is missing; line {number} holds it")
        if len(lines) > number and lines[number].strip():
            got = lines[number][:40]
            problem = f"a blank line must follow the {part}, got {got!r}"
            raise wrong(number + 1, problem)
        # Interned: the CNN questions repeat 118 thousand words 300 million times.
        parts.append(tuple(map(sys.intern, split_words(lines[number - 1]))))
    address, passage, query, answer = parts
    if PLACEHOLDER not in query:
        raise wrong(5, f"the query has no {PLACEHOLDER}: {' '.join(query)[:60]!r}")
    if len(answer) != 1 or not is_entity(answer[0]):
        got = " ".join(answer)[:40]
        raise wrong(7, f"the answer is {got!r}, must be one entity such as @entity3")
    if answer[0] not in passage:
        raise wrong(7, f"the answer {answer[0]} does not occur in the passage")
    names = []
    for number, line in enumerate(lines[8:], 9):
        entity, colon, name = line.partition(":")
        if not (colon and is_entity(entity)):
            got = line[:40]
            raise wrong(number, f"{got!r} is not a name, such as @entity3:Rome")
        names.append((entity, name.strip()))
    about = {"names": tuple(names), "address": " ".join(address)}
    return ClozeQuestion(where, passage, query, answer[0], **about)


def read_questions(path: str | Path, below: str = "") -> list[ClozeQuestion]:
    """The questions of a folder or of a `.tar.gz`, in the order of their files' names.

    Args:
      path: the folder or the archive.
      below: a folder that their paths must hold; "" takes all of them.

    Returns:
      The questions.

    Raises:
      FileNotFoundError: where there is no such path.
      ValueError: for a question that is malformed, for a file that cannot be read, and
        where there is no question.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")

    def wanted(name: str) -> bool:
        return name.endswith(ENDING) and (not below or below in Path(name).parts[:-1])

    contents = _of_folder if path.is_dir() else _of_archive
    questions: list[tuple[str, ClozeQuestion]] = []
    for name, content in contents(path, wanted):
        where = f"{path.name}/{name}"
        text = "\n".join(decoded(content, where))
        questions.append((name, parse_question(text, where)))
    if not questions:
        inside = f" in a folder {below!r}" if below else ""
        raise ValueError(f"{path} holds no {ENDING} file{inside}")
    return [question for _, question in sorted(questions, key=lambda pair: pair[0])]


Contents = Iterator[tuple[str, bytes]]  # (name, content) of each wanted file


def _of_folder(path: Path, wanted: Callable[[str], bool]) -> Contents:
    for file in path.rglob(f"*{ENDING}"):
        name = file.relative_to(path).as_posix()
        if wanted(name):
            yield name, file.read_bytes()


def _of_archive(path: Path, wanted: Callable[[str], bool]) -> Contents:
    with opened_tar(path) as archive:
        for member in archive:
            if wanted(member.name):
                content = read_member(archive, member, path)
                if content is not None:
                    yield member.name, content
