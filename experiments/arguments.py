"""Arguments of programs: what is empty or wrong is one line on stderr."""

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are one line, without the usage before it, and
    whose help calls programs as this one was called. Options are given in full."""

    def __init__(self, *, prog: str, **options: Any):
        super().__init__(prog=as_called(prog), allow_abbrev=False, **options)
        self.program = prog.rpartition(".")[2]

    def parse_known_args(self, args=None, namespace=None):
        """As argparse's, but an unknown option is named before one that is missing.

        Args:
          args: words of the command line; None: this process's.
          namespace: what is filled; None: a new one.

        Returns:
          The namespace, and what is left over.
        """
        words = sys.argv[1:] if args is None else list(args)
        end = words.index("--") if "--" in words else len(words)
        known = self._option_string_actions
        if not {"-h", "--help"} & set(words[:end]):
            for before, word in zip(["", *words], words[:end], strict=False):
                name = word.partition("=")[0]
                # argparse takes what has a blank for the value of an option before it.
                value = " " in (word if before in known else name)
                if name.startswith("--") and name not in known and not value:
                    self._unknown(name)
        return super().parse_known_args(words, namespace)

    def _unknown(self, name: str) -> NoReturn:
        options = [option.removeprefix("--") for option in self._option_string_actions]
        near = difflib.get_close_matches(name.removeprefix("--"), options, 1)
        hint = f"; did you mean --{near[0]}?" if near else ""
        self.error(f"unknown option {name}{hint}")

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
