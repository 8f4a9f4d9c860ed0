"""Scripts beside the page, each of which calls `attnlab.give(name, value)`."""

from pathlib import Path

from attnlab.report.page.escaping import embedded
from attnlab.runs import write_bytes

OPENING = b"attnlab.give("  # of every such script
RESERVED = ("curves", "seeds")  # in `data/`: no set of sentences may be called so


def write_script(path: Path, name: str, value: str) -> Path:
    """Write a script, unless the file is the same already.

    Args:
      path: of the script.
      name: under which the page waits for the value.
      value: as embedded JSON.

    Returns:
      The path.
    """
    content = OPENING + f"{embedded(name)},{value});\n".encode()
    try:
        same = path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        same = False
    if not same:
        write_bytes(path, content, lasting=False)  # hundreds, each made anew if torn
    return path
