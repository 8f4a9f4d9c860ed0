"""What `experiments.data` prints of the catalogue, a fetch and a check."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from tabulate import tabulate

from attnlab import runs, tasks
from attnlab.corpora import fetching, verifying
from attnlab.corpora.catalogue import Entry, File
from attnlab.corpora.corpus_stats import CorpusTable
from attnlab.text.pairs import Corpus
from experiments.configs import last_line, working


def list_entries(entries: Sequence[Entry], place: Path, details: bool) -> None:
    """Print the catalogue, with what of it is in the data folder.

    Args:
      entries: of the catalogue.
      place: the data folder.
      details: all about each, instead of a line.
    """
    if details:
        for entry in entries:
            _print_entry(entry, place)
        print(f"in {place.resolve()}, by the sizes of files; `-` is not there")
        return
    rows = [
        [entry.name, entry.task, *_numbers(entry)]
        + [verifying.state(entry, place), entry.license]
        for entry in entries
    ]
    columns = ["corpus", "config", "train / dev / test", "MB", "here", "license"]
    print(_aligned(columns, rows, "llrrll"))
    print(f"\nin {place.resolve()}, by the sizes of files; `list NAME` says more")


def _print_entry(entry: Entry, place: Path) -> None:
    examples, _ = _numbers(entry)
    print(f"{entry.name} ({entry.task}): {entry.what}")
    print(f"  train / dev / test  {examples or 'made as they are needed'}")
    print(f"  license             {entry.license}")
    print(f"  text from           {entry.upstream or 'attnlab itself'}")
    print(f"  here                {verifying.state(entry, place)}")
    for file in entry.files:
        mark = "  " if (place / file.path).is_file() else "- "
        print(f"  {mark}{file.size:>12,}  {file.path}")
    print()


def _numbers(entry: Entry) -> tuple[str, str]:
    """Examples and megabytes, as they are printed."""
    size = f"{entry.size / 1e6:.1f}" if entry.files else ""
    return " / ".join(f"{count:,}" for count in entry.examples), size


def list_json(entries: Sequence[Entry], place: Path) -> None:
    """Print the catalogue for programs, with the sum of every file.

    Args:
      entries: of the catalogue.
      place: the data folder.
    """
    records = [
        entry._asdict()
        | {"whole": dict(entry.whole), "state": verifying.state(entry, place)}
        | {"files": [file._asdict() for file in entry.files]}
        for entry in entries
    ]
    print(json.dumps(records, indent=2, ensure_ascii=False))
    last_line(f"in {place.resolve()}, by the sizes of files")


# ---- fetch and verify --------------------------------------------------------------


def fetch(entries: Sequence[Entry], place: Path, addresses: list[str]) -> int:
    """Bring what is not there yet.

    Args:
      entries: of the catalogue.
      place: the data folder.
      addresses: of mirrors.

    Returns:
      The exit status: 1 where a file failed, 2 where no mirror is named.
    """
    console = Console(stderr=True)

    def log(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    files: list[File] = []
    for entry in entries:
        with working(f"reading what is there of {entry.name}"):
            checks = [verifying.check(file, place) for file in entry.files]
        missing = [check.file for check in checks if check.state != verifying.OK]
        number = f"{len(missing)} of {len(checks)} files to fetch"
        log(f"{entry.name}: {number if missing else 'complete'}; {entry.license}")
        log(f"    the text comes from {entry.upstream}")
        files += missing
    if not files:
        log(f"nothing to fetch: all of it is in {place.resolve()}")
        return 0
    if not addresses:
        log(
            f"no mirror is named. These files are made from the upstream texts, and no "
            f"public address has them. Set {fetching.VARIABLE}, or give --mirror, to "
            "the address (http, https or file) of a folder laid out as the data folder."
        )
        return 2
    try:
        fetching.check_room(files, place)
        failed = _fetch_files(files, place, addresses, console, log)
    except (fetching.FolderError, fetching.NoAnswer) as error:
        log(str(error))
        log("the same command goes on from here")
        return 1
    brought = len(files) - failed
    log(f"{brought} files fetched into {place.resolve()}, {failed} failed")
    return 1 if failed else 0


def _fetch_files(
    files: Sequence[File],
    place: Path,
    addresses: list[str],
    console: Console,
    log: Callable[[str], None],
) -> int:
    """How many could not be fetched. The mirror that gave a file is asked first."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    failed = before = 0
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
        for file in files:
            bar = bars.add_task(file.path, total=file.size)

            def progress(done: int, bar=bar, before=before) -> None:
                bars.update(bar, completed=done)
                bars.update(everything, completed=before + done)

            try:
                mirror = fetching.fetch(
                    file, place, addresses, progress=progress, notice=log
                )
                log(f"fetched {file.path}")
                addresses = sorted(addresses, key=lambda address: address != mirror)
            except fetching.NoAnswer:
                raise
            except fetching.FetchError as error:
                failed += 1
                log(f"FAILED {error}")
            bars.remove_task(bar)
            before += file.size
            bars.update(everything, completed=before)
    return failed


def verify(entries: Sequence[Entry], place: Path) -> int:
    """Read every file of these corpora, and print what is wrong.

    Args:
      entries: of the catalogue.
      place: the data folder.

    Returns:
      The exit status: 1 where a file is not as it must be.
    """
    wrong, rows = [], []
    for entry in entries:
        with working(f"reading {entry.name}"):
            checks = [verifying.check(file, place) for file in entry.files]
        states = [check.state for check in checks]
        ok, missing = states.count(verifying.OK), states.count(verifying.MISSING)
        numbers = (len(states), ok, missing, len(states) - ok - missing)
        rows.append([entry.name, *map(str, numbers)])
        wrong += [check for check in checks if check.state != verifying.OK]
    columns = ["", "files", verifying.OK, verifying.MISSING, verifying.DAMAGED]
    print_table(CorpusTable(f"in {place.resolve()}", columns, rows))
    for file, state, got in wrong:
        if state == verifying.DAMAGED:
            got = f"expected sha256 {file.sha256}, got {got}"
        print(f"{state}  {file.path}  {got}".rstrip())
    if wrong:
        names = " ".join(
            e.name for e in entries if {*e.files} & {c.file for c in wrong}
        )
        print(f"{len(wrong)} files are not as they must be; `fetch {names}` mends them")
    else:
        print(f"all files in {place.resolve()} are as they must be")
    return 1 if wrong else 0


# ---- printing ----------------------------------------------------------------------


def print_table(table: CorpusTable) -> None:
    """Print a table and an empty line: names left, numbers right.

    Args:
      table: its title comes first.
    """
    columns = "l" + "r" * (len(table.columns) - 1)
    text = _aligned(table.columns, table.rows, columns)
    lines = [f"  {line}".rstrip() for line in text.splitlines()]
    print("\n".join([table.title, *lines, ""]))


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """Text in columns; sides: "l" or "r" for each."""
    aligned = [{"l": "left", "r": "right"}[side] for side in sides]
    return tabulate(
        rows, columns, tablefmt="plain", disable_numparse=True, colalign=aligned
    )


def write_text(config: Mapping[str, object], paths: Sequence[Path]) -> int:
    """Write the training pairs of a parallel corpus as they are, in their order.

    Args:
      config: a ConfigDict, or what a config.json holds.
      paths: of source and target, a line a pair, words between blanks.

    Returns:
      How many pairs.

    Raises:
      ValueError: for a corpus that is not parallel text, or is not in memory.
      MissingCorpus: where its files are not in the data folder.
    """
    settings = tasks.parse_settings(config)
    with working(f"reading {settings.data.name}"):
        corpus = settings.data.load()
    if not isinstance(corpus, Corpus) or not isinstance(corpus.train, list):
        raise ValueError(f"{settings.data.name} has no training pairs to be written")
    for path, side in zip(paths, ("source", "target"), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        runs.write_lines(path, [" ".join(getattr(pair, side)) for pair in corpus.train])
    return len(corpus.train)
