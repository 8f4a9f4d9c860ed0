"""Cloze questions as padded batches, their entities renamed for every use.

A name that always were the same word could be learned by heart, and then the passage
need not be read. So entities are numbered anew each time a question is trained on
(Hermann et al. 2015), or always by first occurrence (Chen et al. 2016).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from attnlab.tasks.cloze.corpora import PLACEHOLDER, ClozeQuestion, is_entity
from attnlab.text.batching import Batches, Shape
from attnlab.text.bucket_widths import choose_widths
from attnlab.text.vocabulary import EOS, PAD, SPECIALS, Vocabulary

FIRST = len(SPECIALS) + 1  # the id of entity 0: after the placeholder's
NUMBERINGS = ("permuted", "first")


class ClozeBatch(NamedTuple):
    """B questions: words, EOS, PAD. Lengths count EOS; a filler row has 0.

    passage [B, S], query [B, T] int32 with their lengths [B]. answer [B] int32 is a
    slot in [0, E): that of entity n is word FIRST + n. candidates [B, E] bool are the
    slots of the passage's entities.
    """

    passage: np.ndarray
    passage_lengths: np.ndarray
    query: np.ndarray
    query_lengths: np.ndarray
    answer: np.ndarray
    candidates: np.ndarray


class EncodedQuestions(NamedTuple):
    """A question as ids without EOS, its entities numbered by first occurrence.

    The passage comes first, so slots 0 to candidates - 1 are those of its entities.
    """

    passage: list[int]
    query: list[int]
    answer: int
    candidates: int


def make_vocabulary(
    questions: Sequence[ClozeQuestion], slots: int, max_size: int, min_count: int
) -> Vocabulary:
    """The placeholder, `slots` entities, and the most frequent words of `questions`.

    `max_size` counts the words alone, neither entities nor the special tokens.
    """
    counts = Counter(
        word
        for question in questions
        for word in (*question.passage, *question.query)
        if not is_entity(word) and word not in (PLACEHOLDER, *SPECIALS)
    )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = [word for word, count in ranked[:max_size] if count >= min_count]
    return Vocabulary([PLACEHOLDER, *(f"@entity{n}" for n in range(slots)), *kept])


def slots_of(questions: Iterable[ClozeQuestion]) -> int:
    """The most entities of one question."""
    return max(len(question.entities) for question in questions)


def encode(question: ClozeQuestion, vocabulary: Vocabulary) -> EncodedQuestions:
    """The ids of a question; unknown words are UNK."""
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
    """A batch of `shape` whose row k calls entity n of its question `numbers[k, n]`."""
    passage, passage_lengths = _padded(
        [one.passage for one in encoded], shape.rows, shape.source
    )
    query, query_lengths = _padded(
        [one.query for one in encoded], shape.rows, shape.target
    )
    answer = np.zeros(shape.rows, np.int32)
    candidates = np.zeros((shape.rows, slots), bool)
    for row, one in enumerate(encoded):
        answer[row] = numbers[row, one.answer]
        candidates[row, numbers[row, : one.candidates]] = True
    return ClozeBatch(
        _renamed(passage, numbers),
        passage_lengths,
        _renamed(query, numbers),
        query_lengths,
        answer,
        candidates,
    )


def _padded(sentences: Sequence[list[int]], rows: int, width: int):
    """Ids [rows, width], each row closed by EOS, and lengths [rows]."""
    ids, lengths = np.full((rows, width), PAD, np.int32), np.zeros(rows, np.int32)
    for row, sentence in enumerate(sentences):
        lengths[row] = len(sentence) + 1
        ids[row, : lengths[row]] = (*sentence, EOS)
    return ids, lengths


def _renamed(ids: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Ids [B, S] with entity n of row b called `numbers[b, n]` [B, E]."""
    slots = ids - FIRST
    named = (slots >= 0) & (slots < numbers.shape[1])
    new = np.take_along_axis(numbers, np.where(named, slots, 0), axis=1)
    return np.where(named, FIRST + new, ids).astype(np.int32)


class QuestionBatches:
    """A training set's batches without end: `at(step)`, `len` of them an epoch.

    Widths of passages are chosen for least padding (`choose_widths`), at most `shapes`
    of them; what is longer than `longest` with its EOS is left out and counted in
    `dropped`. Order and names are a function of (seed, step), shapes of step alone.
    """

    def __init__(
        self,
        encoded: Sequence[EncodedQuestions],
        *,
        slots: int,
        rows: int,
        shapes: int = 4,
        longest: int = 1000,
        numbering: str = "permuted",
        seed: int = 0,
    ):
        check_numbering(numbering)
        for name, value in {"batch size": rows, "shapes": shapes}.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be positive")
        self._encoded, self._slots, self._seed = encoded, slots, seed
        self._permuted = numbering == "permuted"
        pairs = [(one.passage, one.query) for one in encoded]
        lengths = np.array([(len(passage) + 1, 1) for passage, _ in pairs])
        fitting = lengths[lengths[:, 0] <= longest]
        widths = []
        if len(fitting):
            widths = choose_widths(fitting, shapes, lambda passage, query: rows)
        query = max(len(ids) for _, ids in pairs) + 1
        every = [Shape(rows, passage, query) for passage, _ in widths]
        self._order = Batches(pairs, every, longest, seed)

    def __len__(self) -> int:
        return len(self._order)

    @property
    def dropped(self) -> int:
        """How many questions are too long."""
        return self._order.dropped

    @property
    def widths(self) -> list[int]:
        """The padded lengths of passages that occur, narrowest first."""
        return sorted({shape.source for shape in self._order.shapes})

    def at(self, step: int) -> ClozeBatch:
        """The batch of training step `step`, counted from 0 over all epochs."""
        shape, members = self._order.planned(step)
        numbers = np.tile(np.arange(self._slots), (shape.rows, 1))
        if self._permuted:
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
    numbering: str = "permuted",
) -> list[tuple[np.ndarray, np.ndarray, ClozeBatch]]:
    """Every question once, for evaluation: (indices, numbers, batch), shortest first.

    Row k of a batch is question `indices[k]` with entity n called `numbers[k, n]`;
    fillers come after. A batch is as wide as the first of `widths`, or multiple of 64,
    that holds it. Entities are numbered as in training, but each question's in one way
    that never changes.
    """
    check_numbering(numbering)
    order = np.argsort([len(one.passage) for one in encoded], kind="stable")
    query = max((len(one.query) for one in encoded), default=0) + 1
    query = -(-query // 8) * 8
    batches = []
    for start in range(0, len(order), rows):
        members = order[start : start + rows]
        longest = len(encoded[members[-1]].passage) + 1
        fits = [width for width in widths if width >= longest]
        shape = Shape(rows, fits[0] if fits else -(-longest // 64) * 64, query)
        numbers = np.tile(np.arange(slots), (rows, 1))
        if numbering == "permuted":
            for row, n in enumerate(members):
                numbers[row] = np.random.default_rng(n).permutation(slots)
        chosen = [encoded[n] for n in members]
        batches.append((members, numbers, collate(chosen, shape, slots, numbers)))
    return batches


def check_numbering(numbering: str) -> None:
    """ValueError for one that does not exist."""
    if numbering not in NUMBERINGS:
        choices = ", ".join(NUMBERINGS)
        raise ValueError(f"unknown numbering {numbering!r}; choose {choices}")
