"""Print every setting, its default, what it may be and what it does.

python -m experiments.settings                    # all tasks, as docs/settings.md
python -m experiments.settings ntm                # of one task
python -m experiments.settings --write            # docs/settings.md anew
python -m experiments.settings --write mine.md    # another file
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
HEAD = """# Settings

Written by `python -m experiments.settings --write` from the records in
`attnlab/settings.py` and `attnlab/tasks/<task>/settings.py`; a test keeps it current.
Any of them can be given in a config file, in a row of a sweep (`window="local-p"`) and
on the command line (`--config.model.window=local-p`).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 2 with one line about what is wrong."""
    from attnlab.tasks import TASKS
    from experiments.arguments import Parser
    from experiments.configs import last_line

    parser = Parser(
        prog="python -m experiments.settings",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", nargs="*", help=f"one of {', '.join(TASKS)}")
    parser.add_argument(
        "--write",
        nargs="?",
        type=Path,
        const=FILE,
        metavar="FILE",
        help=f"write those of all tasks to a file (docs/{FILE.name})",
    )
    options = parser.parse_args(argv)
    try:
        if options.write:
            _check_new(options.write)
            options.write.write_text(document(list(TASKS)), encoding="utf-8")
            print(f"wrote {options.write}")
        else:
            print(document(options.task or list(TASKS)))
            if FILE.exists():  # as in a checkout
                last_line(f"those of all tasks are in {FILE}")
    except ValueError as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    return 0


def _check_new(path: Path) -> None:
    """Refuse a file that cannot be, or is of others."""
    if path.suffix != ".md":
        raise ValueError(f"--write is {str(path)!r}; choose a .md file")
    if not path.parent.is_dir():
        raise ValueError(
            f"--write: no folder {path.parent}; outside of a checkout name a file"
        )
    if path.exists() and not path.read_bytes().startswith(b"# Settings\n"):
        raise ValueError(f"--write: {path} is there, and is no list of settings")


def document(tasks: Sequence[str]) -> str:
    """The settings of tasks, in Markdown: a table for each section.

    Args:
      tasks: names of tasks.

    Returns:
      The whole text. Settings that all tasks have alike come once, at the end.
    """
    from attnlab.settings import WandbSettings
    from attnlab.tasks import spec

    parts = [HEAD]
    for name in tasks:
        kind = spec(name).settings
        parts.append(f"## {name}\n\n{spec(name).description}.\n")
        parts += [
            table(section, title)
            for title, section in sections(kind)
            if section is not WandbSettings
        ]
    parts.append("## All tasks\n")
    parts.append(table(WandbSettings, "wandb"))
    return "\n".join(parts)


def sections(kind, prefix: str = ""):
    """The records of a task's settings, by their dotted path."""
    from attnlab.parsing import section_of

    yield prefix, kind
    for name, field in kind.model_fields.items():
        section = section_of(field)
        if section is not None:
            yield from sections(section, f"{prefix}.{name}".strip("."))


def table(section, title: str) -> str:
    """A section's settings as a Markdown table; "" for one that only has sections."""
    from tabulate import tabulate

    from attnlab.parsing import allowed, section_of

    rows = [
        (
            f"`{f'{title}.{name}'.strip('.')}`",
            f"`{field.default!r}`",
            cell(allowed(field)),
            cell(field.description or ""),
        )
        for name, field in section.model_fields.items()
        if section_of(field) is None
    ]
    if not rows:
        return ""
    columns = ["setting", "default", "may be", "what it does"]
    return tabulate(rows, columns, tablefmt="github", disable_numparse=True) + "\n"


def cell(text: str) -> str:
    """Text on one line, without what would end a cell."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
