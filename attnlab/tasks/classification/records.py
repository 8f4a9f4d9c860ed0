"""The records of labeled text: a sentence, a whole corpus."""

from typing import NamedTuple


class LabeledSentence(NamedTuple):
    """Words with their class.

    Attributes:
      words: the tokens.
      label: the class, from 0.
      evidence: positions of the words that decide it; empty where that is not known.
    """

    words: tuple[str, ...]
    label: int
    evidence: frozenset[int] = frozenset()


class Labeled(NamedTuple):
    """Labeled text in three splits.

    Attributes:
      name: the corpus's.
      train: sentences to learn from.
      dev: sentences that choose the checkpoint.
      test: sentences that are reported on.
      classes: names of the labels 0, 1, ...
      about: what the text is and how it was made ready, in a line or two.
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
