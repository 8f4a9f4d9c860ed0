"""Scores of a sweep against one of its settings: a line a combination of the others.

`experiments.report --x=model.half_width` draws them; `choose_setting` says what there
is to choose.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from attnlab.metrics.significance import spread
from attnlab.parsing import near
from attnlab.report import meanings
from attnlab.report.figures import MOST_ROWS, WIDTH, blank, look_of, plain, styled
from attnlab.report.notes import OWN
from attnlab.report.rows import Row, listed
from attnlab.report.summary import settings as settings_of
from attnlab.report.summary import varying
from attnlab.report.table import Column, value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from attnlab.runs import Run

SWEEP = "sweep"  # what runs of several sweeps differ in beside their settings
LOGARITHMIC = 20  # an axis whose largest number is so many times the smallest
MOST_TICKS = 8  # values that are all written below a numeric axis
ABSENT = "—"


class Point(NamedTuple):
    """A score at one value of the setting.

    x: its place on the axis. mean, deviation: over n seeds; deviation nan for one.
    """

    x: float
    mean: float
    deviation: float
    seeds: int


class SettingLine(NamedTuple):
    """What shares all settings but one.

    label: the other settings, "" where no other varies. points: by score's title.
    """

    label: str
    points: Mapping[str, Sequence[Point]]


class SettingCurves(NamedTuple):
    """Scores against a setting.

    setting: in full, "model.half_width".
    ticks: the values as text, at the places on the axis.
    categories: whether these are names and not numbers.
    scores: titles, a panel each.
    lines: in the order of rows.
    caption: what is drawn, and what is not.
    """

    setting: str
    ticks: Mapping[float, str]
    categories: bool
    scores: Sequence[str]
    lines: Sequence[SettingLine]
    caption: str


def choose_setting(settings: Sequence[Mapping[str, object]], name: str) -> str:
    """The full name of a setting that varies.

    Args:
      settings: of each run, by names in full.
      name: in full, or its last word where that is unique.

    Returns:
      The name in full.

    Raises:
      ValueError: for a setting that is unknown or the same in all runs, with those that
        vary.
    """
    choices = _varying(settings)
    known = dict.fromkeys(key for each in settings for key in each)
    matches = [key for key in known if key == name]
    matches = matches or [key for key in known if key.rsplit(".", 1)[-1] == name]
    # Of several with the same last word, the one that varies is meant.
    meant = [key for key in matches if key in choices]
    if len(meant) == 1:
        return meant[0]
    these = f"choose {', '.join(choices)}" if choices else "no setting does"
    if len(meant) > 1:
        raise ValueError(f"setting {name!r} is ambiguous; choose {', '.join(meant)}")
    if matches:
        same = next(each[matches[0]] for each in settings if matches[0] in each)
        raise ValueError(
            f"setting {matches[0]!r} does not vary, it is {_text(same)}; {these}"
        )
    hint = near(name, [*choices])
    raise ValueError(f"unknown setting {name!r}{hint or f'; {these}'}")


def _varying(settings: Sequence[Mapping[str, object]]) -> list[str]:
    """Names of the settings in which runs differ, but for what is no choice."""
    return [
        name
        for name in varying(settings)
        if name not in OWN and not name.startswith("wandb.")
    ]


def setting_curves(
    rows: Sequence[Row], columns: Sequence[Column], name: str
) -> SettingCurves:
    """The scores of finished runs by one of their settings.

    Runs that differ in nothing but the setting and the seed are a line. A setting that
    goes with this one, so that each value of this has one value of it, makes no lines
    of its own.

    Args:
      rows: of a sweep or several.
      columns: of the table; those with a better direction are drawn.
      name: of the setting, see `choose_setting`.

    Returns:
      The curves.

    Raises:
      ValueError: for a setting that is unknown or does not vary.
    """
    every = [settings_of(run) for row in rows for run in row.runs]
    setting = choose_setting(every, name)
    runs = [
        (run, _settings(row, run))
        for row in rows
        for run in row.finished
        if setting in settings_of(run)
    ]
    values = list(dict.fromkeys(json.dumps(of_run[setting]) for _, of_run in runs))
    numbers = [json.loads(text) for text in values]
    categories = not all(_is_number(number) for number in numbers)
    places = {
        text: float(place if categories else number)
        for place, (text, number) in enumerate(zip(values, numbers, strict=True))
    }
    texts = {places[t]: _text(n) for t, n in zip(values, numbers, strict=True)}
    ticks = dict(sorted(texts.items()))
    others = [name for name in [SWEEP, *_varying(every)] if name != setting]
    others = [name for name in others if len(_values(runs, name)) > 1]
    follow = [name for name in others if _follows(runs, name, setting)]
    others = [name for name in others if name not in follow]
    shown = [
        column
        for column in columns
        if column.better and any(value(run, column) is not None for run, _ in runs)
    ]
    groups: dict[tuple[str, ...], list[tuple[float, Run]]] = {}
    for run, of_run in runs:
        key = tuple(_text(of_run.get(other, ABSENT)) for other in others)
        place = places[json.dumps(of_run[setting])]
        groups.setdefault(key, []).append((place, run))
    lines = [
        SettingLine(
            ", ".join(
                f"{name} {text}" for name, text in zip(_short(others), key, strict=True)
            ),
            {column.title: _points(members, column) for column in shown},
        )
        for key, members in groups.items()
    ]
    caption = f"Scores by {setting}; {meanings.BAND}."
    if any(map(_is_level, lines)) and len(ticks) > 1 and not categories:
        caption += " Level and dotted: what has one value of it, for comparison."
    if follow:
        caption += f" With it changes {', '.join(follow)}."
    absent = [
        row.name
        for row in rows
        if row.finished and not any(setting in settings_of(run) for run in row.runs)
    ]
    if absent:
        caption += f" Without such a setting, and not shown: {listed(absent)}."
    if len(lines) > MOST_ROWS:
        caption += f" Of {len(lines)} lines the first {MOST_ROWS} are shown."
    titles = [column.title for column in shown]
    return SettingCurves(setting, ticks, categories, titles, lines[:MOST_ROWS], caption)


def _settings(row: Row, run: Run) -> dict[str, object]:
    return {SWEEP: row.sweep, **settings_of(run)}


def _values(runs: Sequence[tuple[Run, Mapping[str, object]]], name: str) -> set[str]:
    return {json.dumps(of_run.get(name, ABSENT)) for _, of_run in runs}


def _follows(
    runs: Sequence[tuple[Run, Mapping[str, object]]], name: str, setting: str
) -> bool:
    """Whether a value of `setting` leaves no choice of `name`."""
    pairs = {
        (json.dumps(of_run[setting]), json.dumps(of_run.get(name, ABSENT)))
        for _, of_run in runs
    }
    return len(pairs) == len({x for x, _ in pairs})


def _short(names: Sequence[str]) -> list[str]:
    """Last words, and names in full where two have the same."""
    last = [name.rsplit(".", 1)[-1] for name in names]
    return [
        word if last.count(word) == 1 else name
        for word, name in zip(last, names, strict=True)
    ]


def _is_number(number: object) -> bool:
    return (
        isinstance(number, int | float)
        and not isinstance(number, bool)
        and math.isfinite(number)
    )


def _text(setting: object) -> str:
    return setting if isinstance(setting, str) else json.dumps(setting)


def _points(members: Sequence[tuple[float, Run]], column: Column) -> list[Point]:
    """By x, from left to right; without those where no run has the score."""
    by_place: dict[float, list[float]] = {}
    for place, run in members:
        number = value(run, column)
        if number is not None and math.isfinite(number):
            by_place.setdefault(place, []).append(number)
    return [
        Point(place, *spread(by_place[place]), len(by_place[place]))
        for place in sorted(by_place)
    ]


def _is_level(line: SettingLine) -> bool:
    return all(len(points) < 2 for points in line.points.values())


@styled
def setting_panels(curves: SettingCurves) -> Figure:
    """Scores by a setting as matplotlib draws them.

    Args:
      curves: to draw.

    Returns:
      A panel a score, two beside each other, and what the lines are at the right.
    """
    columns = min(2, max(len(curves.scores), 1))
    rows = math.ceil(len(curves.scores) / columns)
    height, gap = 2.0, 0.6
    total = max(rows * (height + gap) - gap, height)
    figure = blank(WIDTH * (0.95 if columns > 1 else 0.5), total)
    all_axes = []
    for place, score in enumerate(curves.scores):
        row, column = divmod(place, columns)
        bottom = (total - row * (height + gap) - height) / total
        box = (column * 0.56, bottom, 0.44 if columns > 1 else 1.0, height / total)
        axes = figure.add_axes(box)
        _panel(axes, curves, score)
        all_axes.append(axes)
    if len(curves.lines) > 1 and all_axes:
        right = all_axes[columns - 1]
        handles, labels = right.get_legend_handles_labels()
        right.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(1.02, 1.0),
            handlelength=2.2,
        )
    return figure


def _panel(axes: Axes, curves: SettingCurves, score: str) -> None:
    for place, line in enumerate(curves.lines):
        points = line.points[score]
        look: dict[str, Any] = look_of(place)
        # Beside each other, or bars of a category would hide one another.
        aside = 0.0
        if curves.categories and len(curves.lines) > 1:
            aside = 0.3 * (place / (len(curves.lines) - 1) - 0.5)
        xs = [point.x + aside for point in points]
        means = [point.mean for point in points]
        bars = [0.0 if point.seeds < 2 else point.deviation for point in points]
        if curves.categories:  # nothing is between two names
            look |= {"linestyle": "none", "marker": look.get("marker") or "o"}
        elif _is_level(line) and len(curves.ticks) > 1:
            for mean in means:
                axes.axhline(mean, color=look["color"], linewidth=0.8, linestyle=":")
        axes.errorbar(
            xs, means, bars, label=plain(line.label), elinewidth=0.8, capsize=2, **look
        )
    axes.set_ylabel(plain(score))
    axes.set_xlabel(plain(curves.setting))
    _ticks(axes, curves)


def _ticks(axes: Axes, curves: SettingCurves) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    places, texts = list(curves.ticks), [plain(text) for text in curves.ticks.values()]
    if curves.categories:
        turned = sum(map(len, texts)) > 40  # letters that fit below a panel
        axes.set_xticks(places, texts)
        axes.tick_params(axis="x", labelrotation=30 if turned else 0)
        axes.set_xlim(min(places, default=0) - 0.5, max(places, default=0) + 0.5)
        return
    smallest = min(places, default=0.0)
    if smallest > 0 and max(places) / smallest > LOGARITHMIC:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    if len(places) <= MOST_TICKS:
        axes.set_xticks(places, texts)
        axes.xaxis.set_minor_locator(NullLocator())
