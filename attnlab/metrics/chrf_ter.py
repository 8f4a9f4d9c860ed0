"""chrF and TER by sacrebleu, with their signatures, and their counts by sentence.

Both complement BLEU: chrF compares characters, so that a wrong ending costs less than a
wrong word; TER counts edits. References that hold tabs are several, as of `bleu`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from attnlab.metrics.bleu_score import check_sentences, reference_streams


class TextScore(NamedTuple):
    """A score of a corpus.

    score: chrF in [0, 100], or TER, which is 100 where all words are edited and may be
    more. signature: sacrebleu's, of everything that moves the score. counts: of each
    sentence, which add up over sentences: of TER [N, 2], edits and reference words; of
    chrF [N, 18], n-grams of hypothesis, of reference and of both, for n of 1 to 6.
    """

    score: float
    signature: str
    counts: np.ndarray


def chrf(
    hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False
) -> TextScore:
    """chrF (Popovic 2015, https://aclanthology.org/W15-3049/): F2 of character n-grams.

    Blanks count for nothing, so that tokenized and plain text score nearly alike. Of
    several references the best of each sentence counts.

    Args:
      hypotheses: a line a sentence.
      references: a line a sentence; tabs are between several references.
      lowercase: whether case is ignored.

    Returns:
      The TextScore.

    Raises:
      ValueError: for no sentences, or lists of two lengths.
    """
    return _scored("chrF", CHRF(lowercase=lowercase), hypotheses, references)


def ter(
    hypotheses: Sequence[str], references: Sequence[str], *, lowercase: bool = False
) -> TextScore:
    """Translation edit rate (Snover et al. 2006, https://aclanthology.org/2006.amta-papers.25/).

    Insertions, deletions, substitutions and shifts of words, by words of the reference,
    in per cent. Of several references the fewest edits count, by their mean length.

    Args:
      hypotheses: a line a sentence.
      references: a line a sentence; tabs are between several references.
      lowercase: whether case is ignored. (sacrebleu's program ignores it by default.)

    Returns:
      The TextScore.

    Raises:
      ValueError: for no sentences, or lists of two lengths.
    """
    return _scored("TER", TER(case_sensitive=not lowercase), hypotheses, references)


def _scored(
    name: str, metric: Any, hypotheses: Sequence[str], references: Sequence[str]
) -> TextScore:
    check_sentences(name, hypotheses, references)
    rows = metric._extract_corpus_statistics(hypotheses, reference_streams(references))
    # corpus_score does the same, and forgets the counts of sentences.
    score = metric._aggregate_and_compute(rows).score
    counts = np.array(rows, np.float64).reshape(len(hypotheses), -1)
    return TextScore(float(score), str(metric.get_signature()), counts)


TEXT_METRICS: dict[str, Callable[..., TextScore]] = {"chrf": chrf, "ter": ter}


def text_scores(
    names: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    lowercase: bool = False,
) -> dict[str, TextScore]:
    """Some of the scores of a text.

    Args:
      names: in TEXT_METRICS.
      hypotheses: a line a sentence.
      references: a line a sentence; tabs are between several references.
      lowercase: whether case is ignored.

    Returns:
      A TextScore by name.

    Raises:
      ValueError: for an unknown name, no sentences, or lists of two lengths.
    """
    for name in names:
        if name not in TEXT_METRICS:
            choices = ", ".join(TEXT_METRICS)
            raise ValueError(f"unknown score {name!r}; choose {choices}")
    return {
        name: TEXT_METRICS[name](hypotheses, references, lowercase=lowercase)
        for name in names
    }
