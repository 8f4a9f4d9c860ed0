"""What the catalogue says of the algorithmic problems (Graves et al. 2014)."""

from attnlab.corpora.catalogue import Entry

ENTRIES = tuple(
    Entry(name, f"{what} (Graves et al. 2014)", ())
    for name, what in (
        ("copy", "items to be said again"),
        ("repeat_copy", "items to be said again a number of times"),
        ("recall", "items, one of which asks for the next"),
        ("ngrams", "bits that depend on the five before"),
        ("sort", "items to be said in the order of their priorities"),
    )
)
