"""Parallel text in numbers: both sides, their word order, and batches made of them."""

import numpy as np

from attnlab.corpora import corpus_stats as stats
from attnlab.corpora.corpus_stats import CorpusDescription, CorpusTable, number
from attnlab.report import corpus_plots
from attnlab.tasks.translation import data
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.word_order import reordering, word_order
from attnlab.text import padding
from attnlab.text.pairs import Corpus

MOST = 500_000  # training pairs that are looked at: a corpus may not fit into memory


def describe(
    corpus: Corpus, settings: TranslationSettings | None = None
) -> CorpusDescription:
    """Tables and panels of parallel text.

    Args:
      corpus: what a loader gives.
      settings: of a run, whose vocabularies and batches are described too, and drawn.
        Not so of text that is streamed from shards, which have their widths already.

    Returns:
      Pairs, lengths and words of each split and side, and word order where there are
      links.
    """
    title, about, notes = "pairs", corpus.about, corpus.notes
    whole = corpus
    if len(corpus.train) > MOST:
        # Drawn, not the first ones: shards hold the shortest pairs first.
        drawn = np.random.default_rng(0).choice(len(corpus.train), MOST, replace=False)
        train = [corpus.train[int(index)] for index in np.sort(drawn)]
        corpus = corpus._replace(train=train)
        title = f"pairs; of train, here and below, {MOST:,} drawn at random"
    splits = stats.splits_of(corpus.train, corpus.dev, corpus.test)
    trained = {pair.source for pair in corpus.train}
    rows = []
    for split, pairs in splits.items():
        repeated = sum(pair.source in trained for pair in pairs)
        rows.append(
            [split, number(len(pairs)), number(len(pairs) - len(set(pairs)))]
            + [number(repeated) if split != "train" else ""]
            + [number(sum(not (pair.source and pair.target) for pair in pairs))]
        )
    columns = ["", "pairs", "repeated", "source is in train", "a side is empty"]
    sides = {"source": corpus.source_language, "target": corpus.target_language}
    if sides["source"] == sides["target"]:
        sides = {side: f"{language}, {side}" for side, language in sides.items()}
    texts = {
        f"{split} {language}": [pair[side == "target"] for pair in pairs]
        for split, pairs in splits.items()
        for side, language in sides.items()
    }
    for name, gold in corpus.gold.items():
        called = "gold" if name == "gold" else f"gold-{name.replace(' ', '-')}"
        for side, language in sides.items():
            texts[f"{called} {language}"] = [getattr(pair, side) for pair in gold]
    lengths = {name: list(map(len, text)) for name, text in texts.items()}
    trained_on = {
        language: lengths.get(f"train {language}", []) for language in sides.values()
    }
    panel = stats.lengths_panel(trained_on, "words of a training sentence")
    words = stats.vocabulary({name: stats.count(text) for name, text in texts.items()})
    order = word_order({name: reordering(gold) for name, gold in corpus.gold.items()})
    tables = [CorpusTable(title, columns, rows), stats.lengths_table(lengths)]
    description = CorpusDescription(
        about,
        tables + words.tables + order.tables,
        [panel] * bool(panel.series) + words.panels + order.panels,
        notes,
    )
    if settings is None or not isinstance(whole.train, list):
        return description
    return _with_batches(description, whole, settings)


def _with_batches(
    description: CorpusDescription, corpus: Corpus, settings: TranslationSettings
) -> CorpusDescription:
    """The description, with what these settings make of the training text."""
    source, target = data.make_codecs(settings, corpus)
    pairs_ids = data.training_pairs(settings, corpus, source, target)
    batches = data.make_batches(settings, pairs_ids)
    lengths = padding.lengths_of(pairs_ids)
    sides = (
        padding.side([ids for ids, _ in pairs_ids], source.size),
        padding.side([ids for _, ids in pairs_ids], target.size),
    )
    widths = [(shape.source, shape.target) for shape in batches.shapes]
    return description._replace(
        tables=description.tables + padding.tables(batches, lengths, *sides),
        figure=lambda: corpus_plots.pair_lengths(lengths, widths),
    )
