"""Questions over stories in numbers: how far back the facts are that answer them."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np

from attnlab.corpora import corpus_stats as stats
from attnlab.corpora.corpus_stats import CorpusDescription, CorpusTable, number, share
from attnlab.tasks.memn2n.batches import Stories, StoryQuestion

COLUMNS = ["sentences", "facts", "oldest fact, back", "(most)", "answers"]


def describe(corpus: Stories, settings: object = None) -> CorpusDescription:
    """Tables and panels of questions over stories.

    Args:
      corpus: what a loader gives.
      settings: of a run; they change nothing.

    Returns:
      Facts and answers by task, lengths and words of each split.
    """
    del settings
    splits = stats.splits_of(corpus.train, corpus.dev, corpus.test)
    rows = []
    for task in dict.fromkeys(q.task for q in chain.from_iterable(splits.values())):
        parts = [[q for q in part if q.task == task] for part in splits.values()]
        sizes = map(number, map(len, parts))
        rows.append([task, *sizes, *_task_columns(parts[0], parts[-1])])
    stories = {split: [len(q.story) for q in part] for split, part in splits.items()}
    lengths = {f"{split} story": sizes for split, sizes in stories.items()}
    sentences = {sentence for question in corpus.train for sentence in question.story}
    lengths["different sentences of train"] = list(map(len, sentences))
    lengths["train question"] = [len(question.question) for question in corpus.train]
    back = {
        split: [_oldest(question) for question in part if question.facts]
        for split, part in splits.items()
    }
    counts = {
        split: stats.count(
            words for q in part for words in (*q.story, q.question, (q.answer,))
        )
        for split, part in splits.items()
    }
    words = stats.vocabulary(counts, "words of stories, questions and answers")
    columns = ["task", *splits, *COLUMNS, "usual one is right"]
    title = "lengths: sentences of a story, words of the others"
    return CorpusDescription(
        corpus.about,
        [
            CorpusTable("tasks", columns, rows),
            stats.lengths_table(lengths, title),
            *words.tables,
        ],
        [
            stats.lengths_panel(stories, "sentences of a story"),
            stats.lengths_panel(back, "sentences back to the oldest fact"),
            *words.panels,
        ],
    )


def _task_columns(
    train: Sequence[StoryQuestion], test: Sequence[StoryQuestion]
) -> list[str]:
    """The columns on one task, of its test questions; answers are those of train."""
    if not train or not test:
        return [""] * (len(COLUMNS) + 1)
    answers = Counter(question.answer for question in train)
    usual = max(answers, key=lambda answer: (answers[answer], answer))
    back = [_oldest(question) for question in test if question.facts]
    return [
        f"{np.mean([len(question.story) for question in test]):.1f}",
        f"{np.mean([len(question.facts) for question in test]):.1f}",
        f"{np.mean(back):.1f}" if back else "",
        number(max(back)) if back else "",
        number(len(answers)),
        share(float(np.mean([question.answer == usual for question in test]))),
    ]


def _oldest(question: StoryQuestion) -> int:
    """How many sentences back from the end its oldest fact stands; 1 is the last."""
    return len(question.story) - min(question.facts)
