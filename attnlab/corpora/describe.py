"""What a corpus is like, in tables of numbers and panels of curves to draw.

A function for each kind of corpus. They speak of words as the loader gives them; what
vocabularies and batches make of a text is in `padding.py`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from attnlab.corpora import measures
from attnlab.corpora.portrait import (
    CorpusTable,
    Panel,
    Part,
    lengths_panel,
    lengths_table,
    number,
    share,
    vocabulary,
    word_order,
)
from attnlab.corpora.reordering import reordering
from attnlab.tasks.captioning.batches import Pictures
from attnlab.tasks.classification.records import Labeled
from attnlab.tasks.cloze import corpora
from attnlab.tasks.cloze.corpora import Cloze
from attnlab.tasks.memn2n.batches import Stories, StoryQuestion
from attnlab.tasks.ntm.data import Problem, label, stream
from attnlab.text.pairs import Corpus

ROWS = 64  # sequences drawn of a problem's size
MOST = 500_000  # training pairs that are looked at: a corpus may not fit into memory


class CorpusDescription(NamedTuple):
    """All that there is to say of a corpus."""

    name: str
    about: str
    tables: list[CorpusTable]
    panels: list[Panel]
    notes: Sequence[str] = ()  # on what is left out


def describe(corpus: Any, name: str) -> CorpusDescription:
    """The description of what a loader returns, under the name of its corpus."""
    about = of_problem_about(corpus) if isinstance(corpus, Problem) else corpus.about
    tables, panels = KINDS[type(corpus)](corpus)
    notes = getattr(corpus, "notes", ())
    panels = [one for one in panels if one.series]
    return CorpusDescription(name, about, tables, panels, notes)


def of_pairs(corpus: Corpus) -> Part:
    """Parallel text: both sides, and how their word orders differ where links tell."""
    title = "pairs"
    if len(corpus.train) > MOST:
        # Drawn, not the first ones: shards hold the shortest pairs first.
        drawn = np.random.default_rng(0).choice(len(corpus.train), MOST, replace=False)
        train = [corpus.train[int(index)] for index in np.sort(drawn)]
        corpus = corpus._replace(train=train)
        title = f"pairs; of train, here and below, {MOST:,} drawn at random"
    splits = _splits(corpus)
    trained = {pair.source for pair in corpus.train}
    rows = []
    for split, pairs in splits.items():
        known = sum(pair.source in trained for pair in pairs)
        rows.append(
            [split, number(len(pairs)), number(len(pairs) - len(set(pairs)))]
            + [number(known) if split != "train" else ""]
            + [number(sum(not (pair.source and pair.target) for pair in pairs))]
        )
    columns = ["", "pairs", "repeated", "source is in train", "a side is empty"]
    sides = {"source": corpus.source_language, "target": corpus.target_language}
    if sides["source"] == sides["target"]:
        sides = {side: f"{language}, {side}" for side, language in sides.items()}
    texts = {
        f"{split} {language}": [getattr(pair, side) for pair in pairs]
        for split, pairs in splits.items()
        for side, language in sides.items()
    }
    lengths = {name: list(map(len, text)) for name, text in texts.items()}
    trained_on = {
        language: lengths.get(f"train {language}", []) for language in sides.values()
    }
    panels = [lengths_panel(trained_on, "words of a training sentence")]
    counted = {name: measures.count(text) for name, text in texts.items()}
    gold = {name: reordering(pairs) for name, pairs in corpus.gold.items()}
    return (
        Part([CorpusTable(title, columns, rows), lengths_table(lengths)], panels)
        + vocabulary(counted)
        + word_order(gold)
    )


def of_labeled(corpus: Labeled) -> Part:
    """Labeled sentences: how they are shared out between the classes."""
    splits = _splits(corpus)
    rows = []
    for split, examples in splits.items():
        labels = Counter(one.label for one in examples)
        each = [share(labels[n] / len(examples)) for n in range(len(corpus.classes))]
        rows.append([split, number(len(examples)), *each])
    lengths = {
        split: [len(one.words) for one in part] for split, part in splits.items()
    }
    if any(one.evidence for one in corpus.test):
        lengths["evidence in test"] = [len(one.evidence) for one in corpus.test]
    by_class = {
        called: [len(one.words) for one in corpus.train if one.label == n]
        for n, called in enumerate(corpus.classes)
    }
    counted = {
        split: measures.count(one.words for one in part)
        for split, part in splits.items()
    }
    return Part(
        [CorpusTable("examples", ["", "number", *corpus.classes], rows)]
        + [lengths_table(lengths)],
        [lengths_panel(by_class, "words of a training example")],
    ) + vocabulary(counted)


def of_cloze(corpus: Cloze) -> Part:
    """Cloze questions: their entities, and how often simple guesses are right."""
    splits = _splits(corpus)
    rows = []
    for split, asked in splits.items():
        passages = len({one.passage for one in asked})
        guesses = (corpora.most_frequent(asked), corpora.exclusive_frequency(asked))
        rows.append(
            [split, number(len(asked)), number(passages), share(corpora.chance(asked))]
            + [share(float(np.mean(right))) for right in guesses]
        )
    columns = ["", "questions", "passages", "right: any entity", "most frequent"]
    counts: dict[str, Callable[[corpora.ClozeQuestion], int]] = {
        "passage": lambda one: len(one.passage),
        "query": lambda one: len(one.query),
        "entities of a passage": lambda one: len(one.candidates),
        "answer in its passage": lambda one: one.passage.count(one.answer),
    }
    lengths = {
        f"{split}: {name}": [count(one) for one in asked]
        for name, count in counts.items()
        for split, asked in splits.items()
    }
    panels = [
        lengths_panel({split: lengths[f"{split}: {name}"] for split in splits}, x)
        for name, x in (
            ("passage", "words of a passage"),
            ("entities of a passage", "entities of a passage"),
            ("answer in its passage", "times that the answer is in its passage"),
        )
    ]
    counted = {
        split: measures.count(
            filter(_is_word, (*one.passage, *one.query)) for one in asked
        )
        for split, asked in splits.items()
    }
    return Part(
        [CorpusTable("questions", [*columns, "... that the query lacks"], rows)]
        + [lengths_table(lengths, "lengths in words, and counts")],
        panels,
    ) + vocabulary(counted, "words, entities left out")


def _is_word(word: str) -> bool:
    return not corpora.is_entity(word) and word != corpora.PLACEHOLDER


def of_stories(corpus: Stories) -> Part:
    """Questions over stories, by task: how far back the facts are that answer them."""
    splits = _splits(corpus)
    every = chain.from_iterable(splits.values())
    rows = []
    for task in dict.fromkeys(one.task for one in every):
        parts = [
            [one for one in asked if one.task == task] for asked in splits.values()
        ]
        rows.append([task, *map(number, map(len, parts)), *_task(parts[0], parts[-1])])
    columns = ["task", *splits, "sentences", "facts", "oldest fact, back", "(most)"]
    lengths = {
        f"{split} story": [len(one.story) for one in asked]
        for split, asked in splits.items()
    }
    said = {sentence for one in corpus.train for sentence in one.story}
    lengths["different sentences of train"] = list(map(len, said))
    lengths["train question"] = [len(one.question) for one in corpus.train]
    counted = {
        split: measures.count(
            words
            for one in asked
            for words in (*one.story, one.question, (one.answer,))
        )
        for split, asked in splits.items()
    }
    back = {
        split: [_oldest(one) for one in asked if one.facts]
        for split, asked in splits.items()
    }
    stories = {split: lengths[f"{split} story"] for split in splits}
    panels = [
        lengths_panel(stories, "sentences of a story"),
        lengths_panel(back, "sentences back to the oldest fact"),
    ]
    title = "lengths: sentences of a story, words of the others"
    return Part(
        [CorpusTable("tasks", [*columns, "answers", "usual one is right"], rows)]
        + [lengths_table(lengths, title)],
        panels,
    ) + vocabulary(counted, "words of stories, questions and answers")


def _task(train: Sequence[StoryQuestion], test: Sequence[StoryQuestion]) -> list[str]:
    """The columns on one task, of its test questions; answers are those of train."""
    if not train or not test:
        return [""] * 6
    answers = Counter(one.answer for one in train)
    usual = max(answers, key=lambda answer: (answers[answer], answer))
    back = [_oldest(one) for one in test if one.facts]
    return [
        f"{np.mean([len(one.story) for one in test]):.1f}",
        f"{np.mean([len(one.facts) for one in test]):.1f}",
        f"{np.mean(back):.1f}" if back else "",
        number(max(back)) if back else "",
        number(len(answers)),
        share(float(np.mean([one.answer == usual for one in test]))),
    ]


def _oldest(question: StoryQuestion) -> int:
    """How many sentences back from the end its oldest fact stands; 1 is the last."""
    return len(question.story) - min(question.facts)


def of_pictures(corpus: Pictures) -> Part:
    """Captioned pictures."""
    splits = _splits(corpus)
    captions = {
        split: [caption for item in items for caption in item.captions]
        for split, items in splits.items()
    }
    trained = set(captions.get("train", ()))
    rows = []
    for split, said in captions.items():
        known = sum(caption in trained for caption in said)
        numbers = map(number, (len(splits[split]), len(said), len(set(said))))
        rows.append([split, *numbers, number(known) if split != "train" else ""])
    shape = " x ".join(map(str, corpus.shape))
    title = f"{'features' if corpus.given else 'pictures'} of {shape}"
    lengths = {
        f"{split} caption": list(map(len, said)) for split, said in captions.items()
    }
    lengths["captions of a picture"] = [len(item.captions) for item in corpus.train]
    if any(item.places for item in corpus.train):
        lengths["places of a picture"] = [len(item.places) for item in corpus.train]
    worded = {split: list(map(len, said)) for split, said in captions.items()}
    columns = ["", "pictures", "captions", "different ones", "also in train"]
    return Part(
        [CorpusTable(title, columns, rows), lengths_table(lengths)],
        [lengths_panel(worded, "words of a caption")],
    ) + vocabulary({split: measures.count(said) for split, said in captions.items()})


def of_problem(problem: Problem) -> Part:
    """An algorithmic task: how long its sequences are, and what of them is scored."""
    shown = [("train", min(problem.training)), ("train", max(problem.training))]
    shown += [("test", size) for size in problem.test]
    rows = []
    for split, size in dict.fromkeys(shown):
        batch = problem.draw(stream("test", 0), ROWS, size)
        ones = float(batch.targets[batch.scored].mean())
        scored = share(float(batch.scored.mean()))
        rows.append(
            [f"{split} {label(size)}", number(problem.steps(size)), scored, share(ones)]
        )
    steps = {"train": [problem.steps(size) for size in problem.training]}
    columns = ["size", "steps", "of them scored", "ones among scored bits"]
    return Part(
        [
            CorpusTable("sequences", columns, rows),
            lengths_table(steps, "steps of all sizes"),
        ],
        [lengths_panel(steps, "steps of a sequence")],
    )


def of_problem_about(problem: Problem) -> str:
    return (
        f"{problem.inputs} inputs and {problem.outputs} outputs a step; trained on "
        f"{len(problem.training)} sizes, each as likely as the others, of which the "
        "smallest and the largest are shown."
    )


KINDS: dict[type, Callable[[Any], Part]] = {
    Corpus: of_pairs,
    Labeled: of_labeled,
    Cloze: of_cloze,
    Stories: of_stories,
    Pictures: of_pictures,
    Problem: of_problem,
}


def _splits(corpus: Any) -> dict[str, Sequence[Any]]:
    """Those of train, dev and test that hold something."""
    every = {split: getattr(corpus, split) for split in ("train", "dev", "test")}
    return {split: part for split, part in every.items() if part}
