"""Corpora of cloze questions, by name, and baselines that need no learning."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from attnlab.corpora.folder import corpus_file
from attnlab.tasks.cloze.json_questions import read_json_questions
from attnlab.tasks.cloze.questions import (
    PLACEHOLDER,
    Cloze,
    ClozeQuestion,
    is_entity,
    read_questions,
)
from attnlab.tasks.cloze.synthetic import synthetic_cloze
from attnlab.text.example_files import HeldOut, is_json_lines, origin, read_splits

STOPS, LONGEST = frozenset(".?!"), 50  # of sentences that further questions are made of
FOLDS = 5
SPLITS = {"train": "training", "dev": "validation", "test": "test"}
UPSTREAM = {
    "ieer": "https://github.com/nltk/nltk_data (packages/corpora/ieer)",
    "cnn": "https://cs.nyu.edu/~kcho/DMQA",
}


def ieer(
    further: bool = False,
    fold: Annotated[int, Field(ge=0, lt=FOLDS)] | None = None,
    folder: str | Path | None = None,
) -> Cloze:
    """479 questions on 91 newswire texts: 374 / 72 / 33, split by text.

    Made from the names that people marked for NIST IE-ER 1999: a sentence with two or
    more entities is taken out, and one that also occurs elsewhere is asked for.

    Args:
      further: whether the other such sentences of the training texts are asked, too.
      fold: splits anew, into one of five: every fifth text tests, the next of each is
        for development, so that over the folds each question is tested once.
      folder: the data folder; $ATTNLAB_DATA where not given.

    Returns:
      The questions.

    Raises:
      ValueError: for a fold that does not exist, and files that are broken.
      MissingCorpus: where the questions are not in the data folder.
    """
    path = corpus_file(
        "cloze/ieer_cloze.tar.gz", upstream=UPSTREAM["ieer"], folder=folder
    )
    splits = {split: read_questions(path, below) for split, below in SPLITS.items()}
    if fold is not None:
        splits = folded([q for split in splits.values() for q in split], fold)
    if further:
        splits["train"] += asked_further(splits["train"])
    return Cloze("ieer", **splits, about="Newswire of 1998 (NIST IE-ER 1999).")


def folded(
    questions: Sequence[ClozeQuestion], fold: int
) -> dict[str, list[ClozeQuestion]]:
    """Questions split by their texts, as `ieer` has it; all of a text are in one split.

    Args:
      questions: to be split.
      fold: from 0 to FOLDS - 1.

    Returns:
      Questions by split.

    Raises:
      ValueError: for another fold.
    """
    if fold not in range(FOLDS):
        raise ValueError(f"fold is {fold}; choose 0 to {FOLDS - 1}")
    # Sorted, as a set of strings has another order in every process.
    texts = sorted({question.address for question in questions})
    # By text, or the same passage would be in training and test.
    place = {text: (number - fold) % FOLDS for number, text in enumerate(texts)}
    splits = {"test": [0], "dev": [1], "train": range(2, FOLDS)}
    return {
        split: [q for q in questions if place[q.address] in places]
        for split, places in splits.items()
    }


def asked_further(questions: Sequence[ClozeQuestion]) -> list[ClozeQuestion]:
    """More questions on the same passages: all that the rule of `ieer` gives.

    Each sentence of at most LONGEST words with two or more entities is taken out of its
    passage, once for every entity that also occurs elsewhere; those of several passages
    of one text are asked once.

    Args:
      questions: whose passages are asked about.

    Returns:
      The new questions.
    """
    further, asked = [], {question.query for question in questions}
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
                # Every occurrence in the sentence, or it would give the answer away.
                query = tuple(PLACEHOLDER if w == name else w for w in sentence)
                # An answer that the passage does not have cannot be read off.
                if name in rest and query not in asked:
                    asked.add(query)
                    about = f"{question.name}, words {start} to {end - 1}, {name}"
                    further.append(
                        question._replace(
                            name=about, passage=rest, query=query, answer=name
                        )
                    )
    return further


def question_files(
    train: str | None = None,
    dev: str | None = None,
    test: str | None = None,
    held_out: HeldOut = 0.1,
) -> Cloze:
    """Your own questions: JSON lines, or folders or `.tar.gz` of `.question` files.

    Args:
      train: the training questions: a file of JSON lines {"passage": ..., "question":
        "@placeholder ...", "answer": ..., "candidates": [...]}, or several with commas
        between; or a folder or archive, which has, where it is alone, the folders
        training, validation and test of the CNN and Daily Mail questions inside.
      dev: the development questions; of JSON lines held out of train where it is not
        given.
      test: the test questions; likewise.
      held_out: share of the passages of JSON lines that is held out for dev, and for
        test.

    Returns:
      The questions.

    Raises:
      ValueError: where a path is missing here, or a file is malformed.
      FileNotFoundError: where there is no such path.
    """
    if train is None:
        raise ValueError("the questions 'files' need train, such as cnn/questions")
    if is_json_lines(train):
        splits = read_splits(read_json_questions, train, dev, test, held_out)
        return Cloze("files", **splits, about=origin(train, dev, test))
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

    The baseline "maximum frequency" of Hermann et al. 2015.

    Args:
      questions: to be answered.

    Returns:
      A truth value for each.
    """
    return [
        max(question.candidates, key=question.passage.count) == question.answer
        for question in questions
    ]


def exclusive_frequency(questions: Sequence[ClozeQuestion]) -> list[bool]:
    """As `most_frequent`, among the entities that the query does not mention.

    The baseline "exclusive frequency" of Hermann et al. 2015.

    Args:
      questions: to be answered.

    Returns:
      A truth value for each.
    """
    return [
        max(
            [name for name in question.candidates if name not in question.query]
            # The query may name all of them; then no guess is right.
            or ("",),
            key=question.passage.count,
        )
        == question.answer
        for question in questions
    ]


def chance(questions: Sequence[ClozeQuestion]) -> float:
    """The expected accuracy of guessing one of a passage's entities.

    Args:
      questions: to be answered.

    Returns:
      A mean in [0, 1].
    """
    guesses = [1 / len(question.candidates) for question in questions]
    return sum(guesses) / len(questions)


CORPORA: dict[str, Callable[..., Cloze]] = {
    "synthetic": synthetic_cloze,
    "ieer": ieer,
    "files": question_files,
}
