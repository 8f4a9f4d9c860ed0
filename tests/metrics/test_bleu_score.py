import math

import numpy as np
import pytest
from nltk.translate.bleu_score import corpus_bleu
from sacrebleu.metrics.bleu import BLEU

from attnlab.metrics import bleu_score as bleu


@pytest.fixture(scope="module")
def corpus():
    """200 noisy copies of random sentences of 1 to 25 words."""
    rng = np.random.default_rng(0)
    vocabulary = [f"w{k}" for k in range(30)] + ["The", "the", ".", "n't"]
    references = [
        list(rng.choice(vocabulary, size=rng.integers(1, 26))) for _ in range(200)
    ]
    hypotheses = []
    for words in references:
        kept = [w if rng.random() < 0.8 else rng.choice(vocabulary) for w in words]
        hypotheses.append(kept[: max(1, len(kept) - rng.integers(0, 3))])
    return [" ".join(h) for h in hypotheses], [" ".join(r) for r in references]


def test_hand_worked():
    # 5 of 6 words, 3 of 5 pairs, 2 of 4 triples, 1 of 3 quadruples; length 6 against 7
    result = bleu.bleu(["the cat sat on a mat"], ["the cat sat on the big mat"])
    assert result.precisions == pytest.approx((500 / 6, 60.0, 50.0, 100 / 3))
    assert result.brevity == pytest.approx(math.exp(1 - 7 / 6))
    product = 5 / 6 * 3 / 5 * 2 / 4 * 1 / 3
    expected = 100 * math.exp(1 - 7 / 6) * product**0.25
    assert result.score == pytest.approx(expected)
    assert (result.hypothesis_length, result.reference_length) == (6, 7)


def test_agrees_with_nltk(corpus):
    # nltk lets a hypothesis of three words count one 4-gram, so leave those out
    pairs = [(h, r) for h, r in zip(*corpus, strict=True) if len(h.split()) >= 4]
    hypotheses, references = zip(*pairs, strict=True)
    expected = corpus_bleu(
        [[r.split()] for r in references], [h.split() for h in hypotheses]
    )
    assert bleu.bleu(hypotheses, references).score == pytest.approx(100 * expected)


def test_signature_names_tokenization_and_case():
    pair = (["A cat."], ["a cat ."])
    plain = bleu.bleu(*pair)
    assert "tok:none" in plain.signature and "case:mixed" in plain.signature
    assert plain.score == 0.0
    lower = bleu.bleu(*pair, tokenize="13a", lowercase=True)
    assert "tok:13a" in lower.signature and "case:lc" in lower.signature
    assert lower.precisions[0] == 100.0


@pytest.mark.parametrize("options", [{}, {"tokenize": "13a", "lowercase": True}])
def test_summed_statistics_give_corpus_bleu(corpus, options):
    hypotheses, references = corpus
    counts = bleu.statistics(hypotheses, references, **options)
    assert counts.shape == (200, 10)
    expected = bleu.bleu(hypotheses, references, **options).score
    assert bleu.score(counts.sum(axis=0)) == pytest.approx(expected)
    assert bleu.score(counts[:50].sum(axis=0)) == pytest.approx(
        bleu.bleu(hypotheses[:50], references[:50], **options).score
    )


def test_vectorized_score_is_sacrebleus_in_every_corner():
    rng = np.random.default_rng(1)
    total = np.sort(rng.integers(0, 4, size=(500, 4)), axis=1)[:, ::-1]
    matched = np.minimum(rng.integers(0, 4, size=(500, 4)), total)
    lengths = rng.integers(0, 6, size=(500, 2))
    counts = np.concatenate([lengths, matched, total], axis=1)
    expected = [
        BLEU.compute_bleu(
            list(row[2:6]), list(row[6:]), int(row[0]), int(row[1]), "exp"
        ).score
        for row in counts.tolist()
    ]
    # matches without any output: sacrebleu says 0, but no corpus has such counts
    sane = (lengths[:, 0] > 0) | (matched.sum(axis=1) == 0)
    np.testing.assert_allclose(
        bleu.score(counts)[sane], np.array(expected)[sane], rtol=1e-9, atol=1e-12
    )


def test_empty_hypotheses_score_zero():
    assert bleu.bleu(["", ""], ["a b", "c"]).score == 0.0
    assert bleu.score(bleu.statistics([""], ["a b"]).sum(axis=0)) == 0.0


def test_by_length(corpus):
    hypotheses, references = corpus
    lengths = np.array([len(r.split()) for r in references])
    rows = bleu.by_length(hypotheses, references, lengths, edges=(8, 16, 100))
    assert [(row.low, row.high) for row in rows] == [
        (1, 8),
        (9, 16),
        (17, 100),
        (101, None),
    ]
    assert sum(row.count for row in rows) == 200
    middle = [k for k in range(200) if 9 <= lengths[k] <= 16]
    assert rows[1].count == len(middle)
    expected = bleu.bleu(
        [hypotheses[k] for k in middle], [references[k] for k in middle]
    )
    assert rows[1].bleu == pytest.approx(expected.score)
    assert rows[3].count == 0 and math.isnan(rows[3].bleu)
    assert all(type(row.bleu) is float for row in rows)


def test_errors():
    with pytest.raises(ValueError, match="unknown tokenize 'moses'; choose none, 13a"):
        bleu.bleu(["a"], ["a"], tokenize="moses")
    with pytest.raises(ValueError, match="1 hypotheses for 2 references"):
        bleu.bleu(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="no sentences"):
        bleu.statistics([], [])
    with pytest.raises(ValueError, match="2 source lengths for 1 references"):
        bleu.by_length(["a"], ["a"], [1, 2])
    with pytest.raises(ValueError, match="edges must be increasing"):
        bleu.by_length(["a"], ["a"], [1], edges=(5, 5))


def test_several_references_are_parted_by_tabs():
    """As sacrebleu scores two streams of references, one of them with a gap."""
    hypotheses = ["the dog runs on the grass", "a red house by the sea"]
    references = ["the dog runs\ta dog runs on the grass", "a house by the sea"]
    streams = [
        ["the dog runs", "a house by the sea"],
        ["a dog runs on the grass", None],
    ]
    expected = BLEU(tokenize="none", force=True).corpus_score(hypotheses, streams)
    result = bleu.bleu(hypotheses, references)
    assert (
        result.score == pytest.approx(expected.score)
        and "nrefs:var" in result.signature
    )
    counts = bleu.statistics(hypotheses, references).sum(axis=0)
    assert float(bleu.score(counts)) == pytest.approx(expected.score)
    one = bleu.bleu(hypotheses, [line.split("\t")[-1] for line in references])
    assert one.score < result.score and "nrefs:1|" in one.signature


def test_counts_of_all_sentences_at_once_are_sacrebleus():
    """Repeated words, empty lines, case, marks that tokenizers split, other blanks."""
    rng = np.random.default_rng(0)
    words = np.array([*"aaabcdeFG", "so,", "don't", "3.5%", "\u65e5\u672c", "x\u00a0y"])

    def lines():
        return [" ".join(rng.choice(words, rng.integers(0, 12))) for _ in range(200)]

    hypotheses, references = lines(), lines()
    hypotheses[:3], references[1:3] = ["", "a", " a  a "], ["", "a a a a a"]
    hypotheses[3:50] = references[3:50]
    for tokenize in bleu.TOKENIZERS:
        for lowercase in (False, True):
            metric = BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
            expected = metric._extract_corpus_statistics(hypotheses, [references])
            counts = bleu.statistics(
                hypotheses, references, tokenize=tokenize, lowercase=lowercase
            )
            np.testing.assert_array_equal(counts, expected)
    for some in ([""], ["a"]):
        expected = BLEU(force=True)._extract_corpus_statistics(some, [[""]])
        np.testing.assert_array_equal(bleu.statistics(some, [""]), expected)
