"""NETtalk (Sejnowski and Rosenberg 1987): English words, aligned with their phonemes.

A phoneme is a character, and each stands at the letter it is said at; `-` is a silent
letter. So the alignment is gold that people made, and it never crosses.
"""

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.folder import corpus_file
from attnlab.settings import Count
from attnlab.text.lines import read_columns
from attnlab.text.pairs import Corpus, GoldPair
from attnlab.text.strings import drawn, string_corpus, symbols_of

UPSTREAM = "https://archive.ics.uci.edu (Connectionist Bench, Nettalk Corpus)"
ENTRY = Entry(
    "nettalk",
    "English letters to phonemes, 20,007 entries aligned letter by letter by hand",
    (17_921, 1_000, 1_000),
    "not open: non-commercial research",
    UPSTREAM,
    ("nettalk",),
)
SILENT = "-"


def nettalk(*, dev: Count = 1_000, test: Count = 1_000) -> Corpus:
    """Letters to phonemes; gold sets `test` and `dev` have the letter of each phoneme.

    The source has the letters, the target the phonemes without `-`. All 20,007 entries
    of 19,801 words are split by word. The 205 words with several entries have them all
    in training and in the gold sets; in dev and test each word stands once, and any of
    its pronunciations is right. Stress is left out.

    Args:
      dev: words to choose the best checkpoint by.
      test: words to judge it by.

    Returns:
      The corpus.

    Raises:
      ValueError: naming file and line of an entry that is not aligned, and where no
        word is left to train on.
      MissingCorpus: where its file is not in the data folder.
    """
    path = corpus_file("nettalk/nettalk.data.gz", upstream=UPSTREAM)
    entries = [
        _entry(row[0], row[1], f"{path}:{number}")
        for number, row in enumerate(read_columns(path, 2), 1)
    ]
    words = ["".join(entry.source) for entry in entries]
    dev_words, test_words = drawn(words, (dev, test), "nettalk 0")
    sets: dict[str, list[GoldPair]] = {"train": [], "dev": [], "test": []}
    for word, entry in zip(words, entries, strict=True):
        in_test = "test" if word in test_words else "train"
        sets["dev" if word in dev_words else in_test].append(entry)
    return string_corpus(
        "nettalk",
        {name: [entry.pair for entry in those] for name, those in sets.items()},
        ("letters", "phonemes"),
        "NETtalk, letters to phonemes, split by word; aligned by hand.",
        gold={name: sets[name] for name in ("test", "dev")},
    )


def _entry(word: str, phonemes: str, where: str) -> GoldPair:
    """A line's letters and phonemes, linked."""
    letters, signs = symbols_of(word, where), symbols_of(phonemes, where)
    if len(letters) != len(signs):
        raise ValueError(
            f"{where}: {word!r} has {len(letters)} letters, and {phonemes!r} "
            f"{len(signs)} signs: one a letter is needed"
        )
    places = [place for place, sign in enumerate(signs) if sign != SILENT]
    if not places:
        raise ValueError(f"{where}: {word!r} has no phoneme: {phonemes!r}")
    links = frozenset(enumerate(places))
    return GoldPair(letters, tuple(signs[place] for place in places), links, links)
