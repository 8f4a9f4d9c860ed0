"""Where corpora lie: the folder named by ATTNLAB_DATA, or ./data."""

import os
from pathlib import Path

VARIABLE = "ATTNLAB_DATA"


class MissingCorpus(FileNotFoundError):
    """A corpus file that is not in the data folder."""


def data_folder(folder: str | Path | None = None) -> Path:
    """The folder that corpora lie in.

    Args:
      folder: to take instead of the one that $ATTNLAB_DATA names, or ./data.

    Returns:
      The folder, which need not exist.
    """
    return Path(folder or os.environ.get(VARIABLE) or "data")


def corpus_file(
    relative: str, *, upstream: str, folder: str | Path | None = None
) -> Path:
    """The path of a corpus file in the data folder.

    Args:
      relative: its path below the data folder.
      upstream: where the text comes from, for the error.
      folder: the data folder, as in `data_folder`.

    Returns:
      The path of a file that is there.

    Raises:
      MissingCorpus: naming the folder searched, the variable that sets it, and
        upstream.
    """
    path = data_folder(folder) / relative
    if not path.is_file():
        raise MissingCorpus(
            f"{relative} is not in the data folder {data_folder(folder).resolve()}; "
            f"set {VARIABLE} to the folder that has it, or bring it from a mirror with "
            f"`python -m experiments.data fetch`; the text is from {upstream}"
        )
    return path
