"""Claims: that their rows exist, and that verdicts follow from the runs."""

import importlib

import numpy as np
import pytest
from scipy import stats

from attnlab import runs
from attnlab.metrics import bleu_score
from attnlab.metrics.registry import METRICS
from attnlab.report import example_stats, marks
from attnlab.report.report import read_rows
from attnlab.sweep import rows
from experiments.claims import __main__ as program
from experiments.claims.judge import HELD, MISSING, NOT_HELD, OPEN, judge
from experiments.claims.page import HEAD, as_text, page, sweep_command
from experiments.claims.records import CLAIMS, ESTIMATORS, Claim
from experiments.estimators import setup
from tests.report.conftest import sentences, write_run, write_sweep

GOOD, BAD = "local-p (general)", "global (dot)"


def claim(better=GOOD, worse=BAD, score="bleu", **more) -> Claim:
    return Claim(
        "key", "Somebody 2015", "It is so.", "sweep", better, worse, score, **more
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three rows of three seeds, of which GOOD is far better than BAD."""
    root = tmp_path_factory.mktemp("claims")
    write_sweep(root / "sweep")
    return root


SWEEPS = {claim.config for claim in CLAIMS} - {ESTIMATORS}


@pytest.mark.parametrize("config", sorted(SWEEPS))
def test_a_claim_names_rows_of_its_sweep(config):
    name, _, argument = config.partition(":")
    module = importlib.import_module(f"configs.ablations.{name}")
    specs = rows.plan(module.get_config(*filter(None, [argument])), module.sweep)
    known = {spec.row for spec in specs}
    for each in CLAIMS:
        if each.config == config:
            assert {each.better, each.worse} <= known, each.key
            assert METRICS[each.score].better, each.key


def test_claims_on_estimators_name_some_that_are_measured():
    known = {estimator.name for estimator in setup.ESTIMATORS}
    asked = [claim for claim in CLAIMS if claim.config == ESTIMATORS]
    assert asked and all({each.better, each.worse} <= known for each in asked)


@pytest.mark.parametrize(
    ("variance", "verdict", "p_value"),
    [(0.7, HELD, 2.209e-5), (0.98, OPEN, 0.7773), (1.3, NOT_HELD, 2.209e-5)],
)
def test_estimators_are_judged_by_their_variances_and_errors(
    tmp_path, variance, verdict, p_value
):
    lines = ["name,variance,variance_error", "none,1.0,0.05", f"soft,{variance},0.05"]
    (tmp_path / ESTIMATORS).mkdir()
    (tmp_path / ESTIMATORS / "estimators.csv").write_text("\n".join(lines))
    asked = claim("soft", "none", "variance")._replace(config=ESTIMATORS)
    (judged,) = judge([asked], tmp_path)
    assert (judged.verdict, judged.means) == (verdict, (variance, 1.0))
    assert judged.p_value == pytest.approx(p_value, rel=1e-3)
    wide = 1.96 * 0.05 * 2**0.5
    low, high = judged.interval
    assert [low, high] == pytest.approx(
        [variance - 1 - wide, variance - 1 + wide], 1e-3
    )
    (missing,) = judge([asked], tmp_path / "elsewhere")
    assert missing.verdict == MISSING and "none" in missing.why
    said = page([judged, missing], tmp_path)
    assert "variance of a gradient" in said
    assert ("< 0.001" in said) == (p_value < 0.0005)
    assert f"python -m experiments.estimators --out={tmp_path / ESTIMATORS}" in said


def test_two_scores_of_a_row_are_tested_in_pairs(tmp_path):
    ours, others = (0.30, 0.40, 0.50), (0.33, 0.42, 0.54)
    for seed, (aer, shifted) in enumerate(zip(ours, others, strict=True)):
        more = {"aer": aer, "aer_shift_1": shifted}
        write_run(tmp_path / "sweep", "one", seed, 0, sentences(20), result=more)
    asked = claim("one", "one", "aer", worse_score="aer_shift_1")
    (judged,) = judge([asked], tmp_path)
    assert judged.p_value == pytest.approx(stats.ttest_rel(ours, others).pvalue)
    # Seeds differ far more than the two scores do.
    assert judged.verdict == HELD and stats.ttest_ind(ours, others).pvalue > 0.5
    assert "`aer` against `aer_shift_1` of the row `one`" in page([judged], tmp_path)
    assert judged.seconds == pytest.approx(3 * 91.5)  # a row's runs count once
    (missing,) = judge([asked], tmp_path / "elsewhere")
    assert missing.why.endswith("sweep of one")


def test_one_size_of_a_score_is_taken_from_the_results_by_size(tmp_path):
    for name, value in (("one", 0.1), ("two", 0.5)):
        for seed in range(2):
            sizes = {"8": 1.0, "16": value + 0.01 * seed}
            more = {"bits_per_item": 1.0, "bits_per_item_by_size": sizes}
            write_run(tmp_path / "sweep", name, seed, 0, sentences(20), result=more)
    asked = claim("one", "two", "bits_per_item", size="16")
    (judged,) = judge([asked], tmp_path)
    assert judged.means == pytest.approx((0.105, 0.505)) and judged.verdict == HELD
    assert "bits/item, size 16" in as_text([judged], tmp_path)
    (lacking,) = judge([asked._replace(size="99")], tmp_path)
    assert lacking.verdict == OPEN and "no bits/item" in lacking.why


def test_the_page_says_why_a_claim_came_out_otherwise(root):
    asked = [claim(otherwise="Because."), claim(BAD, GOOD, otherwise="As it is bad.")]
    said = page(judge(asked, root), root)
    assert "As it is bad." in said and "Because." not in said


def test_claims_have_names_of_their_own():
    keys = [each.key for each in CLAIMS]
    assert len(set(keys)) == len(keys)
    for each in CLAIMS:
        assert not each.at_least or each.score == "bleu"  # lengths are those of texts


@pytest.mark.parametrize("score", ["bleu", "aer", "perplexity"])
def test_a_difference_of_all_seeds_and_sentences_decides(root, score):
    (held,) = judge([claim(score=score)], root)
    (turned,) = judge([claim(BAD, GOOD, score)], root)
    assert (held.verdict, turned.verdict) == (HELD, NOT_HELD)
    assert held.p_value < 0.05 and held.seeds == (3, 3)
    assert held.seconds == pytest.approx(6 * 91.5)
    values = [
        [run.result[score] for run in row.finished]
        for name in (GOOD, BAD)
        for row in read_rows(root / "sweep")
        if row.name == name
    ]
    np.testing.assert_allclose(held.means, np.mean(values, axis=1))
    test = stats.ttest_ind(*values, equal_var=False)
    np.testing.assert_allclose(held.interval, test.confidence_interval(0.95))
    assert turned.interval == pytest.approx([-held.interval[1], -held.interval[0]])


def test_a_row_is_no_better_than_its_copy(tmp_path):
    pairs = sentences(60)
    for name in ("one", "two"):
        for seed in range(3):
            write_run(tmp_path / "sweep", name, seed, 0, pairs)
    (judged,) = judge([claim("one", "two")], tmp_path)
    assert judged.verdict == OPEN and judged.p_value > 0.5


def test_one_seed_leaves_a_claim_open(tmp_path):
    write_sweep(tmp_path / "sweep", seeds=1)
    (judged,) = judge([claim()], tmp_path)
    assert judged.verdict == OPEN and judged.p_value is None
    assert "one seed" in judged.why and judged.interval is None


def test_a_claim_on_long_sentences_counts_those_alone(root):
    (judged,) = judge([claim(at_least=9)], root)
    for row in read_rows(root / "sweep"):
        if row.name == GOOD:
            scores = []
            for text in example_stats.read(row).texts:
                long = [n for n, length in enumerate(text.lengths) if length >= 9]
                assert 0 < len(long) < len(text.lengths)
                total = sum(text.counts[n] for n in long)
                scores.append(float(bleu_score.score(total)))
            assert judged.means[0] == pytest.approx(np.mean(scores))


def test_a_score_without_counts_is_tested_over_seeds(tmp_path):
    """By Welch's t, as nothing is known of single sequences."""
    pairs, values = sentences(20), {"one": (0.1, 0.11, 0.12), "two": (0.3, 0.31, 0.5)}
    for name, bits in values.items():
        for seed, value in enumerate(bits):
            more = {"bits_per_item": value}
            write_run(tmp_path / "sweep", name, seed, 0, pairs, result=more)
    gather, _ = marks.tested("bits_per_item")
    (judged,) = judge([claim("one", "two", "bits_per_item")], tmp_path)
    row = read_rows(tmp_path / "sweep")[0]
    assert gather(example_stats.read(row)) is None
    expected = stats.ttest_ind(*values.values(), equal_var=False).pvalue
    assert judged.p_value == pytest.approx(expected)


def test_runs_that_are_missing_are_named_with_their_sweep(tmp_path, capsys, root):
    write_run(tmp_path / "sweep", GOOD, 0, 0, sentences(5))
    write_run(tmp_path / "sweep", BAD, 0, 1, [], state="unfinished")
    (judged,) = judge([claim()], tmp_path)
    assert judged.verdict == MISSING and BAD in judged.why
    assert judged.why == f"in {tmp_path / 'sweep'} of {BAD} (unfinished)"
    assert program.main(["--only=ntm-lstm", f"--runs={root}"]) == 0
    said = capsys.readouterr().out
    command = " ".join(sweep_command("graves2014", root))
    assert command in said and "1 claim: 1 no runs" in said
    assert f"no runs in {root / 'graves2014'} of NTM, LSTM and LSTM" in said


def test_the_table_is_explained_below_it(root):
    judged = judge([claim(), claim(score="aer"), claim(score="perplexity")], root)
    said = as_text(judged, root)
    assert "first minus second" in said and "seconds: of all runs" in said
    assert "Lower is better for AER, perplexity." in said
    assert "\nkey: It is so.\n" in said and "3 claims: 3 held." in said
    assert "Lower is better" not in as_text(judged[:1], root)


@pytest.mark.parametrize("steps", [300, 600])
def test_runs_of_other_lengths_than_the_sweep_are_said(tmp_path, steps):
    config = importlib.import_module("configs.ablations.synthetic").get_config()
    assert config.train.steps == 600
    write_sweep(tmp_path / "synthetic")
    for file in tmp_path.rglob(runs.CONFIG):
        runs.write_json(file, runs.read_json(file) | {"train": {"steps": steps}})
    asked = [claim()._replace(config="synthetic")]
    (judged,) = judge(asked, tmp_path)
    said = "" if steps == 600 else "trained for 300 updates, the sweep has 600"
    assert judged.why == said
    assert said in page(judge(asked, tmp_path), tmp_path)


def test_help_and_page_say_where_and_how(tmp_path, capsys):
    with pytest.raises(SystemExit):
        program.main(["--help"])
    assert "runs/synthetic" in capsys.readouterr().out
    assert "p is of another test" in page(judge([claim()], tmp_path), tmp_path)


def test_the_page_is_written_and_nothing_else_is_replaced(tmp_path, capsys):
    file = tmp_path / "claims.md"
    asked = ["--only=Luong", f"--runs={tmp_path}", f"--write={file}"]
    assert program.main(asked) == 0 and program.main(asked) == 0
    text = file.read_text()
    assert text.startswith(HEAD) and "6.1 : 6.4" in text
    file.write_text("mine\n")
    assert program.main(asked) == 2
    assert "no page of claims" in capsys.readouterr().err
    assert file.read_text() == "mine\n"


def test_a_claim_that_is_not_there_is_said(capsys):
    assert program.main(["--only=Vaswani"]) == 2
    assert "choose long-sentences" in capsys.readouterr().err


def test_quick_trains_what_is_quick_and_ends_with_its_failure(monkeypatch, tmp_path):
    begun = []

    def fake(words, **more):
        begun.append(words)
        return type("Done", (), {"returncode": 3})

    monkeypatch.setattr(program.subprocess, "run", fake)
    assert program.main(["--quick", f"--runs={tmp_path}"]) == 3
    words = begun[0]
    assert words[1:3] == ["-m", "experiments.sweep"]
    assert f"--workdir={tmp_path / 'synthetic'}" in words
    only = [word for word in words if word.startswith("--only=")]
    assert "--only=none" in only and len(only) == len(set(only)) == 8
    module = importlib.import_module("configs.ablations.synthetic")
    known = {spec.row for spec in rows.plan(module.get_config(), module.sweep)}
    for row in only:  # which is the only one that has its name as a part
        assert sum(row.removeprefix("--only=") in name for name in known) == 1
    assert not (tmp_path / "synthetic" / runs.CONFIG).exists()
