"""Questions over stories with the sentences that answer them, and their batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.vocabulary import PAD, Vocabulary

Sentence = tuple[str, ...]


class StoryQuestion(NamedTuple):
    """A question after a story, oldest sentence first.

    `facts` are the supporting sentences, 0-based; `answer` is one entry of the
    vocabulary even where it lists several things ("apple,milk"). `task` is its kind.
    """

    story: tuple[Sentence, ...]
    question: Sentence
    answer: str
    facts: frozenset[int]
    task: str


class Stories(NamedTuple):
    """A corpus of questions."""

    name: str
    train: Sequence[StoryQuestion]
    dev: Sequence[StoryQuestion]
    test: Sequence[StoryQuestion]
    about: str


class StoryBatch(NamedTuple):
    """B questions as numbers. A filler row has length 0 and the answer PAD.

    texts [U, L]: the ids of all distinct sentences of the corpus, PAD behind, the empty
      one first; a story says the same few things again and again, and each is embedded
      once.
    stories [B, S]: which texts the latest S sentences of a story are, oldest first, 0
      behind; lengths [B]: how many they are; questions [B]: which text; answers [B].
    """

    texts: np.ndarray
    stories: np.ndarray
    lengths: np.ndarray
    questions: np.ndarray
    answers: np.ndarray


def vocabulary_of(questions: Sequence[StoryQuestion]) -> Vocabulary:
    """Every word of the stories, the questions and the answers."""
    stories = {one.story for one in questions}
    sentences = {sentence for story in stories for sentence in story}
    sentences |= {one.question for one in questions}
    return Vocabulary.build([*sentences, *((one.answer,) for one in questions)])


def encode(
    splits: Sequence[Sequence[StoryQuestion]], vocabulary: Vocabulary, memory: int
) -> list[StoryBatch]:
    """Each split as one batch, all of one width: stories beyond `memory` sentences lose
    their oldest ones."""
    every = [question for split in splits for question in split]
    size = min(memory, max((len(one.story) for one in every), default=0)) or 1
    places: dict[Sentence, int] = {(): 0}
    for one in every:
        for sentence in (*one.story, one.question):
            places.setdefault(sentence, len(places))
    texts = np.full((len(places), max(map(len, places))), PAD, np.int32)
    for sentence, place in places.items():
        texts[place, : len(sentence)] = vocabulary.encode(sentence).ids

    def encoded(questions: Sequence[StoryQuestion]) -> StoryBatch:
        stories = np.zeros((len(questions), size), np.int32)
        for row, one in enumerate(questions):
            kept = [places[sentence] for sentence in one.story[first_kept(one, size) :]]
            stories[row, : len(kept)] = kept
        lengths = [min(len(one.story), size) for one in questions]
        asked = [places[one.question] for one in questions]
        answers = vocabulary.encode([one.answer for one in questions]).ids
        numbers = (np.array(part, np.int32) for part in (lengths, asked, answers))
        return StoryBatch(texts, stories, *numbers)

    return [encoded(split) for split in splits]


def first_kept(question: StoryQuestion, memory: int) -> int:
    """The oldest sentence of a story that a memory of that size still holds."""
    return max(len(question.story) - memory, 0)


def gold_of(questions: Sequence[StoryQuestion], memory: int) -> np.ndarray:
    """[N, memory] bool: which places of the memory hold a supporting fact."""
    gold = np.zeros((len(questions), memory), bool)
    for row, one in enumerate(questions):
        first = first_kept(one, memory)
        for fact in one.facts:
            if fact >= first:
                gold[row, fact - first] = True
    return gold


def rows_of(batch: StoryBatch, rows: np.ndarray, size: int) -> StoryBatch:
    """`size` rows: those numbered `rows`, then fillers."""
    missing = size - len(rows)

    def part(array):
        fillers = np.zeros((missing, *array.shape[1:]), array.dtype)
        return np.concatenate([array[rows], fillers])

    return StoryBatch(batch.texts, *map(part, batch[1:]))


class StoryBatches:
    """Training batches without end, all of one shape: `batches.at(step)`.

    An epoch is a new order of the questions, of which it leaves out those that fill no
    batch; the order is a function of (seed, epoch) alone.
    """

    def __init__(self, questions: StoryBatch, size: int, seed: int):
        if not len(questions.answers):
            raise ValueError("no questions to batch")
        self._questions, self._size, self._seed = questions, size, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __len__(self) -> int:
        return max(len(self._questions.answers) // self._size, 1)

    def at(self, step: int) -> StoryBatch:
        epoch, place = divmod(step, len(self))
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed % 2**32, epoch])
            self._order = rng.permutation(len(self._questions.answers))
            self._epoch = epoch
        rows = self._order[place * self._size :][: self._size]
        return rows_of(self._questions, rows, self._size)
