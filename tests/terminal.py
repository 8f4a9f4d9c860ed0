"""A terminal that remembers what was drawn on it."""

import io
import re

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self):
        return True


def screens(text: str) -> list[str]:
    """Every line that was drawn, those that were drawn over too, without colors."""
    lines = re.split(r"[\r\n]", CONTROL.sub("", text))
    return [line.rstrip() for line in lines]
