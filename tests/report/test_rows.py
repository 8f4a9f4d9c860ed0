import pytest

from attnlab import runs
from attnlab.report import rows
from tests.report.by_hand import row_of


def run_folder(root, name, seed, order, **files):
    folder = root / runs.slug(name) / str(seed)
    names = {"row": name, "slug": runs.slug(name), "seed": seed, "order": order}
    runs.write_json(folder / runs.CONFIG, names)
    for file, content in files.items():
        runs.write_json(folder / f"{file}.json", content)
    return folder


@pytest.fixture
def half(tmp_path):
    """Row 0 with a result and an unfinished run, row 2 with a failed one."""
    run_folder(tmp_path, "zeta (dot)", 0, 0, result={"bleu": 20.5, "aer": None})
    unfinished = run_folder(tmp_path, "zeta (dot)", 1, 0)
    runs.append_jsonl(unfinished / runs.METRICS, {"step": 40, "kind": "train"})
    error = {"error": "no\nmemory, again", "step": 7}
    run_folder(tmp_path, "alpha", 1, 2, error=error)
    return tmp_path


def test_rows_keep_the_order_of_the_sweep_and_their_states(half):
    first, second = rows.group(runs.find(half))
    assert (first.name, second.name) == ("zeta (dot)", "alpha")
    assert [rows.state(run) for run in first.runs] == ["finished", "unfinished"]
    assert [run.seed for run in first.finished] == [0] and not first.failed
    assert rows.failure(second.failed[0]) == "failed at step 7: no memory, again"


def test_missing_names_what_a_full_sweep_would_have(half):
    assert rows.missing(rows.group(runs.find(half))) == [
        "zeta (dot), seed 1: unfinished, at step 40",
        "seed 0 of alpha: not begun",
        "row 2 of the sweep: not begun",
    ]


def test_nothing_is_missing_from_a_finished_sweep(sweep):
    assert rows.missing(rows.group(runs.find(sweep))) == []


def test_rows_of_several_sweeps_carry_their_folder(tmp_path):
    run_folder(tmp_path / "first", "dot", 0, 1, result={"bleu": 1.0})
    run_folder(tmp_path / "second", "dot", 0, 0, result={"bleu": 2.0})
    grouped = rows.group(runs.find(tmp_path))
    assert [row.name for row in grouped] == ["first/dot", "second/dot"]
    assert [row.slug for row in grouped] == ["first-dot", "second-dot"]


def test_rows_of_two_sweeps_never_share_a_slug(tmp_path):
    for sweep, slug in (("a", "b-c"), ("a-b", "c")):
        runs.write_json(tmp_path / sweep / slug / "0" / runs.CONFIG, {"slug": slug})
    grouped = rows.group(runs.find(tmp_path))
    assert len({row.slug for row in grouped}) == len(grouped) == 2


def test_a_row_is_described_by_a_configuration_that_can_be_read(tmp_path):
    for seed in range(2):
        folder = tmp_path / "x" / str(seed)
        config = {"row": "X", "slug": "x", "seed": seed, "task": "classification"}
        runs.write_json(folder / runs.CONFIG, config)
    (tmp_path / "x" / "0" / runs.CONFIG).write_text("{")
    (row,) = rows.group(runs.find(tmp_path))
    assert row.config["task"] == "classification" and len(row.runs) == 2


def test_two_sweeps_do_not_hide_or_invent_missing_rows(tmp_path):
    for sweep in ("first", "second"):
        run_folder(tmp_path / sweep, "dot", 0, 0, result={"bleu": 1.0})
    run_folder(tmp_path / "second", "late", 0, 2, result={"bleu": 1.0})
    missing = rows.missing(rows.group(runs.find(tmp_path)))
    assert missing == ["row 2 of second: not begun"]


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        (runs.METRICS, b'{"step": \n{}\n', "metrics.jsonl line 1 is not JSON: "),
        (runs.ALIGNMENTS, b"PK", "alignments.npz cannot be read: "),
        (runs.EXAMPLES, b"PK", "examples.npz cannot be read: "),
        (runs.SOURCES, b"\xff", "sources.txt is not UTF-8: "),
        (runs.REFERENCES, b"\xff", "references.txt is not UTF-8: "),
        (runs.HYPOTHESES, b"\xff", "hypotheses.txt is not UTF-8: "),
    ],
)
def test_a_damaged_file_fails_its_run(half, file, content, expected):
    finished, unfinished, failed = runs.find(half)
    for run in (finished, unfinished):
        assert rows.checked(run) == run
        (run.folder / file).write_bytes(content)
        damaged = rows.checked(run)
        assert rows.state(damaged) == "failed" and damaged.result is None
        assert rows.failure(damaged).startswith(f"failed: {expected}")
        assert damaged.config == run.config
    (failed.folder / file).write_bytes(content)
    assert rows.checked(failed) == failed  # what it failed for first says more


def test_damaged_losses_fail_no_run(half):
    run = runs.find(half)[0]
    (run.folder / runs.LOSSES).write_bytes(b"\xff")
    assert rows.checked(run) == run


def test_lists_of_names_with_commas_can_be_told_apart():
    assert rows.listed(["a", "b (c)"]) == "a, b (c)"
    assert rows.listed(name for name in ("a", "b, c", "d")) == "a; b, c; d"
    assert rows.listed(["a, b"]) == "a, b"


def test_rows_go_by_name_or_slug():
    soft, hard = row_of("soft (dot)", {}), row_of("hard, enumerated", {})
    for name in ("hard, enumerated", "hard-enumerated"):
        assert rows.named([soft, hard], name, "to compare with") is hard
    with pytest.raises(ValueError) as error:
        rows.named([soft, hard], "hard", "to compare with")
    assert str(error.value) == (
        "no row 'hard' to compare with; choose soft (dot); hard, enumerated"
    )


def test_absent_rows_with_commas_can_be_told_apart():
    grouped = [
        row_of("first", {"bleu": 1.0}, {"bleu": 1.0}),
        row_of("a, b", {"bleu": 1.0}, order=1),
        row_of("c", {"bleu": 1.0}, order=2),
    ]
    assert rows.missing(grouped) == ["seed 1 of a, b; c: not begun"]


def test_a_row_is_hard_if_a_finished_run_has_a_second_bound():
    assert rows.is_hard(row_of("a", None, {"perplexity_argmax": None}))
    assert not rows.is_hard(row_of("a", {"perplexity": 3.0}))
    assert not rows.is_hard(row_of("a", None))
