"""Where corpora lie: the folder named by ATTNLAB_DATA, or ./data."""

import os
from pathlib import Path

VARIABLE = "ATTNLAB_DATA"


class MissingCorpus(FileNotFoundError):
    """A corpus file that is not in the data folder."""


def data_folder(folder: str | Path | None = None) -> Path:
    """`folder` where given, else the folder that $ATTNLAB_DATA names, else ./data."""
    return Path(folder or os.environ.get(VARIABLE) or "data")


def corpus_file(
    relative: str, *, upstream: str, folder: str | Path | None = None
) -> Path:
    """The path of a corpus file in the data folder.

    Raises MissingCorpus, which names the folder searched, the variable that sets it and
    the `upstream` address of the text.
    """
    path = data_folder(folder) / relative
    if not path.is_file():
        raise MissingCorpus(
            f"{relative} is not in the data folder {data_folder(folder).resolve()}; "
            f"set {VARIABLE} to the folder that has it, or bring it from a mirror with "
            f"`python -m experiments.data fetch`; the text is from {upstream}"
        )
    return path
