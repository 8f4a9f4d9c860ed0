"""What the catalogue says of the corpora of questions over stories."""

from attnlab.corpora.catalogue import Entry
from attnlab.tasks.memn2n import babi

ENTRIES = (
    Entry(
        "babi",
        "bAbI 1.2: 20 tasks of 1,000 questions, 8 of 10,000; supporting facts",
        (17_994, 2_006, 20_000),
        "open: CC BY 3.0",
        babi.UPSTREAM,
        ("babi",),
        whole={"tasks": "1-20"},
    ),
    Entry(
        "stories",
        "who went where with what; supporting facts are known",
        (4_000, 200, 500),
    ),
)
