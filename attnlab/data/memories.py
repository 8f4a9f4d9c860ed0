"""Questions over stories with the sentences that answer them, and their batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.data.vocab import PAD, UNK, Vocabulary

Sentence = tuple[str, ...]


class Question(NamedTuple):
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
    train: Sequence[Question]
    dev: Sequence[Question]
    test: Sequence[Question]
    about: str


class Batch(NamedTuple):
    """B questions as ids, PAD behind. A filler row has length 0 and the answer PAD.

    sentences [B, S, L], the latest S of a story, oldest first; lengths [B], how many
    those are; questions [B, L]; answers [B]. All int32.
    """

    sentences: np.ndarray
    lengths: np.ndarray
    questions: np.ndarray
    answers: np.ndarray


class Widths(NamedTuple):
    """Sentences S of a memory and words L of a sentence."""

    memory: int
    words: int


def widths_of(splits: Sequence[Sequence[Question]], memory: int) -> Widths:
    """The widths that all questions of all splits fit in: stories beyond `memory`
    sentences lose their oldest ones, so one shape serves everything."""
    every = [question for split in splits for question in split]
    sizes = [len(one.story) for one in every]
    words = [len(s) for one in every for s in (*one.story, one.question)]
    return Widths(min(memory, max(sizes, default=0)) or 1, max(words, default=1))


def vocabulary_of(questions: Sequence[Question]) -> Vocabulary:
    """Every word of the stories, the questions and the answers."""
    stories = {one.story for one in questions}
    sentences = {sentence for story in stories for sentence in story}
    sentences |= {one.question for one in questions}
    return Vocabulary.build([*sentences, *((one.answer,) for one in questions)])


def encode(
    questions: Sequence[Question], vocabulary: Vocabulary, widths: Widths
) -> Batch:
    """All questions as one batch."""
    count = len(questions)
    batch = Batch(
        np.full((count, *widths), PAD, np.int32),
        np.zeros(count, np.int32),
        np.full((count, widths.words), PAD, np.int32),
        np.full(count, UNK, np.int32),
    )
    known: dict[Sentence, list[int]] = {}

    def ids(sentence: Sentence) -> list[int]:
        if sentence not in known:
            known[sentence] = vocabulary.encode(sentence).ids
        return known[sentence]

    for row, one in enumerate(questions):
        kept = one.story[first_kept(one, widths.memory) :]
        for place, sentence in enumerate(kept):
            batch.sentences[row, place, : len(sentence)] = ids(sentence)
        batch.lengths[row] = len(kept)
        batch.questions[row, : len(one.question)] = ids(one.question)
        batch.answers[row] = ids((one.answer,))[0]
    return batch


def first_kept(question: Question, memory: int) -> int:
    """The oldest sentence of a story that a memory of that size still holds."""
    return max(len(question.story) - memory, 0)


def gold_of(questions: Sequence[Question], memory: int) -> np.ndarray:
    """[N, memory] bool: which places of the memory hold a supporting fact."""
    gold = np.zeros((len(questions), memory), bool)
    for row, one in enumerate(questions):
        first = first_kept(one, memory)
        for fact in one.facts:
            if fact >= first:
                gold[row, fact - first] = True
    return gold


def rows_of(batch: Batch, rows: np.ndarray, size: int) -> Batch:
    """`size` rows: those numbered `rows`, then fillers."""
    missing = size - len(rows)

    def part(array):
        return np.concatenate(
            [array[rows], np.zeros_like(array[:1]).repeat(missing, 0)]
        )

    return Batch(*map(part, batch))


class Batches:
    """Training batches without end, all of one shape: `batches.at(step)`.

    An epoch is a new order of the questions, of which it leaves out those that fill no
    batch; the order is a function of (seed, epoch) alone.
    """

    def __init__(self, questions: Batch, size: int, seed: int):
        if not len(questions.answers):
            raise ValueError("no questions to batch")
        self._questions, self._size, self._seed = questions, size, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def __len__(self) -> int:
        return max(len(self._questions.answers) // self._size, 1)

    def at(self, step: int) -> Batch:
        epoch, place = divmod(step, len(self))
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed % 2**32, epoch])
            self._order = rng.permutation(len(self._questions.answers))
            self._epoch = epoch
        rows = self._order[place * self._size :][: self._size]
        return rows_of(self._questions, rows, self._size)
