"""A task's figures come from its TaskSpec, and none from a task that is not known."""

from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from attnlab import runs
from attnlab.report import report, task_plots


def set_task(folder, task):
    config = runs.read_json(folder / runs.CONFIG)
    runs.write_json(folder / runs.CONFIG, config | {"task": task, "version": 2})


@pytest.fixture
def drawn(monkeypatch):
    """What the tasks "first" and "second" were asked to draw: (task, rows, stats)."""
    calls = []

    def spec(name):
        def plots(rows, example_stats, add):
            calls.append((name, [row.name for row in rows], list(example_stats)))
            for row in rows:
                add(Figure(), f"map-{row.slug}", f"A map of {row.name}.")

        return SimpleNamespace(plots=plots)

    monkeypatch.setattr(task_plots, "TASKS", {"first": "", "second": ""})
    monkeypatch.setattr(task_plots, "spec", spec)
    return calls


def test_each_task_draws_its_own_rows(tmp_path, write_run, pairs, drawn):
    for order, task in enumerate(("first", "second", "first", "unheard-of")):
        set_task(write_run(tmp_path, f"row {order}", 0, order, pairs), task)
    written = {path.stem for path in report.write_report(tmp_path)}
    expected = [
        ("first", ["row 0", "row 2"], ["row 0", "row 2"]),
        ("second", ["row 1"], ["row 1"]),
    ]
    assert drawn == expected
    assert {"map-row-0", "map-row-1", "map-row-2", "learning-curves"} <= written
    assert "map-row-3" not in written
    assert "row 3" in (tmp_path / "report" / "table.txt").read_text(encoding="utf-8")


def test_runs_whose_settings_are_damaged_are_reported(
    tmp_path, write_run, pairs, drawn
):
    folder = write_run(tmp_path, "lost", 0, 0, pairs)
    (folder / runs.CONFIG).write_text("{")
    report.write_report(tmp_path)
    table = (tmp_path / "report" / "table.txt").read_text(encoding="utf-8")
    assert "config.json" in table and drawn == []


def test_figures_of_one_run_have_names_without_its_row(
    tmp_path, write_run, pairs, drawn
):
    set_task(write_run(tmp_path, "row 0", 0, 0, pairs), "first")
    (run,) = runs.find(tmp_path)
    ((figure, name, caption),) = task_plots.of_run(run)
    assert isinstance(figure, Figure)
    assert (name, caption) == ("map", "A map of row 0.")
