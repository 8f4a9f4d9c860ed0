"""What the catalogue says of the corpora of cloze questions."""

from attnlab.corpora.catalogue import Entry
from attnlab.tasks.cloze import corpora

ENTRIES = (
    Entry(
        "ieer",
        "cloze questions on newswire of 1998; five more of CNN's, for tests",
        (374, 72, 33),
        "not open: for research, as NLTK gives NIST IE-ER 1999 out",
        corpora.UPSTREAM["ieer"],
        ("cloze",),
    ),
    Entry(
        "cloze",
        "cloze questions on made-up news; where the answer is told is known",
        (20_000, 500, 500),
        setting="synthetic",
    ),
)
