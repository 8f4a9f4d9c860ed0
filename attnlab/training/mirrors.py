"""What writers have in common that mirror a run elsewhere, and never stop it."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from attnlab import runs
from attnlab.training.writers import Writer, several

Result = TypeVar("Result")


def forgiving(make: Callable[[], Writer], warn: Callable[[Exception], None]) -> Writer:
    """A writer that stops writing at the first error, instead of raising it.

    Args:
      make: makes the writer to be guarded; it may fail, too.
      warn: is called with the first error, once.

    Returns:
      A writer that passes everything on until something fails; `close` is passed on
      also after that.
    """
    failed = False

    def attempt(do: Callable[..., Result], *arguments: object) -> Result | None:
        nonlocal failed
        if failed:
            return None
        try:
            return do(*arguments)
        except Exception as error:
            # Set first: `warn` itself may fail, and must not be tried again.
            failed = True
            warn(error)
            return None

    writer = attempt(make) or several()

    def close() -> None:
        if not failed:
            attempt(writer.close)
            return
        # After a failure, too: else a wandb-core process would outlive the run.
        with suppress(Exception):
            writer.close()

    return Writer(
        lambda *moment: attempt(writer.write, *moment),
        lambda: attempt(writer.conclude),
        close,
        lambda *moment: attempt(writer.histograms, *moment),
    )


def note(folder: Path, name: str, text: str) -> None:
    """Print a note on stderr and keep it in environment.json, if it can be written.

    Args:
      folder: the run's.
      name: of the mirror, under which environment.json has it.
      text: a line.
    """
    print(text, file=sys.stderr, flush=True)
    with suppress(OSError, ValueError):
        path = folder / runs.ENVIRONMENT
        notes = runs.read_json(path) if path.exists() else {}
        runs.write_json(path, notes | {name: text})
        if runs.ENVIRONMENT in runs.read_manifest(folder):  # the run has finished
            runs.list_files(folder, {runs.ENVIRONMENT: path.read_bytes()})
