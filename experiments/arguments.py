"""Arguments of programs: what is empty or wrong is one line on stderr."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """End the program with status 2.

        Args:
          message: what is wrong, on one line.

        Raises:
          SystemExit: always.
        """
        print(f"{self.prog.rpartition('.')[2]}: {message}", file=sys.stderr)
        raise SystemExit(2)


def text(value: str) -> str:
    """An argument that says something: the `type` of an argparse option.

    Args:
      value: as it was given, perhaps by a variable of a shell that is not set.

    Returns:
      The same text.

    Raises:
      argparse.ArgumentTypeError: where it is empty.
    """
    if not value:
        raise argparse.ArgumentTypeError("it is empty")
    return value


def path(value: str) -> Path:
    """A path: the `type` of an argparse option. Python's own takes "" for the folder
    that the program is in.

    Args:
      value: as it was given.

    Returns:
      The path.

    Raises:
      argparse.ArgumentTypeError: where it is empty.
    """
    return Path(text(value))
