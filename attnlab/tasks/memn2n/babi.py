"""bAbI's twenty tasks (Weston et al. 2015), version 1.2, read from its archives."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, validate_call

from attnlab.corpora.folder import corpus_file
from attnlab.tasks.memn2n.batches import Sentence, Stories, StoryQuestion
from attnlab.text.read_text import decoded, opened_tar, read_member
from attnlab.text.words import find_words

UPSTREAM = "https://research.facebook.com/downloads/babi/"
ARCHIVES = {
    "1k": ("babi/babi_tasks_v1-2_en_1k.tar.gz", "en"),
    "10k": ("babi/babi_tasks_v1-2_en-10k_part.tar.gz", "en-10k"),
}
TASKS = range(1, 21)
LINE = re.compile(r"(\d{1,9}) (.*)", re.ASCII)
WORD = re.compile(r"[\w']+")


def task_numbers(tasks: str) -> list[int]:
    """The numbers of a list of tasks: "1,3-5" gives [1, 3, 4, 5].

    Args:
      tasks: numbers and ranges, with commas between.

    Returns:
      Each number once, in the order they are first named.

    Raises:
      ValueError: for what is no such list, and for a number that is no task.
    """
    numbers: list[int] = []
    for part in str(tasks).split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"tasks {tasks!r} is not like '3', '1,2,5' or '1-20'")
        numbers += range(int(first), int(last or first) + 1)
    wrong = [number for number in numbers if number not in TASKS]
    if wrong or not numbers:
        first = wrong[0] if wrong else "none"
        raise ValueError(f"tasks {tasks!r} names {first}; choose from 1 to 20")
    return list(dict.fromkeys(numbers))


def _are_tasks(tasks: str) -> str:
    task_numbers(tasks)
    return tasks


@validate_call
def babi(
    tasks: Annotated[str, AfterValidator(_are_tasks)] = "1",
    size: Literal["1k", "10k"] = "1k",
    held_out: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1,
    folder: str | Path | None = None,
) -> Stories:
    """The questions of some of bAbI's tasks together.

    A task has 1,000 training and 1,000 test questions, or with size "10k" 10,000 of
    the former. Sentences are lower-cased and lose their full stop.

    Args:
      tasks: tasks by number: "3", "1,2,5", "1-20".
      size: training questions of a task, 1k or 10k.
      held_out: share of each task's training questions, its last stories, that are the
        development set.
      folder: the data folder; None is the one that ATTNLAB_DATA names.

    Returns:
      The corpus.

    Raises:
      MissingCorpus: where the archive is not in the data folder.
      ValueError: for a task that the archive lacks, and for lines of another form.
    """
    relative, inside = ARCHIVES[size]
    path = corpus_file(relative, upstream=UPSTREAM, folder=folder)
    train, dev, test = [], [], []
    with opened_tar(path) as archive:
        files = _files(archive.getnames(), inside)

        def read(task: int, split: str) -> list[list[StoryQuestion]]:
            if (task, split) not in files:
                there = ", ".join(str(k) for k, name in sorted(files) if name == split)
                raise ValueError(f"task {task} is not in {path}; choose {there}")
            name = files[task, split]
            content = read_member(archive, archive.getmember(name), path)
            where = f"{path}:{name}"
            if content is None:
                raise ValueError(f"{where} is no file")
            return parse(decoded(content, where), str(task), where)

        for task in task_numbers(tasks):
            first, last = split_off(read(task, "train"), held_out)
            train += first
            dev += last
            test += [question for story in read(task, "test") for question in story]
    about = f"bAbI v1.2, English, {size}, tasks {tasks}; CC BY 3.0, {UPSTREAM}"
    return Stories("babi", train, dev, test, about)


def _files(names: Iterable[str], inside: str) -> dict[tuple[int, str], str]:
    """Files of an archive's folder by (task, "train" or "test")."""
    form = re.compile(rf".*/{inside}/qa(\d+)_.*_(train|test)\.txt")
    matches = filter(None, map(form.fullmatch, names))
    return {(int(match[1]), match[2]): match[0] for match in matches}


def parse(lines: Iterable[str], task: str, where: str) -> list[list[StoryQuestion]]:
    """The questions of each story in a file of bAbI.

    Args:
      lines: `n sentence` or `n question<TAB>answer<TAB>supporting n`; a story begins
        where n is 1. Questions are not part of the story that later ones are about.
      task: the kind of the questions.
      where: the file's name, for errors.

    Returns:
      A list of questions for each story.

    Raises:
      ValueError: for a line that is neither; it is named.
    """
    stories: list[list[StoryQuestion]] = []
    story: list[Sentence] = []
    places: dict[int, int] = {}  # number of a line -> place of its sentence
    for count, line in enumerate(lines, 1):
        match = LINE.fullmatch(line.strip())
        if not match:
            raise ValueError(f"{where}:{count}: no number and sentence: {line[:60]!r}")
        number, text = int(match[1]), match[2]
        if number == 1:
            stories.append([])
            story, places = [], {}
        if "\t" not in text:
            places[number] = len(story)
            story.append(words_of(text))
            continue
        try:
            asked, answer, supporting = text.split("\t")
            facts = frozenset(places[int(fact)] for fact in supporting.split())
            words, answer = words_of(asked), entry_of(answer)
            if not (words and answer):
                raise ValueError
            question = StoryQuestion(tuple(story), words, answer, facts, task)
            stories[-1].append(question)
        except (ValueError, KeyError, IndexError):
            raise ValueError(
                f"{where}:{count}: no question, answer and earlier sentences: "
                f"{line[:60]!r}"
            ) from None
    return stories


def words_of(text: str) -> Sentence:
    """The words of a sentence, lower-cased and without punctuation.

    Args:
      text: the sentence as it is written.

    Returns:
      Its words.
    """
    return tuple(find_words(WORD, text.lower()))


def entry_of(answer: str) -> str:
    """An answer as the vocabulary has it.

    Args:
      answer: as it is written; "New York" is one answer.

    Returns:
      It in lower case, with "_" for its blanks.
    """
    return "_".join(answer.lower().split())


def split_off(
    stories: Sequence[Sequence[StoryQuestion]], share: float
) -> tuple[list[StoryQuestion], list[StoryQuestion]]:
    """Training and development questions: whole stories are held out, from the end.

    Args:
      stories: the questions of each story.
      share: of the questions to hold out, in (0, 1).

    Returns:
      All but the last stories' questions, and theirs: the fewest stories that hold the
      share.
    """
    wanted = share * sum(map(len, stories))
    place = len(stories)
    held = 0
    while held < wanted:
        place -= 1
        held += len(stories[place])

    def flat(part):
        return [question for story in part for question in story]

    return flat(stories[:place]), flat(stories[place:])
