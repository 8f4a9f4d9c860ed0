"""What earlier reports counted: used again, and never when it is out of date."""

import json
import shutil

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import example_stats, marks, report, stored_counts
from attnlab.report import rows as row_groups
from attnlab.report.stored_counts import NAME, StoredCounts


@pytest.fixture(scope="module")
def listed(sweep, tmp_path_factory):
    """The sweep with the lists of files that finished runs have.

    Other tests report on the sweep itself, and so may have stored counts there.
    """
    root = tmp_path_factory.mktemp("listed") / "three"
    shutil.copytree(sweep, root, ignore=shutil.ignore_patterns(NAME))
    for run in runs.find(root):
        runs.write_result(run.folder, run.result)
    return root


@pytest.fixture
def copy(listed, tmp_path):
    return shutil.copytree(listed, tmp_path / "three")


def table_of(root):
    made = report.make_table(root)
    return made.lines, made.notes


@pytest.fixture
def counted(monkeypatch):
    """How often something was counted or tested."""
    calls = []
    for name in ("bleu.statistics", "flat_link_counts"):
        owner, _, function = name.rpartition(".")
        module = getattr(example_stats, owner) if owner else example_stats
        original = getattr(module, function)

        def spy(*arguments, original=original, function=function, **options):
            calls.append(function)
            return original(*arguments, **options)

        monkeypatch.setattr(module, function, spy)
    tests = marks.crossed_bootstraps

    def tested(reference, systems, *arguments, **options):
        calls.extend(["test"] * len(systems))
        return tests(reference, systems, *arguments, **options)

    monkeypatch.setattr(marks, "crossed_bootstraps", tested)
    return calls


def store(root):
    """What a report stores."""
    stored = StoredCounts(root / NAME)
    grouped = report.read_rows(root)
    stats = {row.name: example_stats.read(row, stored) for row in grouped}
    report.tables.make_table(grouped, stats, stored=stored)
    stored.save()


def test_the_second_time_nothing_is_counted_and_the_table_is_the_same(copy, counted):
    expected = table_of(copy)
    assert sorted(set(counted)) == ["flat_link_counts", "statistics", "test"]
    assert len(counted) == 9 + 9 + 3 * 2  # runs; columns x rows but the best
    store(copy)
    counted.clear()
    assert table_of(copy) == expected and counted == []
    first = (copy / NAME).read_bytes()
    store(copy)
    assert (copy / NAME).read_bytes() == first


def test_one_more_run_is_all_that_is_counted(copy, counted, tmp_path):
    last = copy / "global-dot" / "2"
    shutil.move(last, tmp_path / "last")
    store(copy)
    shutil.move(tmp_path / "last", last)
    counted.clear()
    with_store = table_of(copy)
    # The row's counts have changed; the others are not tested against this one.
    assert sorted(counted) == ["flat_link_counts", "statistics", *["test"] * 3]
    (copy / NAME).unlink()
    assert table_of(copy) == with_store


def test_other_hypotheses_are_counted_anew(copy, counted):
    store(copy)
    folder = copy / "global-dot" / "0"
    hypotheses = runs.read_lines(folder / runs.HYPOTHESES)
    runs.write_lines(folder / runs.HYPOTHESES, hypotheses[1:] + hypotheses[:1])
    runs.write_result(folder, runs.read_json(folder / runs.RESULT))
    counted.clear()
    changed = table_of(copy)
    assert sorted(counted) == ["statistics", "test"]
    assert any("global (dot), seed 0: BLEU is " in line for line in changed[1])
    (copy / NAME).unlink()
    assert table_of(copy) == changed


def test_files_that_no_list_vouches_for_are_never_stored(copy, counted):
    for run in runs.find(copy):
        (run.folder / runs.MANIFEST).unlink()
    store(copy)
    counted.clear()
    table_of(copy)
    assert counted.count("statistics") == counted.count("flat_link_counts") == 9
    assert set(runs.read_arrays(copy / NAME)) == {stored_counts.P_VALUES}


@pytest.mark.parametrize("content", [b"", b"PK", None])
def test_a_damaged_store_is_made_anew(copy, counted, content):
    expected = table_of(copy)
    store(copy)
    whole = (copy / NAME).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    (copy / NAME).write_bytes(flipped if content is None else content)
    counted.clear()
    assert table_of(copy) == expected and counted
    store(copy)
    assert (copy / NAME).read_bytes() == whole


@pytest.mark.parametrize("kind", ["text", "archive", "folder"])
def test_what_no_report_has_written_stays_as_it_is(copy, counted, kind):
    path = copy / NAME
    (copy / NAME).unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("mine")
    else:
        runs.write_arrays(path, {"mine": np.arange(100)})
    before = None if kind == "folder" else path.read_bytes()
    store(copy)
    assert path.is_dir() if before is None else path.read_bytes() == before


def test_what_no_run_needs_any_more_goes(copy):
    store(copy)
    many = set(runs.read_arrays(copy / NAME))
    shutil.rmtree(copy / "global-dot")
    store(copy)
    few = set(runs.read_arrays(copy / NAME))
    assert few < many and len(few) == 1 + (len(many) - 1) * 2 // 3
    p_values = json.loads(
        runs.read_arrays(copy / NAME)[stored_counts.P_VALUES].tobytes()
    )
    assert len(p_values) == 3


def test_runs_that_cannot_be_written_beside_are_reported(copy, monkeypatch):
    def refuse(path, arrays):
        raise PermissionError(13, "read only", str(path))

    monkeypatch.setattr(stored_counts, "write_arrays", refuse)
    store(copy)
    assert not (copy / NAME).exists()


def test_p_values_are_of_counts_samples_and_score():
    stored, asked = StoredCounts(), []

    def test(systems):
        asked.append(len(systems))
        return [[float(counts.sum()), None] for counts in systems]

    first, second, third = (np.full((4, 2), n) for n in (1, 2, 3))
    values = stored.p_values("bleu", first, [second, third], 10, test)
    assert values == [[16.0, None], [24.0, None]] and asked == [2]
    again = stored.p_values("bleu", first, [third, second], 10, test)
    assert again == [[24.0, None], [16.0, None]]
    assert asked == [2]
    for score, reference, samples in (
        ("aer", first, 10),
        ("bleu", third, 10),
        ("bleu", first, 11),
        ("bleu", first.reshape(2, 4), 10),
    ):
        asked.clear()
        stored.p_values(score, reference, [second], samples, test)
        assert asked == [1]


def test_rows_are_found_beside_the_store(copy):
    store(copy)
    assert len(row_groups.group(runs.find(copy))) == 3
