"""Questions over stories with the sentences that answer them, and their batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnlab.text.vocabulary import PAD, Vocabulary

Sentence = tuple[str, ...]


class StoryQuestion(NamedTuple):
    """A question after a story.

    Attributes:
      story: its sentences, the oldest first.
      question: the words of the question.
      answer: one entry of the vocabulary, even where it lists several things
        ("apple,milk").
      facts: the sentences that support the answer, counted from 0.
      task: the question's kind.
    """

    story: tuple[Sentence, ...]
    question: Sentence
    answer: str
    facts: frozenset[int]
    task: str


class Stories(NamedTuple):
    """A corpus of questions in three splits; `about` says what it is."""

    name: str
    train: Sequence[StoryQuestion]
    dev: Sequence[StoryQuestion]
    test: Sequence[StoryQuestion]
    about: str


class StoryBatch(NamedTuple):
    """B questions as numbers, int32. A filler row has length 0 and the answer PAD.

    Attributes:
      texts: [U, L], the ids of all distinct sentences of the corpus, PAD behind, the
        empty one first. A story says the same few things again and again, and each is
        embedded once.
      stories: [B, S], which texts the latest S sentences of a story are, the oldest
        first, 0 behind.
      lengths: [B], how many sentences those are.
      questions: [B], which text the question is.
      answers: [B], the id of the answer.
    """

    texts: np.ndarray
    stories: np.ndarray
    lengths: np.ndarray
    questions: np.ndarray
    answers: np.ndarray


def vocabulary_of(questions: Sequence[StoryQuestion]) -> Vocabulary:
    """Every word of the stories, the questions and the answers.

    Args:
      questions: those of the training set.

    Returns:
      The vocabulary.
    """
    stories = {question.story for question in questions}
    sentences = {sentence for story in stories for sentence in story}
    sentences |= {question.question for question in questions}
    answers = ((question.answer,) for question in questions)
    return Vocabulary.build([*sentences, *answers])


class Widths(NamedTuple):
    """Places of a padded story and of a padded sentence, which models depend on.

    Empty places of a memory may share its weights, and the position encoding of the
    released code counts from the longest sentence.

    Attributes:
      sentences: S.
      words: L.
    """

    sentences: int
    words: int


def widths_of(splits: Sequence[Sequence[StoryQuestion]], memory: int) -> Widths:
    """The widths that hold a whole corpus.

    Args:
      splits: questions of each split.
      memory: sentences kept of a story; S is at most that, and at least 1.

    Returns:
      The widths.
    """
    questions = {question for split in splits for question in split}
    sentences = {q.question for q in questions}
    sentences |= {sentence for q in questions for sentence in q.story}
    size = min(memory, max((len(q.story) for q in questions), default=0))
    return Widths(size or 1, max(map(len, sentences), default=0))


def encode(
    splits: Sequence[Sequence[StoryQuestion]], vocabulary: Vocabulary, widths: Widths
) -> list[StoryBatch]:
    """Each split as one batch, all with the same texts.

    Args:
      splits: questions of each split.
      vocabulary: the words; others become UNK.
      widths: S, of longer stories the latest sentences stay; and L, that no sentence
        may exceed.

    Returns:
      A batch a split.
    """
    every = [question for split in splits for question in split]
    size = widths.sentences
    places: dict[Sentence, int] = {(): 0}
    for question in every:
        for sentence in (*question.story, question.question):
            places.setdefault(sentence, len(places))
    texts = np.full((len(places), widths.words), PAD, np.int32)
    for sentence, place in places.items():
        texts[place, : len(sentence)] = vocabulary.encode(sentence).ids

    def encoded(questions: Sequence[StoryQuestion]) -> StoryBatch:
        stories = np.zeros((len(questions), size), np.int32)
        for row, question in enumerate(questions):
            latest = question.story[first_remembered(question, size) :]
            stories[row, : len(latest)] = [places[sentence] for sentence in latest]
        lengths = [min(len(question.story), size) for question in questions]
        asked = [places[question.question] for question in questions]
        answers = vocabulary.encode([question.answer for question in questions]).ids
        numbers = (np.array(part, np.int32) for part in (lengths, asked, answers))
        return StoryBatch(texts, stories, *numbers)

    return [encoded(split) for split in splits]


def first_remembered(question: StoryQuestion, memory: int) -> int:
    """The oldest sentence of a story that a memory still holds.

    Args:
      question: the question with its story.
      memory: sentences that the memory holds.

    Returns:
      The sentence, counted from 0.
    """
    return max(len(question.story) - memory, 0)


def gold_of(questions: Sequence[StoryQuestion], memory: int) -> np.ndarray:
    """Which places of the memory hold a supporting fact.

    Args:
      questions: N questions.
      memory: places, S.

    Returns:
      [N, S] bool.
    """
    gold = np.zeros((len(questions), memory), bool)
    for row, question in enumerate(questions):
        first = first_remembered(question, memory)
        for fact in question.facts:
            if fact >= first:
                gold[row, fact - first] = True
    return gold


def rows_of(batch: StoryBatch, rows: np.ndarray, size: int) -> StoryBatch:
    """Some rows of a batch, filled up to a size.

    Args:
      batch: the rows to choose from.
      rows: their numbers.
      size: rows of the result, B; fillers come last.

    Returns:
      The smaller batch.
    """
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
        """The batch of an update.

        Args:
          step: updates before it.

        Returns:
          B = `size` questions, fillers among them where the corpus has fewer.
        """
        epoch, place = divmod(step, len(self))
        if epoch != self._epoch:
            # Seeds may be negative, which numpy's generators are not.
            rng = np.random.default_rng([self._seed % 2**32, epoch])
            self._order = rng.permutation(len(self._questions.answers))
            self._epoch = epoch
        rows = self._order[place * self._size :][: self._size]
        return rows_of(self._questions, rows, self._size)
