"""Anonymised cloze questions: the `.question` files of Hermann et al. 2015.

A question is a passage whose names are `@entity0`, `@entity1`, ..., and a sentence
about it in which one of them is `@placeholder`.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attnlab.corpora.folder import corpus_file
from attnlab.text.read_text import decoded, opened_tar

PLACEHOLDER = "@placeholder"
ENTITY = re.compile(r"@entity\d+")
ENDING = ".question"
STOPS, LONGEST = frozenset(".?!"), 50  # of sentences that further questions are made of
FOLDS = 5
SPLITS = {"train": "training", "dev": "validation", "test": "test"}
UPSTREAM = {
    "ieer": "https://github.com/nltk/nltk_data (packages/corpora/ieer)",
    "cnn": "https://cs.nyu.edu/~kcho/DMQA",
}


class ClozeQuestion(NamedTuple):
    """One question; `answer` is the entity that `@placeholder` stands for.

    address: the text that it is on. names: (entity, the name it stands for), where the
    file tells. support, told: the passage's positions where the answer can be read off,
    and those among them that are the answer itself; both empty where nobody knows.
    """

    name: str
    passage: tuple[str, ...]
    query: tuple[str, ...]
    answer: str
    names: tuple[tuple[str, str], ...] = ()
    support: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
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
    """Is it `@entity` and a number?"""
    return ENTITY.fullmatch(word) is not None


def parse_question(text: str, where: str) -> ClozeQuestion:
    """The question that a `.question` file holds.

    Five parts with a blank line between: an address, the passage, the query, the
    answer, and a line `@entity7:its name` an entity; words are split at blanks. A
    ValueError says `where`, the line and what is wrong with it.
    """
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
        parts.append(tuple(map(sys.intern, lines[number - 1].split())))
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

    Those whose path holds the folder `below`, or all of them. ValueError for one that
    is malformed, for a file that cannot be read, and where there are none.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")

    def wanted(name: str) -> bool:
        return name.endswith(ENDING) and (not below or below in Path(name).parts[:-1])

    contents = _of_folder if path.is_dir() else _of_archive
    found = []
    for name, content in contents(path, wanted):
        where = f"{path.name}/{name}"
        text = "\n".join(decoded(content, where))
        found.append((name, parse_question(text, where)))
    if not found:
        inside = f" in a folder {below!r}" if below else ""
        raise ValueError(f"{path} holds no {ENDING} file{inside}")
    return [question for _, question in sorted(found, key=lambda pair: pair[0])]


Contents = Iterator[tuple[str, bytes]]  # (name, content) of each wanted file


def _of_folder(path: Path, wanted: Callable[[str], bool]) -> Contents:
    for file in path.rglob(f"*{ENDING}"):
        name = file.relative_to(path).as_posix()
        if wanted(name):
            yield name, file.read_bytes()


def _of_archive(path: Path, wanted: Callable[[str], bool]) -> Contents:
    with opened_tar(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if wanted(member.name) else None
            if file is not None:
                yield member.name, file.read()


def ieer(
    further: bool = False,
    fold: int | None = None,
    folder: str | Path | None = None,
) -> Cloze:
    """479 questions on 91 newswire texts: 374 / 72 / 33, split by text.

    Made from the names that people marked for NIST IE-ER 1999: a sentence with two or
    more entities is taken out, and one that also occurs elsewhere is asked for.
    `further` asks the other such sentences of the training texts too (`asked_further`).

    `fold`, from 0 to FOLDS - 1, splits anew: every FOLDS-th text tests, the next of
    each is for development, so that over the folds each question is tested once.
    ValueError for another.
    """
    path = corpus_file(
        "cloze/ieer_cloze.tar.gz", upstream=UPSTREAM["ieer"], folder=folder
    )
    splits = {split: read_questions(path, below) for split, below in SPLITS.items()}
    if fold is not None:
        splits = folded([one for split in splits.values() for one in split], fold)
    if further:
        splits["train"] += asked_further(splits["train"])
    return Cloze("ieer", **splits, about="Newswire of 1998 (NIST IE-ER 1999).")


def folded(
    questions: Sequence[ClozeQuestion], fold: int
) -> dict[str, list[ClozeQuestion]]:
    """Questions split by their texts (`ieer`); all of a text are in one split."""
    if fold not in range(FOLDS):
        raise ValueError(f"fold is {fold}; choose 0 to {FOLDS - 1}")
    texts = sorted({one.address for one in questions})
    place = {text: (number - fold) % FOLDS for number, text in enumerate(texts)}
    splits = {"test": [0], "dev": [1], "train": range(2, FOLDS)}
    return {
        split: [one for one in questions if place[one.address] in places]
        for split, places in splits.items()
    }


def asked_further(questions: Sequence[ClozeQuestion]) -> list[ClozeQuestion]:
    """More questions on the same passages: all that the rule of `ieer` gives.

    Each sentence of at most LONGEST words with two or more entities is taken out of its
    passage, once for every entity that also occurs elsewhere; those of several passages
    of one text are asked once.
    """
    found, asked = [], {question.query for question in questions}
    for question in questions:
        passage = question.passage
        ends = [n + 1 for n, word in enumerate(passage) if word in STOPS]
        starts = [0, *ends]
        for start, end in zip(starts, [*ends, len(passage)], strict=True):
            sentence, rest = passage[start:end], passage[:start] + passage[end:]
            names = dict.fromkeys(filter(is_entity, sentence))
            if len(names) < 2 or len(sentence) > LONGEST:
                continue
            for name in names:
                query = tuple(PLACEHOLDER if w == name else w for w in sentence)
                if name in rest and query not in asked:
                    asked.add(query)
                    about = f"{question.name}, words {start} to {end - 1}, {name}"
                    found.append(
                        question._replace(
                            name=about, passage=rest, query=query, answer=name
                        )
                    )
    return found


def question_files(
    train: str | None = None, dev: str | None = None, test: str | None = None
) -> Cloze:
    """Your own: for each split a folder or a `.tar.gz` of `.question` files.

    One path as `train` alone has the folders training, validation and test of the
    CNN and Daily Mail questions inside.
    """
    if train is None:
        raise ValueError("the questions 'files' need train, such as cnn/questions")
    if dev is None and test is None:
        splits = {name: read_questions(train, below) for name, below in SPLITS.items()}
    elif dev is None or test is None:
        raise ValueError("the questions 'files' need dev and test, or neither")
    else:
        paths = {"train": train, "dev": dev, "test": test}
        splits = {name: read_questions(path) for name, path in paths.items()}
    return Cloze("files", **splits, about=f"Read from {train}.")


def most_frequent(questions: Sequence[ClozeQuestion]) -> list[bool]:
    """Whether the passage's most frequent entity is the answer, the first of equals.

    Hermann et al. 2015's baseline "maximum frequency".
    """
    return [
        max(one.candidates, key=one.passage.count) == one.answer for one in questions
    ]


def exclusive_frequency(questions: Sequence[ClozeQuestion]) -> list[bool]:
    """As `most_frequent`, among the entities that the query does not mention.

    Hermann et al. 2015's baseline "exclusive frequency".
    """
    return [
        max(
            [name for name in one.candidates if name not in one.query] or ("",),
            key=one.passage.count,
        )
        == one.answer
        for one in questions
    ]


def chance(questions: Sequence[ClozeQuestion]) -> float:
    """The expected accuracy of guessing one of a passage's entities."""
    return sum(1 / len(one.candidates) for one in questions) / len(questions)
