"""chrF and TER against loops written from their definitions, and sacrebleu's own."""

from collections import Counter

import numpy as np
import pytest
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

import attnlab
from attnlab.metrics import chrf_ter
from attnlab.metrics.edit_distance import edit_distance


def chrf_by_hand(hypotheses, references):
    """F2 of the mean precision and recall of character n-grams, n of 1 to 6."""
    precisions, recalls = [], []
    for n in range(1, 7):
        said = wanted = both = 0
        for hypothesis, reference in zip(hypotheses, references, strict=True):
            grams = []
            for line in (hypothesis, reference):
                text = line.replace(" ", "")
                grams.append(Counter(text[k : k + n] for k in range(len(text) - n + 1)))
            said += grams[0].total() if grams[1] else 0
            wanted += grams[1].total()
            both += (grams[0] & grams[1]).total()
        if said and wanted:
            precisions.append(both / said)
            recalls.append(both / wanted)
    precision, recall = np.mean(precisions), np.mean(recalls)
    return 100 * 5 * precision * recall / (4 * precision + recall)


HYPOTHESES = ["the cat sat on a mat", "a house", "", "b a c d"]
REFERENCES = ["the cat sat on the big mat", "A house .", "x", "a b c d"]


def test_chrf_is_that_of_a_loop():
    result = chrf_ter.chrf(HYPOTHESES, REFERENCES)
    expected = chrf_by_hand(HYPOTHESES, REFERENCES)
    assert result.score == pytest.approx(expected, rel=1e-12)
    assert "nc:6" in result.signature and "case:mixed" in result.signature
    assert result.counts.shape == (4, 18)
    again = CHRF()._compute_f_score(result.counts.sum(axis=0).tolist())
    assert again == pytest.approx(result.score)
    lower = chrf_ter.chrf(HYPOTHESES, REFERENCES, lowercase=True)
    assert lower.score > result.score and "case:lc" in lower.signature


def test_ter_counts_edits_and_shifts():
    result = chrf_ter.ter(HYPOTHESES, REFERENCES)
    # two edits; "a" for "A" and "." missing; one missing; one shift for two edits
    np.testing.assert_array_equal(result.counts, [[2, 7], [2, 3], [1, 1], [1, 4]])
    assert edit_distance("b a c d".split(), "a b c d".split()) == 2
    assert result.score == pytest.approx(100 * 6 / 15)
    assert "case:mixed" in result.signature
    lower = chrf_ter.ter(HYPOTHESES, REFERENCES, lowercase=True)
    assert lower.score == pytest.approx(100 * 5 / 15)


@pytest.mark.parametrize(
    ("score", "metric"),
    [(chrf_ter.chrf, CHRF()), (chrf_ter.ter, TER(case_sensitive=True))],
)
def test_several_references_are_parted_by_tabs(score, metric):
    hypotheses = ["the dog runs on the grass", "a red house by the sea"]
    references = ["the dog runs\ta dog runs on the grass", "a house by the sea"]
    streams = [
        ["the dog runs", "a house by the sea"],
        ["a dog runs on the grass", None],
    ]
    expected = metric.corpus_score(hypotheses, streams)
    result = score(hypotheses, references)
    assert result.score == pytest.approx(expected.score)
    assert "nrefs:var" in result.signature
    one = score(hypotheses, [line.split("\t")[0] for line in references])
    assert one.score != pytest.approx(result.score)


def test_equal_texts_and_errors():
    assert attnlab.metrics.chrf(["a b"], ["a b"]).score == pytest.approx(100.0)
    assert attnlab.metrics.ter(["a b"], ["a b"]).score == 0.0
    assert chrf_ter.ter(["a b c"], ["d"]).score == pytest.approx(300.0)
    assert chrf_ter.chrf([""], ["a"]).score == 0.0
    with pytest.raises(ValueError, match="1 hypotheses for 2 references"):
        chrf_ter.chrf(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="TER of no sentences"):
        chrf_ter.ter([], [])
    with pytest.raises(ValueError, match="unknown score 'meteor'; choose chrf, ter"):
        chrf_ter.text_scores(["meteor"], ["a"], ["a"])
    assert chrf_ter.text_scores([], ["a"], ["a"]) == {}
