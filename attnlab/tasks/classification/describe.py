"""Labeled sentences in numbers: how they are shared out between the classes."""

from collections import Counter

from attnlab.corpora import corpus_stats as stats
from attnlab.corpora.corpus_stats import CorpusDescription, CorpusTable, number, share
from attnlab.tasks.classification.records import Labeled


def describe(corpus: Labeled, settings: object = None) -> CorpusDescription:
    """Tables and panels of labeled sentences.

    Args:
      corpus: what a loader gives.
      settings: of a run; they change nothing.

    Returns:
      Classes, lengths and words of each split.
    """
    del settings
    splits = stats.splits_of(corpus.train, corpus.dev, corpus.test)
    rows = []
    for split, examples in splits.items():
        labels = Counter(example.label for example in examples)
        each = [share(labels[n] / len(examples)) for n in range(len(corpus.classes))]
        rows.append([split, number(len(examples)), *each])
    lengths = {
        split: [len(example.words) for example in examples]
        for split, examples in splits.items()
    }
    evidence = [len(example.evidence) for example in corpus.test]
    if any(evidence):
        lengths["evidence in test"] = evidence
    by_class = {
        name: [len(example.words) for example in corpus.train if example.label == n]
        for n, name in enumerate(corpus.classes)
    }
    counts = {
        split: stats.count(example.words for example in examples)
        for split, examples in splits.items()
    }
    words = stats.vocabulary(counts)
    return CorpusDescription(
        corpus.about,
        [
            CorpusTable("examples", ["", "number", *corpus.classes], rows),
            stats.lengths_table(lengths),
            *words.tables,
        ],
        [
            stats.lengths_panel(by_class, "words of a training example"),
            *words.panels,
        ],
    )
