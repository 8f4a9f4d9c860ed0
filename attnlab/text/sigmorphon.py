"""SIGMORPHON 2016, task 1, German: from lemma and features to the inflected form."""

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.folder import corpus_file
from attnlab.text.lines import read_columns
from attnlab.text.pairs import Corpus, Pair
from attnlab.text.strings import drawn, string_corpus, symbols_of

UPSTREAM = "https://github.com/ryancotterell/sigmorphon2016"
ENTRY = Entry(
    "sigmorphon-german",
    "German inflection: characters of a lemma and features to those of the form",
    (12_490, 755, 768),
    "open: CC BY-SA, from Wiktionary",
    UPSTREAM,
    ("sigmorphon2016_german",),
)


def sigmorphon_german() -> Corpus:
    """12,490 training pairs; the published dev file is halved into dev and test.

    Each feature is a symbol of the source (`pos=V`), all of them before the characters
    of the lemma, as in the systems of Wu et al. 2018
    (https://arxiv.org/abs/1808.10024). The task's own test file is not here, so that
    its dev file is split in two: by lemma, so that dev and test share none. Lines of
    it whose lemma and features are in training as well are left out. Other forms of
    its lemmas are in training: that is the task.

    Returns:
      The corpus, without links.

    Raises:
      ValueError: naming file and line of what has no lemma, features and form, or a
        blank in them.
      MissingCorpus: where a file is not in the data folder.
    """
    train, given = _read("train"), _read("dev")
    trained = {pair.source for _, pair in train}
    held_out = [(lemma, pair) for lemma, pair in given if pair.source not in trained]
    lemmas = {lemma for lemma, _ in held_out}
    (dev_lemmas,) = drawn(lemmas, [len(lemmas) // 2], "sigmorphon-german 0")
    repeated = len(given) - len(held_out)
    note = f"{repeated} of {len(given)} lines of the dev file are in training as well"
    return string_corpus(
        "sigmorphon-german",
        {
            "train": [pair for _, pair in train],
            "dev": [pair for lemma, pair in held_out if lemma in dev_lemmas],
            "test": [pair for lemma, pair in held_out if lemma not in dev_lemmas],
        },
        ("lemmas", "forms"),
        "SIGMORPHON 2016 task 1, German, features before the lemma; dev and test are "
        "halves of the dev file.",
        notes=(f"{note}, and are left out",) * bool(repeated),
    )


def _read(split: str) -> list[tuple[str, Pair]]:
    """(lemma, pair) of each line of a file."""
    file = f"sigmorphon2016_german/german-task1-{split}.gz"
    path = corpus_file(file, upstream=UPSTREAM)
    pairs = []
    for number, row in enumerate(read_columns(path, 3), 1):
        where = f"{path}:{number}"
        lemma, form = symbols_of(row[0], where), symbols_of(row[2], where)
        features = tuple(row[1].split(","))
        for feature in features:
            symbols_of(feature, where)  # no blank in it, and something
        pairs.append((row[0], Pair((*features, *lemma), form)))
    return pairs
