"""bAbI's twenty tasks (Weston et al. 2015), version 1.2, read from its archives."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from attnlab.corpora.folder import corpus_file
from attnlab.tasks.memn2n.batches import Sentence, Stories, StoryQuestion
from attnlab.text.read_text import decoded, opened_tar

UPSTREAM = "https://research.facebook.com/downloads/babi/"
ARCHIVES = {
    "1k": ("babi/babi_tasks_v1-2_en_1k.tar.gz", "en"),
    "10k": ("babi/babi_tasks_v1-2_en-10k_part.tar.gz", "en-10k"),
}
TASKS = range(1, 21)
LINE = re.compile(r"(\d+) (.*)")


def babi(
    tasks: str = "1",
    size: str = "1k",
    held_out: float = 0.1,
    folder: str | Path | None = None,
) -> Stories:
    """The questions of `tasks` ("3", "1,2,5", "1-20") together.

    A task has 1,000 training and 1,000 test questions, or with size "10k" 10,000 of
    the former. `held_out` of each task's training questions, its last stories, are the
    development set. Sentences are lower-cased and lose their full stop.
    """
    if size not in ARCHIVES:
        raise ValueError(f"unknown size {size!r} of babi; choose {', '.join(ARCHIVES)}")
    if not 0.0 < held_out < 1.0:
        raise ValueError(f"held_out is {held_out}; it must be between 0 and 1")
    wanted = task_numbers(tasks)
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
            file = archive.extractfile(name)
            assert file is not None
            where = f"{path}:{name}"
            return parse(decoded(file.read(), where), str(task), where)

        for task in wanted:
            kept, held = split_off(read(task, "train"), held_out)
            train += kept
            dev += held
            test += [one for story in read(task, "test") for one in story]
    about = f"bAbI v1.2, English, {size}, tasks {tasks}; CC BY 3.0, {UPSTREAM}"
    return Stories("babi", train, dev, test, about)


def _files(names: Iterable[str], inside: str) -> dict[tuple[int, str], str]:
    """Files of an archive's folder by (task, "train" or "test")."""
    form = re.compile(rf".*/{inside}/qa(\d+)_.*_(train|test)\.txt")
    found = filter(None, map(form.fullmatch, names))
    return {(int(match[1]), match[2]): match[0] for match in found}


def task_numbers(tasks: str) -> list[int]:
    """ "1,3-5" -> [1, 3, 4, 5]; a ValueError names what is no task."""
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


def parse(lines: Iterable[str], task: str, where: str) -> list[list[StoryQuestion]]:
    """The questions of each story in a file of lines `n sentence` or
    `n question<TAB>answer<TAB>supporting n`; ValueError names a line that is neither.

    Questions are not part of the story that later ones are about.
    """
    stories: list[list[StoryQuestion]] = []
    story: list[Sentence] = []
    places: dict[int, int] = {}  # number of a line -> place of its sentence
    for count, line in enumerate(lines, 1):
        found = LINE.fullmatch(line.strip())
        if not found:
            raise ValueError(f"{where}:{count}: no number and sentence: {line!r}")
        number, text = int(found[1]), found[2]
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
            stories[-1].append(
                StoryQuestion(
                    tuple(story), words_of(asked), answer.lower(), facts, task
                )
            )
        except (ValueError, KeyError, IndexError):
            raise ValueError(
                f"{where}:{count}: no question, answer and earlier sentences: {line!r}"
            ) from None
    return stories


def words_of(text: str) -> Sentence:
    """Lower-cased words without punctuation."""
    return tuple(re.findall(r"[\w']+", text.lower()))


def split_off(
    stories: Sequence[Sequence[StoryQuestion]], share: float
) -> tuple[list[StoryQuestion], list[StoryQuestion]]:
    """All but the last stories, and those: the fewest that hold `share` of the
    questions."""
    wanted = share * sum(map(len, stories))
    place = len(stories)
    held = 0
    while held < wanted:
        place -= 1
        held += len(stories[place])

    def flat(part):
        return [one for story in part for one in story]

    return flat(stories[:place]), flat(stories[place:])
