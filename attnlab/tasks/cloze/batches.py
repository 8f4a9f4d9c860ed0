"""Cloze questions as padded batches, their entities renumbered for every use.

A name that is always the same word could be learned by heart, and then the passage need
not be read. So entities are numbered anew each time a question is trained on
(Hermann et al. 2015), or always by first occurrence (Chen et al. 2016).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from attnlab.tasks.cloze.questions import PLACEHOLDER, ClozeQuestion, is_entity
from attnlab.text.batching import Batches, Shape
from attnlab.text.bucket_widths import choose_widths
from attnlab.text.vocabulary import EOS, PAD, SPECIALS, Vocabulary

FIRST = len(SPECIALS) + 1  # the id of entity 0: after the placeholder's

Numbering = Literal["permuted", "first"]


class ClozeBatch(NamedTuple):
    """B questions: words, EOS, PAD.

    passage: [B, S] int32. query: [B, T] int32.
    passage_lengths, query_lengths: [B], EOS counted; 0 for a filler row.
    answer: [B] int32, a slot in [0, E); the word of slot n is FIRST + n.
    candidates: [B, E] bool, the slots of the passage's entities.
    """

    passage: np.ndarray
    passage_lengths: np.ndarray
    query: np.ndarray
    query_lengths: np.ndarray
    answer: np.ndarray
    candidates: np.ndarray


class EncodedQuestions(NamedTuple):
    """A question as ids without EOS, its entities numbered by first occurrence.

    passage, query: ids. answer: the slot of the answer.
    candidates: entities of the passage; it comes first, so their slots are 0 to
      candidates - 1.
    """

    passage: list[int]
    query: list[int]
    answer: int
    candidates: int


def make_vocabulary(
    questions: Sequence[ClozeQuestion], slots: int, max_size: int, min_count: int
) -> Vocabulary:
    """The placeholder, the entities, and the most frequent words of some questions.

    Args:
      questions: whose words are counted.
      slots: entities.
      max_size: words, at most, neither entities nor special tokens counted.
      min_count: rarer words are left out.

    Returns:
      The vocabulary.
    """
    counts = Counter(
        word
        for question in questions
        for word in (*question.passage, *question.query)
        if not is_entity(word) and word not in (PLACEHOLDER, *SPECIALS)
    )
    # Words of one count by name: the vocabulary must not depend on the order of texts.
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [word for word, count in ranked[:max_size] if count >= min_count]
    return Vocabulary([PLACEHOLDER, *(f"@entity{n}" for n in range(slots)), *words])


def slots_of(questions: Iterable[ClozeQuestion]) -> int:
    """The most entities of one question.

    Args:
      questions: any number but none.

    Returns:
      E, the slots that entities are numbered by.
    """
    return max(len(question.entities) for question in questions)


def encode(question: ClozeQuestion, vocabulary: Vocabulary) -> EncodedQuestions:
    """The ids of a question; unknown words are UNK.

    Args:
      question: its answer is an entity of passage or query.
      vocabulary: of `make_vocabulary`.

    Returns:
      The question as ids.
    """
    # By first occurrence: which numbers the file had says nothing.
    numbers = {name: f"@entity{n}" for n, name in enumerate(question.entities)}

    def ids(words: Sequence[str]) -> list[int]:
        return vocabulary.encode([numbers.get(word, word) for word in words]).ids

    answer = question.entities.index(question.answer)
    return EncodedQuestions(
        ids(question.passage), ids(question.query), answer, len(question.candidates)
    )


def collate(
    encoded: Sequence[EncodedQuestions], shape: Shape, slots: int, numbers: np.ndarray
) -> ClozeBatch:
    """A batch of questions.

    Args:
      encoded: the questions of its first rows; those after them are fillers.
      shape: of the batch.
      slots: E.
      numbers: [B, E]; row k calls entity n of its question `numbers[k, n]`.

    Returns:
      The batch.
    """
    passage, passage_lengths = _padded(
        [question.passage for question in encoded], shape.rows, shape.source
    )
    query, query_lengths = _padded(
        [question.query for question in encoded], shape.rows, shape.target
    )
    # Fillers answer slot 0 and have no candidates; their length of 0 keeps them out
    # of every sum.
    answer = np.zeros(shape.rows, np.int32)
    candidates = np.zeros((shape.rows, slots), bool)
    for row, question in enumerate(encoded):
        answer[row] = numbers[row, question.answer]
        # The passage's entities come first, so theirs are the first numbers.
        candidates[row, numbers[row, : question.candidates]] = True
    return ClozeBatch(
        _renamed(passage, numbers),
        passage_lengths,
        _renamed(query, numbers),
        query_lengths,
        answer,
        candidates,
    )


def _padded(
    sentences: Sequence[list[int]], rows: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ids [rows, width], each row closed by EOS, and lengths [rows]."""
    ids, lengths = np.full((rows, width), PAD, np.int32), np.zeros(rows, np.int32)
    for row, sentence in enumerate(sentences):
        lengths[row] = len(sentence) + 1
        ids[row, : lengths[row]] = (*sentence, EOS)
    return ids, lengths


def _renamed(ids: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Ids [B, S] with entity n of row b called `numbers[b, n]` [B, E]."""
    # Entities are the ids from FIRST on, so that a slot is a difference.
    slots = ids - FIRST
    is_name = (slots >= 0) & (slots < numbers.shape[1])
    # Slot 0 for other words, whose result is thrown away below.
    new = np.take_along_axis(numbers, np.where(is_name, slots, 0), axis=1)
    return np.where(is_name, FIRST + new, ids).astype(np.int32)


class QuestionBatches:
    """Training batches without end: `at(step)`, of which `len` make an epoch.

    Widths of passages are chosen for least padding (`choose_widths`), at most `shapes`
    of them; passages longer than `longest`, EOS counted, are left out. Order and
    numbers are a function of (seed, step), shapes of step alone.
    """

    def __init__(
        self,
        encoded: Sequence[EncodedQuestions],
        *,
        slots: int,
        rows: int,
        shapes: int = 4,
        longest: int = 1000,
        numbering: Numbering = "permuted",
        seed: int = 0,
    ):
        self._encoded, self._slots, self._seed = encoded, slots, seed
        self._permuted = numbering == "permuted"
        # A passage is a source and a query a target, so that `Batches` can order them.
        pairs = [(question.passage, question.query) for question in encoded]
        # The query's length is 1 for all: it takes no part in choosing widths.
        lengths = np.array([(len(passage) + 1, 1) for passage, _ in pairs])
        fitting = lengths[lengths[:, 0] <= longest]
        widths = []
        if len(fitting):
            widths = choose_widths(fitting, shapes, lambda passage, query: rows)
        # Queries are short: all are padded to one width, or shapes would multiply.
        query = max(len(ids) for _, ids in pairs) + 1
        all_shapes = [Shape(rows, passage, query) for passage, _ in widths]
        self._order = Batches(pairs, all_shapes, longest, seed)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def dropped(self) -> int:
        """Questions that are left out as their passages are too long."""
        return self._order.dropped

    @property
    def widths(self) -> list[int]:
        """The padded lengths of passages that occur, narrowest first."""
        return sorted({shape.source for shape in self._order.shapes})

    def at(self, step: int) -> ClozeBatch:
        """The batch of a training step.

        Args:
          step: counted from 0 over all epochs.

        Returns:
          The batch.
        """
        shape, members = self._order.planned(step)
        numbers = np.tile(np.arange(self._slots), (shape.rows, 1))  # [B, E]
        if self._permuted:
            # 1: a stream apart from the one that orders the questions.
            rng = np.random.Generator(np.random.Philox([self._seed, step, 1]))
            numbers = rng.permuted(numbers, axis=1)
        chosen = [self._encoded[n] for n in members]
        return collate(chosen, shape, self._slots, numbers)


def in_order(
    encoded: Sequence[EncodedQuestions],
    rows: int,
    widths: Sequence[int],
    *,
    slots: int,
    numbering: Numbering = "permuted",
) -> list[tuple[np.ndarray, np.ndarray, ClozeBatch]]:
    """Every question once, for evaluation, those of short passages first.

    Entities are numbered as in training, but each question's in one way that never
    changes.

    Args:
      encoded: the questions.
      rows: of a batch.
      widths: a batch is as wide as the first of these that holds it, or else a multiple
        of 64.
      slots: E.
      numbering: as in training.

    Returns:
      (indices, numbers, batch): row k of the batch is question `indices[k]` with entity
      n called `numbers[k, n]`; rows after those are fillers.
    """
    # Stable: equal lengths stay in order, and so does each question's batch.
    order = np.argsort([len(question.passage) for question in encoded], kind="stable")
    query = max((len(question.query) for question in encoded), default=0) + 1
    query = -(-query // 8) * 8  # up to a multiple of 8: few widths, as each is compiled
    batches = []
    for start in range(0, len(order), rows):
        members = order[start : start + rows]
        longest = len(encoded[members[-1]].passage) + 1
        fits = [width for width in widths if width >= longest]
        shape = Shape(rows, fits[0] if fits else -(-longest // 64) * 64, query)
        numbers = np.tile(np.arange(slots), (rows, 1))
        if numbering == "permuted":
            for row, n in enumerate(members):
                # Seeded by the question's number alone: dev scores of all steps are of
                # the same names and differ by the parameters only.
                numbers[row] = np.random.default_rng(n).permutation(slots)
        chosen = [encoded[n] for n in members]
        batches.append((members, numbers, collate(chosen, shape, slots, numbers)))
    return batches
