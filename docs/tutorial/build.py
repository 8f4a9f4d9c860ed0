"""Execute the sources of the course and write the notebooks beside them.

    make notebooks                               all of them
    python docs/tutorial/build.py 5_classifier   one

A source is a plain script in jupytext's percent format. What would change from one
execution to the next (times, versions, identifiers of cells) is left out, so that a
notebook that is built anew differs only where its results do.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
SECONDS = 300  # a cell may take, on a busy machine


def sources() -> list[Path]:
    """The scripts of the course: their names start with a number.

    Returns:
      Paths, in the order of the course.
    """
    return sorted(FOLDER.glob("[0-9]_*.py"))


def executed(source: Path) -> nbformat.NotebookNode:
    """The notebook of a source, with its outputs.

    Args:
      source: a script in percent format.

    Returns:
      The notebook, without anything that only says when and where it ran.

    Raises:
      CellExecutionError: where a cell fails.
    """
    notebook = jupytext.read(source)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    client.execute()
    return cleaned(notebook)


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook without metadata that changes, and without what went to stderr.

    Args:
      notebook: executed; it is changed.

    Returns:
      The same notebook.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if output.get("name") != "stderr"
            ]
    return notebook


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the notebooks that the command line names.

    Args:
      arguments: of the command line; those of this process by default.
    """
    parser = argparse.ArgumentParser(description="Execute the notebooks of the course.")
    names = [source.stem for source in sources()]
    parser.add_argument("name", nargs="*", choices=[*names, []], help="all by default")
    chosen = parser.parse_args(arguments).name or names
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for source in sources():
        if source.stem in chosen:
            print(f"executing {source.name}", file=sys.stderr)
            nbformat.write(executed(source), source.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
