"""The rows of a sweep: runs grouped by variant, what is missing, and summary.csv."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from attnlab.runs import (
    EXAMPLES,
    HYPOTHESES,
    REFERENCES,
    SOURCES,
    Run,
    damaged,
    read_arrays,
)

COLUMNS: tuple[str, ...] = (
    "row",
    "seed",
    "state",
    "bleu",
    "aer",
    "perplexity",
    "parameters",
    "tokens_per_second",
    "seconds",
    "steps",
    "best_step",
    "stopped",
    "precision",
    "recall",
    "attention_entropy",
    "mass_on_gold",
    "largest_weight",
    "bleu_signature",
)


class Row(NamedTuple):
    """The runs of one variant, by seed. `name` and `slug`, fit for files, are unique.

    `sweep` is the sweep's folder, "" where all rows are of one.
    """

    name: str
    slug: str
    order: int
    runs: tuple[Run, ...]
    sweep: str = ""

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of a run of it that can be read."""
        return next((run.config for run in self.runs if run.config), {})

    @property
    def finished(self) -> list[Run]:
        return [run for run in self.runs if run.result]

    @property
    def failed(self) -> list[Run]:
        return [run for run in self.runs if run.error]


def checked(run: Run) -> Run:
    """The run, as a failed one with the reason where a file of it cannot be read.

    So one damaged file costs its run and not the report. A run that had failed before
    keeps its own reason. (What is wrong with losses.tsv is a note: `example_stats`.)
    """
    try:
        run.metrics()
        run.alignments()
        for name in (SOURCES, REFERENCES, HYPOTHESES):
            run.lines(name)
        if (run.folder / EXAMPLES).exists():
            read_arrays(run.folder / EXAMPLES)
    except ValueError as problem:
        return run if run.error else damaged(run, problem)
    return run


def listed(names: Iterable[str]) -> str:
    """`a, b`, or `a; b, with a comma` where a comma would not part the names."""
    names = list(names)
    return ("; " if any("," in name for name in names) else ", ").join(names)


def named(rows: Sequence[Row], name: str, purpose: str) -> Row:
    """The row of that name or slug; a ValueError gives the choices."""
    found = [row for row in rows if name in (row.name, row.slug)]
    if not found:
        choices = listed(row.name for row in rows)
        raise ValueError(f"no row {name!r} {purpose}; choose {choices}")
    return found[0]


def group(runs: Sequence[Run]) -> list[Row]:
    """Rows in the order of their sweep.

    Runs are of one row when they lie in one sweep's folder and share a slug. Where
    `runs` come from several sweeps, the sweep's folder is put before the row's name.
    """
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        grouped.setdefault((_sweep(run), run.slug), []).append(run)
    sweeps = {sweep for sweep, _ in grouped}
    common = Path(os.path.commonpath(sweeps)) if sweeps else Path()
    rows, slugs = [], set()
    for (folder, slug), members in grouped.items():
        # What a row is called, where one configuration of it cannot be read.
        known = next((run for run in members if run.config), members[0])
        sweep = Path(folder).relative_to(common).as_posix() if len(sweeps) > 1 else ""
        name = f"{sweep}/{known.row}" if sweep else known.row
        slug = plain = f"{sweep}/{slug}".strip("/").replace("/", "-")
        while slug in slugs:  # "a", "b c" and "a-b", "c" are both "a-b-c"
            slug = f"{plain}-{len(slugs)}"
        slugs.add(slug)
        members.sort(key=lambda run: run.seed)
        rows.append(Row(name, slug, known.order, tuple(members), sweep))
    return sorted(rows, key=lambda row: (row.sweep, row.order, row.slug))


def _sweep(run: Run) -> str:
    """The folder that holds the row's folder, or the run's own where there is none."""
    parent = run.folder.parent
    return str(parent.parent if parent.name == run.slug else parent)


def is_hard(row: Row) -> bool:
    """Whether a finished run reads one position a step: it has more than one bound."""
    return any("perplexity_argmax" in (run.result or {}) for run in row.finished)


def state(run: Run) -> str:
    """One of "finished", "failed" and "unfinished"."""
    return "finished" if run.result else "failed" if run.error else "unfinished"


def failure(run: Run) -> str:
    """One line on a failed run: `failed at step 120: the loss is nan`."""
    error = run.error or {}
    step = error.get("step")
    where = "" if step is None else f" at step {step}"
    text = " ".join(str(error.get("error") or "no reason recorded").split())
    return f"failed{where}: {text}"


def missing(rows: Sequence[Row]) -> list[str]:
    """What a complete sweep would have and these folders have not, one line each.

    A sweep runs every row with every seed, so a seed that any row has is expected of
    all; rows that no run has begun show as gaps in the rows' numbers, unless they come
    last. Failed runs are not listed here: the table shows them.
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
        gaps = sorted(set(range(max(orders))) - orders)
        whose = sweep or "the sweep"
        lines += [f"row {order + 1} of {whose}: not begun" for order in gaps]
    return lines


def summary_csv(rows: Sequence[Row], root: str | Path = ".") -> str:
    """One line a run, every number of its result.json, its error and its folder.

    Numbers of one gold set are columns named `aers.<set>.<number>`. Folders are given
    from `root`. What a run has not got is left empty.
    """
    lines = [_line(row, run, Path(root)) for row in rows for run in row.runs]
    columns: dict[str, None] = dict.fromkeys(COLUMNS)
    for line in lines:
        columns |= dict.fromkeys(line)
    for last in ("error", "folder"):
        columns.pop(last, None)
        columns[last] = None
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _line(row: Row, run: Run, root: Path) -> dict[str, Any]:
    numbers = _flat(run.result or {})
    for name in ("row", "slug", "order", "seed"):
        numbers.pop(name, None)
    within = run.folder.is_relative_to(root)
    folder = run.folder.relative_to(root) if within else run.folder
    return {
        "row": row.name,
        "seed": run.seed,
        "state": state(run),
        **numbers,
        "error": failure(run) if run.error else "",
        "folder": folder.as_posix(),
    }


def _flat(result: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one, keys joined by dots; null is left empty."""
    flat: dict[str, Any] = {}
    for key, value in result.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = "" if value is None else value
    return flat
