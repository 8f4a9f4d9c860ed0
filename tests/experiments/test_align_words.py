"""Which words a run is said not to know."""

from types import SimpleNamespace

from attnlab.text.vocabulary import Vocabulary
from experiments.align_words import unknown_words


def test_words_are_looked_up_as_the_run_reads_them():
    run = SimpleNamespace(
        folder="run",
        translator=SimpleNamespace(
            source=Vocabulary(["house"]), target=Vocabulary(["haus"])
        ),
        words=lambda line: line.lower().split(),
    )
    assert unknown_words(run, "House HOUSE", "Haus") == []
    assert unknown_words(run, "House Cat", "") == [
        "run does not know the source cat",
    ]
