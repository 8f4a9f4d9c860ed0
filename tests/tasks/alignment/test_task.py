"""An aligner from its settings to its result, and what a trained one does."""

import numpy as np
import pytest

import attnlab
from attnlab import runs
from attnlab.report.report import write_report
from attnlab.sweep import rows
from attnlab.tasks.alignment.evaluate import Aligned, agreement, judge
from attnlab.text.pairs import GoldPair
from attnlab.training.run import run
from configs.ablations import alignment as ablation
from tests.tasks.alignment.small import SMALL, small_spec


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a small aligner that has learned, and its result."""
    root = tmp_path_factory.mktemp("alignment")
    settings = {
        "train.steps": 150,
        "train.evaluate_every": 75,
        "data.synthetic.train": 400,
        "model.embedding": 16,
    }
    (folder,) = rows.write_folders([small_spec(**settings)], root)
    return folder, run(folder, console=False)


def test_it_learns_to_align(trained):
    folder, result = trained
    assert result["aer"] < 0.35  # guessing has 0.8
    assert result["agreement"] > 0.6
    assert result["aers"]["test"]["aer"] == result["aer"]
    for name in ("aer_forward", "aer_backward", "aer_product", "aer_grow_diag"):
        assert 0 <= result[name] < 0.6
    sets = runs.read_alignments(folder)
    assert set(sets) == set(result["aers"])
    assert runs.damaged_files(folder) == []


def test_a_loaded_one_aligns_pairs_and_streams_of_them(trained):
    folder, result = trained
    aligner = attnlab.load(folder)
    (name, *_) = result["aers"]
    gold = aligner.settings.data.load().gold[name]
    pairs = list(aligner.align_all([pair.pair for pair in gold]))
    links = [pair.links() for pair in pairs]
    sure = [{(s, t) for t, s in pair.sure} for pair in gold]
    possible = [{(s, t) for t, s in pair.possible} for pair in gold]
    threshold = attnlab.metrics.aer(links, sure, possible)
    assert threshold == pytest.approx(result["aers"][name]["aer_threshold"])
    one = aligner.align(" ".join(gold[0].source), " ".join(gold[0].target))
    np.testing.assert_allclose(one.alignment, pairs[0].alignment, atol=1e-5)
    assert one.links(0.99) <= one.links(0.5)
    empty = aligner.align("", "a word")
    assert empty.alignment.shape == (2, 0) and empty.links() == set()
    assert aligner.align("unheard of", "").links() == set()


def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path):
    (whole,) = rows.write_folders([small_spec()], tmp_path / "whole")
    expected = run(whole, console=False)
    (cut,) = rows.write_folders([small_spec()], tmp_path / "cut")
    run(cut, console=False)
    # As if it had been killed after its first checkpoint.
    for name in (runs.RESULT, runs.ALIGNMENTS):
        (cut / name).unlink()
    result = run(cut, console=False)
    times = {"seconds", "tokens_per_second", "seconds_per_step"}
    assert {k: v for k, v in result.items() if k not in times} == {
        k: v for k, v in expected.items() if k not in times
    }


def test_every_row_of_the_ablation_is_planned_and_reported(tmp_path, trained):
    small = SMALL | {"evaluate.gold": ""}
    specs = rows.plan(ablation.get_config(), ablation.sweep, small)
    assert len({spec.row for spec in specs}) == 8
    written = write_report(trained[0].parent.parent)
    table = next(path for path in written if path.name == "table.txt").read_text()
    assert "AER" in table and "agreement" in table


def test_links_are_judged_by_every_way_to_choose_them():
    forward = np.array([[0.9, 0.0, 0.1], [0.1, 0.2, 0.1], [0.0, 0.6, 0.3]])
    backward = np.array([[0.8, 0.0, 0.0], [0.1, 0.1, 0.2], [0.1, 0.8, 0.6]])
    aligned = [Aligned(forward, backward, 3.0)]
    sure = frozenset({(0, 0), (2, 1), (2, 2)})
    gold = [GoldPair(("a", "b", "c"), ("x", "y", "z"), sure, sure)]
    (sentence,), numbers = judge(aligned, gold, 0.44)
    # Mean: x-a 0.85, z-b 0.7, z-c 0.45; y is linked to nothing (0.2 at most).
    assert not sentence.weights[1].any() and sentence.weights[0, 0] > 0.8
    assert numbers["aer"] == pytest.approx(1 - (2 + 2) / (2 + 3))
    assert numbers["aer_threshold"] == 0.0
    # forward: x-a, z-b (y: NULL 0.6). backward: a-x, b-z, c-z.
    assert numbers["aer_forward"] == pytest.approx(1 - 4 / 5)
    assert numbers["aer_backward"] == 0.0
    assert numbers["aer_intersection"] == pytest.approx(1 - 4 / 5)
    assert numbers["aer_union"] == 0.0
    # 0.72, 0.48 and 0.18 reach 0.1.
    assert numbers["aer_product"] == 0.0
    both = (forward * backward).sum()
    assert agreement(aligned) == pytest.approx(
        2 * both / (forward.sum() + backward.sum())
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"evaluate.gold": "nowhere"}, "evaluate.gold is 'nowhere'"),
        ({"data.min_count": 10_000}, "data.min_count is 10000"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, words):
    (folder,) = rows.write_folders([small_spec(**change)], tmp_path)
    with pytest.raises(ValueError, match=words):
        run(folder, console=False)
