import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics.seed_significance import crossed_bootstrap
from attnlab.metrics.significance import paired_bootstrap
from attnlab.report import example_stats, table
from tests.report.by_hand import forced, row_of

UNTESTED = "so its perplexity is not tested"


@pytest.fixture
def run(tmp_path):
    """A finished run of three sentences with perplexity e^2."""
    runs.write_lines(tmp_path / runs.REFERENCES, ["a b", "", "c"])
    runs.write_losses(tmp_path, [3.0, 2.5, 6.5], [3, 1, 2])
    return runs.Run(tmp_path, {"seed": 4}, {"perplexity": np.exp(2.0)}, None)


def test_losses_are_nats_and_units_by_reference(run):
    losses, problem = example_stats._losses(run)
    assert problem == ""
    np.testing.assert_array_equal(losses.counts, [[3.0, 3], [2.5, 1], [6.5, 2]])
    assert losses.sentences == [("a b", 3), ("", 1), ("c", 2)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no losses.tsv"),
        (b"3.0\t3\n2.5\t1\n", "losses.tsv has 2 sentences, references.txt 3"),
        (b"3.0\t3\nnan\t1\n6.5\t2\n", "losses.tsv has losses or units that are no"),
        (b"3.0\t3\ninf\t1\n6.5\t2\n", "losses.tsv has losses or units that are no"),
        (b"3.0\t3\n2.5\t0\n6.5\t2\n", "losses.tsv has losses or units that are no"),
        (b"3.0\t3\n2.5\n6.5\t2\n", "losses.tsv is damaged: "),
        (b"\xff", "losses.tsv is not UTF-8: "),
    ],
)
def test_losses_that_cannot_be_used_are_a_note(run, content, expected):
    path = run.folder / runs.LOSSES
    path.unlink() if content is None else path.write_bytes(content)
    losses, problem = example_stats._losses(run)
    assert losses is None
    assert problem.startswith(expected) and problem.endswith(f", {UNTESTED}")
    row = row_of("dot")._replace(runs=(run,))
    assert example_stats.losses_by_seed(example_stats.read(row)) is None
    assert (4, problem) in example_stats.read(row).notes


def test_losses_need_their_references(run):
    (run.folder / runs.REFERENCES).unlink()
    assert example_stats._losses(run) == (None, f"no references.txt, {UNTESTED}")
    runs.write_lines(run.folder / runs.REFERENCES, [])
    runs.write_losses(run.folder, [], [])
    assert example_stats._losses(run) == (None, "")  # the note on texts is enough


@pytest.mark.parametrize("stated", [7.39, None, "high", np.exp(2.0) * 1.0009])
def test_losses_agree_with_the_result_to_its_rounding(run, stated):
    losses, problem = example_stats._losses(run._replace(result={"perplexity": stated}))
    assert losses is not None and problem == ""


@pytest.mark.parametrize("factor", [0.9985, 1.0015])
def test_losses_that_disagree_with_the_result_are_used_and_noted(run, factor):
    stated = factor * np.exp(2.0)
    losses, problem = example_stats._losses(run._replace(result={"perplexity": stated}))
    assert losses is not None
    assert problem == (
        f"perplexity is {stated:.3f} in result.json but 7.389 from its losses.tsv, "
        "which tests and figures use"
    )


def test_losses_are_those_of_each_seed():
    _, stats = forced([1.0, 2.0, 4.0], [3.0, 2.0, 1.0])
    sentences, counts = example_stats.losses_by_seed(stats)
    seeds = [[1.0, 2], [2.0, 2], [4.0, 2]], [[3.0, 2], [2.0, 2], [1.0, 2]]
    np.testing.assert_array_equal(counts, seeds)
    assert sentences[1] == ("sentence 1", 2)


def test_losses_of_other_sentences_or_other_units_are_not_tested():
    first, other, cut = (forced([1.0, 2.0], units=u)[1].losses[0] for u in (2, 2, 3))
    other = other._replace(references=other.references[::-1])
    stats = forced([1.0, 2.0])[1]
    assert (
        example_stats.losses_by_seed(stats._replace(losses=[first, first])) is not None
    )
    for second in (other, cut, None):
        assert (
            example_stats.losses_by_seed(stats._replace(losses=[first, second])) is None
        )


def test_perplexity_of_summed_counts():
    totals = np.array([[6.0, 3.0], [0.0, 2.0]])
    np.testing.assert_allclose(example_stats.perplexity(totals), [np.exp(2.0), 1.0])
    assert float(example_stats.perplexity(totals[0])) == np.exp(2.0)
    assert float(example_stats.perplexity(np.array([600.0, 1.0]))) == np.exp(600.0)


def test_a_perplexity_past_every_number_can_still_be_tested():
    worse, huge, good = ([nats] * 20 for nats in (5e3, 3e3, 2.0))
    stats = [forced(seed, seed)[1] for seed in (worse, huge, good)]
    seeds = [example_stats.losses_by_seed(each)[1] for each in stats]
    counts = [each.sum(axis=0) for each in seeds]
    assert np.isfinite(example_stats.perplexity(counts[0].sum(axis=0)))
    comparison = paired_bootstrap(counts[2], counts[1], example_stats.perplexity)
    assert comparison.difference > 0 and comparison.p_value < 0.01
    alike = paired_bootstrap(counts[0], counts[1], example_stats.perplexity)
    assert alike.p_value == 1.0  # both are past it: nobody can tell
    alike = crossed_bootstrap(seeds[0], seeds[1], example_stats.perplexity)
    assert alike.p_value == 1.0


@pytest.fixture
def classified(tmp_path):
    """Runs of four examples, the first right in one of them, the second in three."""
    members = []
    for seed, right in enumerate(([1, 0, 0, 0], [1, 1, 1, 0])):
        folder = tmp_path / str(seed)
        folder.mkdir()
        counts = {"accuracy": [[hit, 1] for hit in right]}
        runs.write_example_counts(folder, list("abcd"), counts)
        result = {"accuracy": sum(right) / 4}
        members.append(runs.Run(folder, {"seed": seed}, result, None))
    return members


def test_example_counts_are_those_of_each_seed_and_scored(classified):
    row = row_of("dot")._replace(runs=tuple(classified))
    stats = example_stats.read(row)
    assert stats.notes == []
    examples, counts = example_stats.score_by_seed(stats, "accuracy")
    assert examples == list("abcd")
    hits = [[1, 0, 0, 0], [1, 1, 1, 0]]
    np.testing.assert_array_equal(counts[..., 0], hits)
    np.testing.assert_array_equal(example_stats.ratio(counts.sum(1)), [0.25, 0.75])
    assert example_stats.score_by_seed(stats, "pointing") is None


def test_example_counts_that_disagree_with_the_result_are_a_note(classified):
    run = classified[0]._replace(result={"accuracy": 0.75})
    _, problem = example_stats._example_counts(run)
    assert problem.startswith("accuracy is 0.750 in result.json but 0.250 from its")
    (run.folder / runs.EXAMPLE_COUNTS).write_bytes(b"PK")
    counts, problem = example_stats._example_counts(run)
    assert counts is None and "tallies.npz cannot be read" in problem


def test_rows_of_classifiers_are_tested_by_their_example_counts(classified):
    rows = [
        row_of(name, order=k)._replace(runs=(run,))
        for k, (name, run) in enumerate(zip(("dot", "mean"), classified, strict=True))
    ]
    stats = {row.name: example_stats.read(row) for row in rows}
    printed = table.make_table(rows, stats)
    assert [column.key for column in printed.columns] == ["accuracy"]
    dot, mean = (line.cells["accuracy"] for line in printed.lines)
    assert (dot.mean, mean.mean) == (25.0, 75.0) and mean.best
    expected = paired_bootstrap(
        np.array([[1, 1], [1, 1], [1, 1], [0, 1]]),
        np.array([[1, 1], [0, 1], [0, 1], [0, 1]]),
        example_stats.ratio,
        samples=1000,
    )
    assert dot.p_value == expected.p_value and dot.p_both is None  # one seed
    assert any("accuracy %: mean" in line or "(mean)" in line for line in printed.notes)
