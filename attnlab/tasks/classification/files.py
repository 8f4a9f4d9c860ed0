"""Your own labeled text: lines of a label and a text."""

import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import validate_call

from attnlab.parsing import near
from attnlab.tasks.classification.records import Labeled, LabeledSentence
from attnlab.text.example_files import (
    ExampleLine,
    HeldOut,
    Keyed,
    origin,
    read_examples,
    read_splits,
)
from attnlab.text.words import split_words, tokenize

COLUMNS = ("label", "text")
NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)


class _Example(NamedTuple):
    """A line of a file: where it stands, its label and its words."""

    where: str
    label: str
    words: tuple[str, ...]


@validate_call
def labeled_files(
    *,
    train: str | None = None,
    dev: str | None = None,
    test: str | None = None,
    held_out: HeldOut = 0.1,
    tokenized: bool = False,
) -> Labeled:
    """Your own labeled text, of any number of classes.

    Args:
      train: a file of two tab-separated columns, label and text, or of JSON lines
        {"label": ..., "text": ...}; several with commas between.
      dev: the same, to choose the best checkpoint by; held out of train where it is not
        given.
      test: the same, to judge it by; likewise.
      held_out: share of the training texts that is held out for dev, and for test.
      tokenized: texts are cut into words at blanks; else lower-cased, and punctuation
        cut off.

    Returns:
      The corpus; its classes are the labels of train in order.

    Raises:
      ValueError: for a line without label or text, a label that train has not, and for
        fewer than two labels; the line is named.
      FileNotFoundError: for a file that is not there.
    """

    def read(paths: str) -> Keyed[_Example]:
        lines = read_examples(paths, COLUMNS)
        return [(line.text("text"), _example(line, tokenized)) for line in lines]

    splits = read_splits(read, train, dev, test, held_out, stays=_first_of_each_label)
    classes = _in_order({example.label for example in splits["train"]})
    if len(classes) < 2:
        only = "".join(classes)
        raise ValueError(f"all texts of {train} are {only!r:.40}; give two labels")
    if len(classes) == len(splits["train"]) > 2:
        raise ValueError(
            f"each of the {len(classes)} texts of {train} has a label of its own, such "
            f"as {classes[0]!r:.40}; the columns are label<TAB>text"
        )
    numbers = {label: number for number, label in enumerate(classes)}
    for example in (*splits["dev"], *splits["test"]):
        if example.label not in numbers:
            choices = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
            raise ValueError(
                f"{example.where}: no text of train has the label "
                f"{example.label!r:.40}{near(example.label, classes)}; they have "
                f"{choices}"
            )
    sentences = {
        name: [LabeledSentence(each.words, numbers[each.label]) for each in examples]
        for name, examples in splits.items()
    }
    about = origin(train, dev, test)
    return Labeled("files", **sentences, classes=classes, about=about)


def _example(line: ExampleLine, tokenized: bool) -> _Example:
    label = line.get("label")
    # Classes are often numbers, which JSON does not quote; True is one to Python.
    whole = isinstance(label, int) and not isinstance(label, bool)
    words = words_of(line.text("text"), tokenized)
    return _Example(line.where, str(label) if whole else line.text("label"), words)


def words_of(text: str, tokenized: bool) -> tuple[str, ...]:
    """The words of a text.

    Args:
      text: of some signs.
      tokenized: cut at blanks; else into lower-cased words and punctuation.

    Returns:
      The words, interned.
    """
    words = split_words(text) if tokenized else tokenize(text)
    return tuple(map(sys.intern, words))


def _first_of_each_label(keyed: Keyed[_Example]) -> set[str]:
    """A text of each label, so that a rare one is not all held out."""
    first = {example.label: text for text, example in sorted(keyed, reverse=True)}
    return set(first.values())


def _in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """By number where all are numbers, by letters else."""
    labels = sorted(labels)
    if all(map(NUMBER.fullmatch, labels)):
        labels.sort(key=int)
    return tuple(labels)
