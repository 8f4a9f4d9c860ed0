"""Captioned pictures in numbers: captions, words, and what training has seen before."""

from attnlab.corpora import corpus_stats as stats
from attnlab.corpora.corpus_stats import CorpusDescription, CorpusTable, number
from attnlab.tasks.captioning.batches import Pictures


def describe(corpus: Pictures, settings: object = None) -> CorpusDescription:
    """Tables and panels of captioned pictures.

    Args:
      corpus: what a loader gives.
      settings: of a run; they change nothing.

    Returns:
      Captions, their lengths and words, of each split.
    """
    del settings
    splits = stats.splits_of(corpus.train, corpus.dev, corpus.test)
    captions = {
        split: [caption for item in items for caption in item.captions]
        for split, items in splits.items()
    }
    trained = set(captions.get("train", ()))
    rows = []
    for split, texts in captions.items():
        repeated = sum(caption in trained for caption in texts)
        numbers = map(number, (len(splits[split]), len(texts), len(set(texts))))
        rows.append([split, *numbers, number(repeated) if split != "train" else ""])
    sizes = {split: list(map(len, texts)) for split, texts in captions.items()}
    lengths = {f"{split} caption": lengths for split, lengths in sizes.items()}
    lengths["captions of a picture"] = [len(item.captions) for item in corpus.train]
    places = [len(item.places) for item in corpus.train]
    if any(places):
        lengths["places of a picture"] = places
    words = stats.vocabulary({s: stats.count(texts) for s, texts in captions.items()})
    kind = "features" if corpus.given else "pictures"
    title = f"{kind} of {' x '.join(map(str, corpus.shape))}"
    columns = ["", "pictures", "captions", "different ones", "also in train"]
    return CorpusDescription(
        corpus.about,
        [
            CorpusTable(title, columns, rows),
            stats.lengths_table(lengths),
            *words.tables,
        ],
        [stats.lengths_panel(sizes, "words of a caption"), *words.panels],
    )
