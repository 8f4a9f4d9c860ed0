"""Settings that would fail late are refused before training."""

import numpy as np
import pytest

from attnlab.tasks.translation.task import left_out, make_task, with_frequencies
from attnlab.text.batching import bucketed
from tests.tiny import tiny


@pytest.mark.parametrize(
    "setting, value, message",
    [
        ("evaluate.gold", "odd224", "unknown evaluate.gold 'odd224'.*'test', 'dev'"),
        ("evaluate.length_penalty", "long", "unknown evaluate.length_penalty 'long'"),
        ("evaluate.tokenize", "moses", "unknown evaluate.tokenize 'moses'"),
        ("evaluate.dev_sentences", 0, "evaluate.dev_sentences is 0"),
        ("train.evaluate_every", 0, "train.evaluate_every is 0"),
        ("train.label_smoothing", 1.5, "train.label_smoothing is 1.5"),
        ("model.dropout", 1.0, "model.dropout is 1.0"),
        ("data.name", "files", "'files' needs train"),
    ],
)
def test_a_wrong_setting_is_named_at_once(tmp_path, setting, value, message):
    with pytest.raises(ValueError, match=message):
        make_task(tiny(**{setting: value}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_corpus_without_a_test_set_is_refused_before_training(tmp_path):
    for name in ("train", "dev"):
        (tmp_path / f"{name}.tsv").write_text("a b\tx y\n" * 9)
    paths = {
        "data.name": "files",
        "data.files.train": str(tmp_path / "train.tsv"),
        "data.files.dev": str(tmp_path / "dev.tsv"),
    }
    with pytest.raises(ValueError, match="corpus 'files' has no test pairs"):
        make_task(tiny(**paths), tmp_path)


def test_an_untrained_vocabulary_predicts_the_frequencies():
    counts = np.array([0, 3, 7])
    params = {"params": {"vocabulary_bias": np.zeros(3), "other": 1}}
    bias = with_frequencies(params, counts)["params"]["vocabulary_bias"]
    np.testing.assert_allclose(np.exp(bias) / np.exp(bias).sum(), (counts + 1) / 13)


def test_pairs_that_are_left_out_are_counted():
    pairs = [([4, 5], [6])] * 3 + [([4] * 20, [6])]
    batches = bucketed(pairs, batch_size=2, longest=12)
    assert left_out(batches, None) == [
        "1 of 4 training pairs are longer than 12 with the end mark (data.longest), "
        "and left out"
    ]
    assert left_out(bucketed(pairs[:3], batch_size=2), None) == []
