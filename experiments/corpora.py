"""What `experiments.data` prints of the catalogue, a fetch and a check."""

import json
from collections.abc import Sequence
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
from rich.table import Table

from attnlab.data import fetching, verifying
from attnlab.data.catalogue import ENTRIES, Entry, File


def listed(folder: Path, as_json: bool) -> None:
    """Every corpus, with what of it is in the data folder."""
    states = {entry.name: verifying.state(entry, folder) for entry in ENTRIES}
    if as_json:
        records = [
            entry._asdict()
            | {"bytes": entry.size, "files": len(entry.files)}
            | {"state": states[entry.name]}
            for entry in ENTRIES
        ]
        print(json.dumps(records, indent=2, ensure_ascii=False))
        return
    table = Table("corpus", "config", box=None, pad_edge=False)
    table.add_column("train / dev / test", justify="right")
    table.add_column("MB", justify="right")
    table.add_column("here")
    table.add_column("what it is; licence")
    for entry in ENTRIES:
        numbers = " / ".join(f"{count:,}" for count in entry.examples)
        size = f"{entry.size / 1e6:.1f}" if entry.files else ""
        about = f"{entry.what}\n{entry.licence}"
        table.add_row(
            entry.name, entry.task, numbers, size, states[entry.name], about
        )
    console = Console()
    console.print(table, highlight=False, markup=False)
    console.print(
        f"\nin the folder {folder.resolve()}; `fetch` brings what is missing, `verify` "
        "reads every byte, `describe` measures the text",
        markup=False,
        highlight=False,
    )


def fetch(entries: Sequence[Entry], folder: Path, addresses: list[str]) -> int:
    """Bring what is not there yet; the exit status."""
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    wanted: dict[str, list[File]] = {}
    for entry in entries:
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
                used = fetching.fetch(file, folder, addresses, progress=progress)
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
    console = Console()
    table = Table("corpus", "files", "ok", "missing", "damaged", box=None)
    wrong = []
    for entry in entries:
        with console.status(f"reading {entry.name}"):
            found = [verifying.check(file, folder) for file in entry.files]
        states = [checked.state for checked in found]
        bad = [c for c in found if c.state not in (verifying.OK, verifying.MISSING)]
        missing = states.count(verifying.MISSING)
        numbers = (len(states), states.count(verifying.OK), missing, len(bad))
        table.add_row(entry.name, *map(str, numbers))
        wrong += [checked for checked in found if checked.state != verifying.OK]
    console.print(table)
    for file, state, got in wrong:
        detail = f": expected {file.sha256}, got {got}" if got else ""
        console.print(
            f"{state}  {file.path}{detail}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    return 1 if wrong else 0
