"""summary.csv: a line a run, with its numbers and the settings that vary."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from attnlab.report.rows import Row, failure, flatten, state
from attnlab.runs import Run

# The first columns of summary.csv; further numbers of result.json follow, as they come.
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
# What the names of a run are called in config.json and result.json alike.
NAMES = ("row", "slug", "order", "seed")

# Of a configuration: names that `record` gives, and the version of its format.
NOT_SETTINGS = (*NAMES, "version")


def record(row: Row, run: Run, root: str | Path = ".") -> dict[str, object]:
    """One run as a line of summary.csv.

    Args:
      row: the run's row.
      run: one of its runs.
      root: the folder that `folder` is given from.

    Returns:
      row, seed, state, every number of result.json (those of one gold set under
      `aers.<set>.<number>`), error ("" for none) and folder.
    """
    numbers = flatten(run.result or {})
    # They come from the row and the folder, whose names are unique in a report.
    for name in NAMES:
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


def settings(run: Run) -> dict[str, object]:
    """The settings of one run.

    Args:
      run: any run.

    Returns:
      The values of config.json by dotted path, "model.score"; {} where it is damaged.
    """
    return settings_in(run.config)


def settings_in(config: Mapping[str, object]) -> dict[str, object]:
    """The settings of a config.json.

    Args:
      config: what it holds.

    Returns:
      Its values by dotted path, without the names of the run.
    """
    values = flatten(config)
    return {name: values[name] for name in values if name not in NOT_SETTINGS}


def varying(runs: Sequence[Mapping[str, object]]) -> list[str]:
    """The settings in which runs differ, the seed apart.

    Args:
      runs: `settings` of runs of any rows, tasks and versions.

    Returns:
      Their dotted paths, in the order of config.json. A setting that some runs lack
      varies only if others differ in it: that a run is older is no choice of anybody's.
    """
    values: dict[str, set[str]] = {}
    for run in runs:
        for name, value in run.items():
            values.setdefault(name, set()).add(json.dumps(value))  # a list has no hash
    return [name for name, several in values.items() if len(several) > 1]


def summary_csv(rows: Sequence[Row], root: str | Path = ".") -> str:
    """summary.csv: a line a run, every number of its result.json, the settings in which
    runs differ, error and folder.

    Args:
      rows: of one sweep or several.
      root: the folder that `folder` is given from.

    Returns:
      The text of the file. What a run has not got is left empty; lists are as in JSON,
      "[8, 16]". A setting named like a number is left out.
    """
    import pandas

    pairs = [(row, run) for row in rows for run in row.runs]
    records = [record(row, run, root) for row, run in pairs]
    last = ("error", "folder")
    numbers = dict.fromkeys([*COLUMNS, *(key for line in records for key in line)])
    differing = [
        name
        for name in varying([settings(run) for _, run in pairs])
        if name not in numbers
    ]
    for line, (_, run) in zip(records, pairs, strict=True):
        own = settings(run)
        line |= {name: _cell(own[name]) for name in differing if name in own}
    order = [*(key for key in numbers if key not in last), *differing, *last]
    # As objects: a column of whole numbers with a gap in it would become floats.
    frame = pandas.DataFrame(records, columns=pandas.Index(order), dtype=object)
    return frame.to_csv(index=False, lineterminator="\n")


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, list) else value
