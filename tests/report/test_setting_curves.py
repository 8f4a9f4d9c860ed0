"""Scores against a setting: which lines, which points, and what is drawn of them."""

import math
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import meanings, report, table
from attnlab.report.rows import Row
from attnlab.report.setting_curves import (
    choose_setting,
    setting_curves,
    setting_panels,
)

COLUMNS = [column for column in table.COLUMNS if column.key in ("bleu", "aer")]


def row(name, settings, *scores, sweep=""):
    """A row with a run a score; "a.b" of `settings` is b in section a."""
    config = {"row": name, "slug": name, "wandb": {"mode": name}}
    for path, setting in settings.items():
        section, _, leaf = path.rpartition(".")
        (config.setdefault(section, {}) if section else config)[leaf] = setting
    members = tuple(
        runs.Run(
            Path(name, str(seed)),
            config | {"seed": seed},
            None if score is None else {"bleu": score, "aer": 1 - score / 100},
            None,
        )
        for seed, score in enumerate(scores)
    )
    return Row(name, name, 0, members, sweep)


def grid():
    """Two scores by three half widths, and a window that takes none."""
    made = [
        row(
            f"{score}, {width}",
            {"model.score": score, "model.half_width": width, "model.window": "local"},
            base + width,
            base + width + 2,
        )
        for score, base in (("dot", 10.0), ("general", 20.0))
        for width in (2, 50, 8)
    ]
    whole = {"model.score": "dot", "model.half_width": 8, "model.window": "global"}
    return [*made, row("global", whole, 40.0)]


def test_a_line_a_combination_of_what_else_varies():
    curves = setting_curves(grid(), COLUMNS, "half_width")
    assert curves.setting == "model.half_width" and not curves.categories
    assert curves.scores == ["BLEU", "AER"]
    assert [line.label for line in curves.lines] == [
        "score dot, window local",
        "score general, window local",
        "score dot, window global",
    ]
    for line, base in zip(curves.lines, (10.0, 20.0), strict=False):
        points = line.points["BLEU"]
        assert [point.x for point in points] == [2, 8, 50]
        np.testing.assert_allclose(
            [p.mean for p in points], [base + 3, base + 9, base + 51]
        )
        np.testing.assert_allclose([p.deviation for p in points], math.sqrt(2))
        assert [point.seeds for point in points] == [2, 2, 2]
    (alone,) = curves.lines[2].points["BLEU"]
    assert (alone.x, alone.mean, alone.seeds) == (8, 40.0, 1)
    assert math.isnan(alone.deviation)
    assert "Level and dotted" in curves.caption


def test_names_are_categories_in_the_order_of_the_sweep():
    curves = setting_curves(grid(), COLUMNS, "model.window")
    assert curves.categories and curves.ticks == {0.0: "local", 1.0: "global"}
    flags = [row(str(on), {"a.on": on}, 1.0) for on in (True, False)]
    assert setting_curves(flags, COLUMNS, "on").ticks == {0.0: "true", 1.0: "false"}


def test_what_goes_with_the_setting_makes_no_lines():
    rows = [row(str(n), {"m.hidden": n, "m.embed": 2 * n}, n) for n in (8, 16)]
    curves = setting_curves(rows, COLUMNS, "hidden")
    (line,) = curves.lines
    assert line.label == "" and len(line.points["BLEU"]) == 2
    assert curves.caption.endswith("With it changes m.embed.")


def test_what_is_unfinished_or_without_the_setting_is_left_out():
    rows = [row("a", {"m.n": 1}, 3.0, None), row("b", {"m.n": 2}, 4.0)]
    curves = setting_curves([*rows, row("c", {"k": 1}, 5.0)], COLUMNS, "m.n")
    assert [point.mean for point in curves.lines[0].points["BLEU"]] == [3.0, 4.0]
    assert "Without such a setting, and not shown: c." in curves.caption


def test_sweeps_are_lines_of_their_own():
    rows = [
        row(f"{sweep}{n}", {"m.n": n}, n, sweep=sweep) for sweep in "ab" for n in (1, 2)
    ]
    labels = [line.label for line in setting_curves(rows, COLUMNS, "n").lines]
    assert labels == ["sweep a", "sweep b"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("half", "unknown setting 'half'"),
        ("zzz", "unknown setting 'zzz'; choose model.score, model.half_width, m"),
        ("model.hidden", "'model.hidden' does not vary, it is 64; choose model.score"),
        ("hidden", "'model.hidden' does not vary, it is 64; choose model.score"),
        ("wandb.mode", "unknown setting 'wandb.mode'|does not vary"),
        ("seed", "unknown setting 'seed'"),
    ],
)
def test_a_setting_that_does_not_vary_is_refused_with_the_choices(name, expected):
    settings = [
        {"model.score": s, "model.half_width": w, "model.window": v, "model.hidden": 64}
        for s, w, v in (("dot", 1, "global"), ("general", 2, "local"))
    ]
    with pytest.raises(ValueError, match=expected) as error:
        choose_setting(settings, name)
    assert "\n" not in str(error.value)


def test_a_last_word_means_the_one_that_varies():
    settings = [{"a.n": 1, "b.n": 2, "c.m": 1, "d.m": 1}, {"a.n": 1, "b.n": 3}]
    assert choose_setting(settings, "n") == "b.n"
    settings += [{"c.m": 2, "d.m": 2}]
    with pytest.raises(ValueError, match="'m' is ambiguous; choose c.m, d.m"):
        choose_setting(settings, "m")
    with pytest.raises(ValueError, match="unknown setting 'x'; no setting does"):
        choose_setting([{"a": 1}], "x")


def test_panels_have_the_points_bars_and_ticks():
    figure = setting_panels(setting_curves(grid(), COLUMNS, "half_width"))
    bleu, aer = figure.axes
    assert (bleu.get_ylabel(), aer.get_ylabel()) == ("BLEU", "AER")
    assert bleu.get_xlabel() == "model.half_width"
    assert bleu.get_xscale() == "log"  # 2 to 50
    ticks = [tick.get_text() for tick in bleu.get_xticklabels()]
    assert ticks == ["2", "8", "50"]
    dot, general, alone = bleu.containers
    np.testing.assert_allclose(dot.lines[0].get_xydata(), [(2, 13), (8, 19), (50, 61)])
    (segments,) = [bars.get_segments() for bars in general.lines[2]]
    np.testing.assert_allclose(segments[0][:, 1], 23 + np.array([-1, 1]) * math.sqrt(2))
    np.testing.assert_allclose(alone.lines[0].get_xydata(), [(8, 40)])
    levels = [line for line in bleu.lines if line.get_linestyle() == ":"]
    np.testing.assert_allclose(levels[0].get_ydata(), 40)
    legend = [text.get_text() for text in aer.get_legend().get_texts()]
    assert legend[0] == "score dot, window local" and len(legend) == 3


def test_a_narrow_range_is_linear_and_categories_have_names():
    rows = [row(str(n), {"m.n": n}, n) for n in (5, 100)]
    (axes, _) = setting_panels(setting_curves(rows, COLUMNS, "n")).axes
    assert axes.get_xscale() == "linear" and axes.get_legend() is None
    (axes, _) = setting_panels(setting_curves(grid(), COLUMNS, "window")).axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["local", "global"]


def test_the_report_has_the_figure_and_refuses_before_it_writes(
    tmp_path, write_run, pairs
):
    for order, width in enumerate((2, 4)):
        for seed in range(2):
            folder = write_run(tmp_path, f"D={width}", seed, order, pairs)
            config = runs.read_json(folder / runs.CONFIG)
            config |= {"model": {"half_width": width, "score": "dot"}}
            runs.write_json(folder / runs.CONFIG, config)
    with pytest.raises(ValueError, match="'score'.*|does not vary.*choose model.half"):
        report.write_report(tmp_path, x="score")
    assert not (tmp_path / "report").exists()
    written = report.write_report(tmp_path, x="half_width")
    names = {path.name for path in written}
    assert {"by-half_width.png", "by-half_width.pdf"} <= names
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert f"![Scores by model.half_width; {meanings.BAND}" in text
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "figures/by-half_width.png" in page
    again = report.write_report(tmp_path)
    assert not {path.name for path in again} & {"by-half_width.png"}
    assert not (tmp_path / "report" / "figures" / "by-half_width.png").exists()
