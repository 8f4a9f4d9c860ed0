"""Arguments of programs: what is empty or wrong is one line on stderr."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are one line, without the usage before it, and
    whose help calls programs as this one was called."""

    def __init__(self, *, prog: str, **options: Any):
        super().__init__(prog=as_called(prog), **options)
        self.program = prog.rpartition(".")[2]

    def format_help(self) -> str:
        """The text of `--help`.

        Returns:
          All of it.
        """
        return as_called(super().format_help())

    def error(self, message: str) -> NoReturn:
        """End the program with status 2.

        Args:
          message: what is wrong, on one line.

        Raises:
          SystemExit: always.
        """
        print(f"{self.program}: {message}", file=sys.stderr)
        raise SystemExit(2)


def as_called(text: str) -> str:
    """A text whose programs are called as this one was.

    Args:
      text: with commands such as `python -m experiments.align_text`.

    Returns:
      The same with `attnlab align-text`, if that is how this program was called.
    """
    # Not sys.argv, whose first word `runpy` has made the program's file.
    words = sys.orig_argv[1:]
    script = next((word for word in words if not word.startswith("-")), "")
    if words[:2] == ["-m", "attnlab"]:
        command = "python -m attnlab"
    elif Path(script).stem == "attnlab" and "-m" not in words[:1]:
        command = "attnlab"
    else:
        return text
    return re.sub(
        r"python -m experiments\.(\w+)",
        lambda match: f"{command} {match[1].replace('_', '-')}",
        text,
    )


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
