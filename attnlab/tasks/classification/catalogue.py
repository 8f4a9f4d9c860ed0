"""What the catalogue says of the corpora of labeled sentences."""

from attnlab.corpora.catalogue import Entry
from attnlab.tasks.classification import imdb, polarity, sst

ENTRIES = (
    Entry(
        "imdb",
        "film reviews, two classes; 5,000 of the 25,000 test reviews",
        (23_000, 2_000, 5_000),
        "not open: free for research, cite Maas et al. 2011",
        imdb.UPSTREAM,
        ("imdb",),
    ),
    Entry(
        "polarity",
        "sentences of film reviews, two classes",
        (8_530, 1_066, 1_066),
        "open: CC BY 4.0 by NLTK's index",
        polarity.UPSTREAM,
        ("sentence_polarity",),
    ),
    Entry(
        "sst",
        "Stanford Sentiment Treebank, whole sentences, five classes",
        (8_544, 1_101, 2_210),
        "not open: none stated, research",
        sst.UPSTREAM,
        ("sst",),
    ),
    Entry(
        "evidence",
        "word salad, two classes; the words that decide are known",
        (6_000, 500, 1_000),
    ),
)
