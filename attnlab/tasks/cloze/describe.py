"""Cloze questions in numbers: their entities, and how often guesses are right."""

from collections.abc import Callable

import numpy as np

from attnlab.corpora import corpus_stats as stats
from attnlab.corpora.corpus_stats import CorpusDescription, CorpusTable, number, share
from attnlab.tasks.cloze import corpora
from attnlab.tasks.cloze.questions import (
    PLACEHOLDER,
    Cloze,
    ClozeQuestion,
    is_entity,
)

COUNTS: dict[str, Callable[[ClozeQuestion], int]] = {
    "passage": lambda question: len(question.passage),
    "query": lambda question: len(question.query),
    "entities of a passage": lambda question: len(question.candidates),
    "answer in its passage": lambda question: question.passage.count(question.answer),
}
PANELS = {
    "passage": "words of a passage",
    "entities of a passage": "entities of a passage",
    "answer in its passage": "times that the answer is in its passage",
}


def describe(corpus: Cloze, settings: object = None) -> CorpusDescription:
    """Tables and panels of cloze questions.

    Args:
      corpus: what a loader gives.
      settings: of a run; they change nothing.

    Returns:
      Guesses, lengths, entities and words of each split.
    """
    del settings
    splits = stats.splits_of(corpus.train, corpus.dev, corpus.test)
    rows = []
    for split, questions in splits.items():
        passages = len({question.passage for question in questions})
        rows.append(
            [split, number(len(questions)), number(passages)]
            + [share(corpora.chance(questions))]
            + [share(float(np.mean(corpora.most_frequent(questions))))]
            + [share(float(np.mean(corpora.exclusive_frequency(questions))))]
        )
    columns = ["", "questions", "passages", "right: any entity", "most frequent"]
    lengths = {
        f"{split}: {name}": [count(question) for question in questions]
        for name, count in COUNTS.items()
        for split, questions in splits.items()
    }
    counts = {
        split: stats.count(
            filter(_is_word, (*question.passage, *question.query))
            for question in questions
        )
        for split, questions in splits.items()
    }
    words = stats.vocabulary(counts, "words, entities left out")
    return CorpusDescription(
        corpus.about,
        [
            CorpusTable("questions", [*columns, "... that the query lacks"], rows),
            stats.lengths_table(lengths, "lengths in words, and counts"),
            *words.tables,
        ],
        [
            stats.lengths_panel(
                {split: lengths[f"{split}: {name}"] for split in splits}, x
            )
            for name, x in PANELS.items()
        ]
        + words.panels,
    )


def _is_word(word: str) -> bool:
    return not is_entity(word) and word != PLACEHOLDER
