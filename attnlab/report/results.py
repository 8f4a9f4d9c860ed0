"""The runs of a sweep as one pandas DataFrame: settings and scores, a row a run."""

from pathlib import Path

import pandas

from attnlab import arguments
from attnlab.report.report import read_rows
from attnlab.report.summary import record
from attnlab.report.summary import settings as settings_of


def results(folder: str | Path) -> pandas.DataFrame:
    """Settings and scores of all runs below a folder.

    Args:
      folder: of a sweep, of several, or of one run.

    Returns:
      A line a run, in the order of the sweep, unfinished and failed runs too. Columns:
      row, seed, state ("finished", "failed", "unfinished"), every number of
      result.json (nested ones joined by dots, "aers.test.aer"), error ("" where there
      is none), folder, and every setting of config.json under its dotted path
      ("model.score"). What a run has not got is missing.

    Raises:
      FileNotFoundError: where `folder` is none.
      ValueError: where it holds no runs, and for what is no path.
    """
    folder = arguments.path("folder", folder)
    records, settings = [], []
    for row in read_rows(folder):
        for run in row.runs:
            records.append(record(row, run, folder))
            settings.append(settings_of(run))
    scores = pandas.DataFrame(records)
    last = scores[["error", "folder"]]
    first = scores.drop(columns=["error", "folder"])
    frame = pandas.concat([first, last, pandas.DataFrame(settings)], axis=1)
    return frame.loc[:, ~frame.columns.duplicated()]  # a number outranks a setting
