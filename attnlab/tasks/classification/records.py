"""The records of labeled text: an example, a whole corpus."""

from typing import NamedTuple


class LabeledSentence(NamedTuple):
    """Words with their class, and where the words stand that decide it, if known."""

    words: tuple[str, ...]
    label: int
    evidence: frozenset[int] = frozenset()


class Labeled(NamedTuple):
    """Labeled text in three splits; `classes` names the labels 0, 1, ...

    `about` says in a line or two what the text is and how it was made ready.
    """

    name: str
    train: list[LabeledSentence]
    dev: list[LabeledSentence]
    test: list[LabeledSentence]
    classes: tuple[str, ...]
    about: str


SENTIMENTS = {
    2: ("negative", "positive"),
    5: ("very negative", "negative", "neutral", "positive", "very positive"),
}
