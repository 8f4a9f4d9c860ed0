"""What `experiments.data` prints of the catalogue, a fetch and a check."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table as Grid

from attnlab.corpora import fetching, verifying
from attnlab.corpora.catalogue import Entry, File
from attnlab.corpora.portrait import CorpusTable

PIPED = 100  # columns of what no terminal shows


def listed(entries: Sequence[Entry], folder: Path, details: bool) -> None:
    """A line a corpus, with what of it is in the data folder; or all about each."""
    if details:
        for entry in entries:
            _detailed(entry, folder)
        return
    grid = Grid("corpus", "config", box=None, pad_edge=False)
    grid.add_column("train / dev / test", justify="right")
    grid.add_column("MB", justify="right")
    grid.add_column("here")
    grid.add_column("licence")
    for entry in entries:
        examples, size = _numbers(entry)
        here = verifying.state(entry, folder)
        grid.add_row(entry.name, entry.task, examples, size, here, entry.licence)
    console = Console()
    if not console.is_terminal:
        console.width = PIPED
    console.print(grid, highlight=False, markup=False)
    print(f"\nin {folder.resolve()}, by the sizes of files; `list NAME` says more")


def _detailed(entry: Entry, folder: Path) -> None:
    examples, _ = _numbers(entry)
    here = verifying.state(entry, folder)
    print(f"{entry.name} ({entry.task}): {entry.what}")
    print(f"  train / dev / test  {examples or 'made as they are needed'}")
    print(f"  licence             {entry.licence}")
    print(f"  text from           {entry.upstream or 'attnlab itself'}")
    print(f"  here                {here}")
    for file in entry.files:
        mark = "  " if (folder / file.path).is_file() else "- "
        print(f"  {mark}{file.size:>12,}  {file.path}")
    print()


def _numbers(entry: Entry) -> tuple[str, str]:
    """Examples and megabytes, as they are shown."""
    size = f"{entry.size / 1e6:.1f}" if entry.files else ""
    return " / ".join(f"{count:,}" for count in entry.examples), size


def as_json(entries: Sequence[Entry], folder: Path) -> None:
    """The same, with the sum of every file, for programs."""
    records = [
        entry._asdict()
        | {"state": verifying.state(entry, folder)}
        | {"files": [file._asdict() for file in entry.files]}
        for entry in entries
    ]
    print(json.dumps(records, indent=2, ensure_ascii=False))


def fetch(entries: Sequence[Entry], folder: Path, addresses: list[str]) -> int:
    """Bring what is not there yet; the exit status."""
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    wanted: dict[str, list[File]] = {}
    for entry in entries:
        with at_work(f"reading what is there of {entry.name}"):
            states = [verifying.check(file, folder) for file in entry.files]
        wanted[entry.name] = [c.file for c in states if c.state != verifying.OK]
        missing = len(wanted[entry.name])
        number = f"{missing} of {len(states)} files to fetch" if missing else "complete"
        say(f"{entry.name}: {number}; licence: {entry.licence}")
        say(f"    the text comes from {entry.upstream}")
    every = [file for files in wanted.values() for file in files]
    if not every:
        return 0
    if not addresses:
        say(
            f"no mirror is named. These files are made from the upstream texts, and no "
            f"public address has them. Set {fetching.VARIABLE}, or give --mirror, to "
            "the address (http, https or file) of a folder laid out as the data folder."
        )
        return 2
    try:
        fetching.check_room(every, folder)
        failed = _fetch_all(every, folder, addresses, console, say)
    except (fetching.FolderError, fetching.NoAnswer) as error:
        say(str(error))
        say("the same command goes on from here")
        return 1
    brought = len(every) - failed
    say(f"{brought} files fetched into {folder.resolve()}, {failed} failed")
    return 1 if failed else 0


def _fetch_all(files, folder, addresses, console, say) -> int:
    """How many could not be fetched. The mirror that gave a file is asked first."""
    failed = 0
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        everything = bars.add_task("all", total=sum(file.size for file in files))
        before = 0
        for file in files:
            bar = bars.add_task(file.path, total=file.size)

            def progress(done: int, bar=bar, before=before) -> None:
                bars.update(bar, completed=done)
                bars.update(everything, completed=before + done)

            try:
                used = fetching.fetch(
                    file, folder, addresses, progress=progress, notice=say
                )
                say(f"fetched {file.path}")
                addresses = sorted(addresses, key=lambda address: address != used)
            except fetching.NoAnswer:
                raise
            except fetching.FetchError as error:
                failed += 1
                say(f"FAILED {error}")
            bars.remove_task(bar)
            before += file.size
            bars.update(everything, completed=before)
    return failed


def verify(entries: Sequence[Entry], folder: Path) -> int:
    """Read every file of these corpora; 1 where one is not as it must be."""
    wrong, rows = [], []
    for entry in entries:
        with at_work(f"reading {entry.name}"):
            found = [verifying.check(file, folder) for file in entry.files]
        states = [checked.state for checked in found]
        ok, missing = states.count(verifying.OK), states.count(verifying.MISSING)
        numbers = (len(states), ok, missing, len(states) - ok - missing)
        rows.append([entry.name, *map(str, numbers)])
        wrong += [checked for checked in found if checked.state != verifying.OK]
    columns = ["", "files", verifying.OK, verifying.MISSING, verifying.DAMAGED]
    print(aligned(CorpusTable(f"in {folder.resolve()}", columns, rows)))
    for file, state, got in wrong:
        if state == verifying.DAMAGED:
            got = f"expected sha256 {file.sha256}, got {got}"
        print(f"{state}  {file.path}  {got}".rstrip())
    return 1 if wrong else 0


def aligned(table: CorpusTable) -> str:
    """Its title, its columns, its rows and an empty line: names left, numbers right."""
    lines = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [table.title]
    for first, *others in lines:
        cells = map(str.rjust, others, widths[1:])
        text.append("  ".join([f"  {first:<{widths[0]}}", *cells]).rstrip())
    return "\n".join([*text, ""])


@contextmanager
def at_work(what: str) -> Iterator[None]:
    """A terminal shows that something goes on; elsewhere nothing is said."""
    with Console(stderr=True).status(what):
        yield
