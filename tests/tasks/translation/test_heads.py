"""A translation model of several heads: what it learns, and what is said of it."""

import numpy as np
import pytest

import attnlab
from attnlab.sweep.data_checks import check_data
from attnlab.training.run import run
from tests.tiny import plan, tiny, tiny_folder


@pytest.mark.parametrize("decoder", ["luong", "bahdanau"])
def test_heads_are_judged_one_by_one_and_by_their_mean(tmp_path, decoder):
    chosen = {"model.heads": 2, "model.decoder": decoder, "train.guide": 0.0}
    folder = tiny_folder(tmp_path, **chosen)
    result = run(folder)
    assert result["best_head"] in (0, 1) and "aer_posterior" not in result
    loaded = attnlab.load(folder)
    gold = loaded.settings.data.load().gold["test"]
    forced = loaded.translator.forced_alignments(loaded.params, gold)
    each = []
    for h in range(2):
        right = total = 0
        for pair, alignment in zip(gold, forced, strict=True):
            np.testing.assert_allclose(
                np.mean(alignment.heads, axis=0), alignment.weights, atol=1e-6
            )
            np.testing.assert_allclose(alignment.heads[h].sum(axis=1), 1, atol=1e-5)
            for t, row in enumerate(alignment.heads[h]):
                link = (t, int(row.argmax()))
                right += (link in pair.sure) + (link in pair.possible)
                total += 1
            total += len(pair.sure)
        each.append(1 - right / total)
    assert result["aer_best_head"] == pytest.approx(min(each), abs=1e-9)
    text = " ".join(gold[0].source)
    assert str(loaded.translate(text)) == str(loaded.translate(text, beams=1))


@pytest.mark.parametrize(
    "values, words",
    [
        ({"model.read": "hard", "estimator.learning": "marginal"}, "model.read soft"),
        ({"model.readout": "additive"}, "model.readout full"),
        ({"model.score": "none"}, "attends to nothing"),
        ({"model.heads": 20}, "more than the width"),
    ],
)
def test_what_heads_do_not_go_with_is_said(values, words):
    with pytest.raises(ValueError, match=words):
        tiny(**{"model.heads": 2} | values)


def test_a_score_that_the_widths_do_not_allow_is_refused_before_a_sweep_begins(
    tmp_path,
):
    """Not by the run, after the rows before it have trained. Heads have one width."""

    def sweep(add):
        add("general", score="general")
        add("dot", score="dot")

    def check(**values):
        specs = plan(sweep, **{"model.encoder_hidden": 8} | values)
        check_data(specs, tmp_path)

    with pytest.raises(ValueError, match="dot needs .* one width, got 8 and 16"):
        check()
    check(**{"model.encoder_hidden": 4})
    check(**{"model.heads": 2})
