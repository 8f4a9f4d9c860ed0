"""The rows of a sweep: runs grouped by variant, and what is missing."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from attnlab.runs import (
    ALIGNMENTS,
    CONFIG,
    EXAMPLES,
    HYPOTHESES,
    METRICS,
    REFERENCES,
    SOURCES,
    Run,
    damaged,
    read_arrays,
    read_manifest,
)


class Row(NamedTuple):
    """The runs of one variant.

    name: printed; unique in a report.
    slug: the name fit for files; unique in a report.
    order: place in the sweep, from 0.
    runs: by seed, one of each.
    sweep: the sweep's folder, "" where all rows are of one.
    copies: further runs of the same seeds, which count for nothing.
    """

    name: str
    slug: str
    order: int
    runs: tuple[Run, ...]
    sweep: str = ""
    copies: tuple[Run, ...] = ()

    @property
    def config(self) -> Mapping[str, object]:
        """The configuration of the first run whose config.json can be read, else {}."""
        return next((run.config for run in self.runs if run.config), {})

    @property
    def task(self) -> str:
        """The name of the row's task, "" where no configuration can be read."""
        return str(self.setting("task") or "")

    @property
    def finished(self) -> list[Run]:
        """The runs with a result, by seed."""
        return [run for run in self.runs if run.result]

    @property
    def failed(self) -> list[Run]:
        """The runs with an error, by seed."""
        return [run for run in self.runs if run.error]

    def setting(self, path: str) -> object:
        """A setting as config.json has it, also of a task that is not known here.

        Args:
          path: dotted, as "model.score".

        Returns:
          Its value; None where the configuration has no such setting.
        """
        return flatten(self.config).get(path)


def flatten(nested: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested mappings as one, keys joined by dots.

    Args:
      nested: what a JSON file holds.
      prefix: put before every key.

    Returns:
      {"model.score": "dot", ...}; an empty mapping leaves nothing.
    """
    flat: dict[str, object] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def checked(run: Run) -> Run:
    """The run, as a failed one with the reason where a file of it cannot be read.

    So one damaged file costs its run and not the report. A run that had failed before
    keeps its own reason. (What is wrong with losses.tsv is a note: `example_stats`.)
    Files that the run's list has were compared with their digests by `find`.

    Args:
      run: as `runs.find` gives it.

    Returns:
      The same run, or a failed one.
    """
    readers = {
        METRICS: run.metrics,
        ALIGNMENTS: run.alignments,
        **{
            name: partial(run.lines, name) for name in (SOURCES, REFERENCES, HYPOTHESES)
        },
        EXAMPLES: partial(read_arrays, run.folder / EXAMPLES),
    }
    try:
        _check_window(run)
        listed = read_manifest(run.folder) if run.result else {}
        for name, read in readers.items():
            # Read for the error alone.
            if name not in listed and os.path.exists(run.folder / name):
                read()
    except (OSError, ValueError) as problem:
        return run if run.error else damaged(run, problem)
    return run


def _check_window(run: Run) -> None:
    """Checks the one setting that pictures count with."""
    width = flatten(run.config).get("model.half_width")
    if width is not None and type(width) is not int:
        raise ValueError(
            f"{run.folder / CONFIG}: model.half_width is {width!r}, must be a whole "
            "number"
        )


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: `a, b`, or `a; b, c` where a name has a comma in it.

    Args:
      names: of rows.

    Returns:
      The names in their order.
    """
    names = list(names)
    return ("; " if any("," in name for name in names) else ", ").join(names)


def named(rows: Sequence[Row], name: str, purpose: str) -> Row:
    """The row of that name or slug.

    Args:
      rows: to choose from.
      name: printed name or slug.
      purpose: what the row is for, in the error: "to compare with".

    Returns:
      The row.

    Raises:
      ValueError: for a name that no row has; the choices are given.
    """
    for row in rows:
        if name in (row.name, row.slug):
            return row
    choices = listed(row.name for row in rows)
    raise ValueError(f"no row {name!r} {purpose}; choose {choices}")


def group(runs: Sequence[Run]) -> list[Row]:
    """Rows in the order of their sweep.

    Runs are of one row when they lie in one sweep's folder and share a slug. Where
    `runs` come from several sweeps, the sweep's folder is put before the row's name.

    Args:
      runs: of one sweep or several, in any order.

    Returns:
      The rows by (sweep, order, slug).
    """
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        grouped.setdefault((_sweep(run), run.slug), []).append(run)
    sweeps = {sweep for sweep, _ in grouped}
    common = Path(os.path.commonpath(sweeps)) if sweeps else Path()
    rows, slugs = [], set()
    for (folder, slug), members in grouped.items():
        # Name and order come from a run whose configuration can be read, if any can.
        readable = next((run for run in members if run.config), members[0])
        sweep = Path(folder).relative_to(common).as_posix() if len(sweeps) > 1 else ""
        name = f"{sweep}/{readable.row}" if sweep else readable.row
        slug = plain = f"{sweep}/{slug}".strip("/").replace("/", "-")
        while slug in slugs:  # "a", "b c" and "a-b", "c" are both "a-b-c"
            slug = f"{plain}-{len(slugs)}"
        slugs.add(slug)
        runs_of, copies = _by_seed(members)
        rows.append(Row(name, slug, readable.order, runs_of, sweep, copies))
    return sorted(rows, key=lambda row: (row.sweep, row.order, row.slug))


def _by_seed(runs: Sequence[Run]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """One run of each seed, that whose folder is called so if any is; and the rest."""
    chosen: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: run.folder.name != str(run.seed)):
        chosen.setdefault(run.seed, run)
    kept = sorted(chosen.values(), key=lambda run: run.seed)
    copies = [run for run in runs if run is not chosen[run.seed]]
    return tuple(kept), tuple(copies)


def _sweep(run: Run) -> str:
    """The folder that holds the row's folder, or the run's parent without one."""
    parent = run.folder.parent
    return str(parent.parent if parent.name == run.slug else parent)


def is_hard(row: Row) -> bool:
    """Whether a finished run reads one position a step: it has more than one bound.

    Args:
      row: of any task.

    Returns:
      True where a result.json has a `perplexity_argmax`.
    """
    return any("perplexity_argmax" in (run.result or {}) for run in row.finished)


def state(run: Run) -> str:
    """How far a run has come.

    Args:
      run: any run.

    Returns:
      "finished", "failed" or "unfinished".
    """
    return "finished" if run.result else "failed" if run.error else "unfinished"


def failure(run: Run) -> str:
    """Why a run failed, in one line: `failed at step 120: the loss is nan`.

    Args:
      run: a failed run.

    Returns:
      The line, with the step where error.json has one.
    """
    error = run.error or {}
    step = error.get("step")
    where = "" if step is None else f" at step {step}"
    text = " ".join(str(error.get("error") or "no reason recorded").split())
    return f"failed{where}: {text}"


def missing(rows: Sequence[Row]) -> list[str]:
    """What a complete sweep would have and these folders have not.

    A sweep runs every row with every seed, so a seed that any row has is expected of
    all; rows that no run has begun show as gaps in the rows' numbers, unless they come
    last. Failed runs are not listed here: the table shows them.

    Args:
      rows: of one sweep or several.

    Returns:
      One line each: `local-p, seed 1: unfinished, at step 40`.
    """
    lines = []
    for row in rows:
        for run in row.runs:
            if state(run) == "unfinished":
                steps = [line.get("step") for line in run.metrics()]
                reached = f"at step {steps[-1]}" if steps else "before its first step"
                lines.append(f"{row.name}, seed {run.seed}: unfinished, {reached}")
    for sweep in dict.fromkeys(row.sweep for row in rows):
        lines += _not_begun([row for row in rows if row.sweep == sweep], sweep)
    return lines


def _not_begun(rows: Sequence[Row], sweep: str) -> list[str]:
    lines = []
    for seed in sorted({run.seed for row in rows for run in row.runs}):
        has = {row.name for row in rows if seed in {run.seed for run in row.runs}}
        absent = [row.name for row in rows if row.name not in has]
        if absent:
            lines.append(f"seed {seed} of {listed(absent)}: not begun")
    orders = {row.order for row in rows}
    if len(rows) > 1:  # one row alone is somebody's choice, not a sweep with gaps
        # Rows behind the last one here cannot be missed: nobody knows of them.
        gaps = sorted(set(range(max(orders))) - orders)
        whose = sweep or "the sweep"
        lines += [f"row {order + 1} of {whose}: not begun" for order in gaps]
    return lines
