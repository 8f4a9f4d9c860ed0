"""Figures are drawn once, and again when what they show changes."""

import numpy as np
import pytest

from attnlab.report import drawings, figures, report, row_curves
from attnlab.report.drawings import RECORD, Drawings
from attnlab.report.figures import Bins
from attnlab.report.table import Column, Table, TableCell, TableLine
from tests.report.by_hand import row_of

BINS = Bins(["1", "2"], [3, 4], {"a": np.array([[1.0, 2.0]])})


@pytest.fixture
def saved(monkeypatch):
    """Names of the figures that are saved."""
    names = []
    save = figures.save
    monkeypatch.setattr(
        figures,
        "save",
        lambda figure, stem: (names.append(stem.name), save(figure, stem))[1],
    )
    return names


def draw(folder, *calls, **options):
    made = Drawings(folder, **options)
    for name, figure in calls:
        made.add(figure, name, f"Of {name}.")
    made.close()
    return made.drawn


def by_length(**values):
    changed = {name: np.array([value]) for name, value in values.items()}
    return row_curves.bleu_by_length(BINS._replace(values=changed))


def test_equal_data_is_not_drawn_again(tmp_path, saved):
    calls = [("one", by_length(a=[1.0, 2.0])), ("two", by_length(a=[1.0, np.nan]))]
    first = draw(tmp_path, *calls)
    assert saved == ["one", "two"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = draw(tmp_path, *calls)
    assert saved == ["one", "two"]
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for old, new in zip(first, again, strict=True):
        assert (old.paths, old.caption) == (new.paths, new.caption)
        assert old.chart == new.chart


def test_figures_of_one_name_do_not_replace_each_other(tmp_path, saved):
    calls = [("one", by_length(a=[1.0, 2.0])), ("one", by_length(b=[1.0, 2.0]))]
    first, second = draw(tmp_path, *calls)
    assert saved == ["one", "one-of-task-2"]
    assert not {*first.paths} & {*second.paths}
    assert all(path.exists() for path in [*first.paths, *second.paths])


def test_other_data_files_and_fonts_are_drawn_again(tmp_path, saved):
    draw(tmp_path, ("one", by_length(a=[1.0, 2.0])))
    for change in (
        lambda: draw(tmp_path, ("one", by_length(a=[1.0, 2.5]))),
        lambda: draw(tmp_path, ("one", by_length(b=[1.0, 2.5]))),
        lambda: draw(tmp_path, ("one", by_length(b=[1.0, 2.5])), font="DejaVu Serif"),
        lambda: draw(tmp_path, ("one", by_length(b=[1.0, 2.5])), shown=["b"]),
        lambda: draw(tmp_path, ("one", by_length(b=[1.0, 2.5]).figure())),
    ):
        saved.clear()
        change()
        assert saved == ["one"]
    for spoil in (
        lambda: (tmp_path / "one.pdf").write_bytes(b"%PDF"),
        lambda: (tmp_path / "one.png").unlink(),
        lambda: (tmp_path / RECORD).write_text("{"),
    ):
        draw(tmp_path, ("one", by_length(a=[1.0, 2.0])))
        whole = (tmp_path / "one.pdf").read_bytes()
        spoil()
        saved.clear()
        draw(tmp_path, ("one", by_length(a=[1.0, 2.0])))
        assert saved == ["one"] and (tmp_path / "one.pdf").read_bytes() == whole


def test_other_code_draws_again(tmp_path, saved, monkeypatch):
    draw(tmp_path, ("one", by_length(a=[1.0, 2.0])))
    monkeypatch.setattr(drawings, "_code", lambda: b"another version")
    draw(tmp_path, ("one", by_length(a=[1.0, 2.0])))
    assert saved == ["one", "one"]


def test_figures_that_are_no_longer_drawn_go_and_no_others(tmp_path):
    (tmp_path / "theirs.png").write_bytes(b"somebody else's")
    calls = [("one", by_length(a=[1.0, 2.0])), ("two", by_length(a=[1.0, 3.0]))]
    draw(tmp_path, *calls)
    draw(tmp_path, calls[1])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"two.png", "two.pdf", "theirs.png", RECORD}


def test_many_rows_are_all_in_the_chart_and_few_in_the_print(tmp_path, monkeypatch):
    values = {f"row {n}": [n, n + 1.0] for n in range(30)}
    some = [f"row {n}" for n in (3, 0, 29)]
    printed = []
    save = figures.save
    monkeypatch.setattr(
        figures, "save", lambda f, stem: (printed.append(f), save(f, stem))[1]
    )
    (drawn,) = draw(tmp_path, ("one", by_length(**values)), shown=some)
    assert list(drawn.chart.rows) == list(values)
    (axes,) = printed[0].axes
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == sorted(some)
    assert len(axes.lines) == 3


def test_equal_sets_have_one_digest_and_other_types_none():
    links = [frozenset({(1, 2), (0, 1)}), frozenset({(0, 1), (1, 2)})]
    keys = {drawings._key(None, some) for some in links}
    assert len(keys) == 1 and keys != {""}
    others = [[1.0], [1], ["1"], [[1]], [np.ones(1)], [np.ones((1, 1))], {1: 2}, [1, 2]]
    keys = {drawings._key(None, some) for some in others}
    assert len(keys) == len(others)
    with pytest.raises(TypeError, match="object has no digest"):
        drawings._key(None, object())


def test_rows_are_ranked_only_where_they_are_too_many():
    rows = [row_of(f"row {n}", {"aer": n / 100}, order=n) for n in range(30)]
    rows.append(row_of("late", None, order=30))
    column = Column("aer", "AER", 3, -1)
    lines = [
        TableLine(row.name, {"aer": TableCell((n * 7 % 30) / 100, 0.0, 1)})
        for n, row in enumerate(rows[:30])
    ]
    table = Table((column,), lines, [], [])
    few = rows[: figures.MOST_ROWS]
    assert report.rank(few, table) == few
    ranked = report.rank(rows, table)
    best = [lines[rows.index(row)].cells["aer"].mean for row in ranked[:30]]
    assert best == sorted(best) and ranked[-1].name == "late"
    assert report.rank(rows, table, "row-5")[0].name == "row 5"
    assert {row.name for row in ranked} == {row.name for row in rows}


def test_a_second_report_draws_what_is_new(sweep, tmp_path, saved):
    report.write_report(sweep, folder=tmp_path)
    assert len(saved) == 8
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("data/**/*.js")}
    saved.clear()
    report.write_report(sweep, folder=tmp_path)
    assert saved == []
    again = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("data/**/*.js")}
    assert again == files and len(files) > 6
