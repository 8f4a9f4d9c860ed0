"""Error rate and accuracy of outputs that are strings of symbols."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from attnlab import runs
from attnlab.metrics import edit_distance
from attnlab.tasks.translation.translator import Translation
from attnlab.text.pairs import Corpus, Pair

SCORES = ("error_rate", "accuracy")


def string_counts(
    translations: Sequence[Translation], pairs: Sequence[Pair], corpus: Corpus
) -> dict[str, np.ndarray]:
    """What each output is worth, in counts that add up.

    Args:
      translations: N outputs.
      pairs: N pairs of the corpus that they are judged by.
      corpus: whose `references` a source may have several in; the closest counts.

    Returns:
      [N, 2] by the score of SCORES: see `attnlab.runs.ExampleCounts`.
    """
    hypotheses = [translation.target for translation in translations]
    counts = edit_distance.statistics(hypotheses, _references(pairs, corpus))
    return edit_distance.example_counts(counts)


def string_scores(counts: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The scores of all outputs.

    Args:
      counts: of `string_counts`.

    Returns:
      error_rate: edits a symbol of the references; accuracy: the share of outputs
      without an edit.
    """
    return {
        name: float(edit_distance.score(pairs.sum(axis=0)))
        for name, pairs in counts.items()
    }


def judge_strings(
    translations: Sequence[Translation],
    corpus: Corpus,
    folder: Path,
    more: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, float]:
    """The scores of a finished run on the test set, and their counts in its folder.

    Args:
      translations: of all test sources.
      corpus: of symbols.
      folder: the run's, which gets tallies.npz for tests of significance.
      more: counts [N, 2] of further scores, which go there, too.

    Returns:
      As `string_scores`.
    """
    counts = string_counts(translations, corpus.test, corpus)
    # Two runs are compared word by word where they were judged by the same references.
    names = [
        runs.unique_id(
            " ".join(pair.source), *(" ".join(target) for target in references)
        )
        for pair, references in zip(
            corpus.test, _references(corpus.test, corpus), strict=True
        )
    ]
    runs.write_example_counts(folder, names, counts | dict(more))
    return string_scores(counts)


def _references(pairs: Sequence[Pair], corpus: Corpus) -> list[Sequence[Sequence[str]]]:
    """All right targets of each pair's source."""
    return [corpus.references.get(pair.source, (pair.target,)) for pair in pairs]
