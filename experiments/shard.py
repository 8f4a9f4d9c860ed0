"""Write a corpus as shards, which training reads without loading them.

    python -m experiments.shard --config=configs/translation.py --out=shards/news \\
        --config.data.name=files --config.data.files.train=train.fr,train.en \\
        --config.data.files.dev=dev.fr,dev.en --config.data.files.test=test.fr,test.en
    python -m experiments.train --config=configs/translation.py \\
        --config.data.name=shards --config.data.shards.folder=shards/news
    python -m experiments.shard --verify=shards/news

Text files are read three times and never held in memory; word counts are. The settings
of `data` that say what units, vocabularies and shapes there are hold from here on. A
folder appears when it is whole: after a kill, give the same command again. --verify
reads a folder and compares every file with the sha256 of the manifest.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from experiments.configs import launch

EVERY = 10_000  # pairs between two movements of a bar
SAMPLE = 500_000  # pairs that subwords are learned from

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "configs/translation.py[:preset]", lock_config=True
)
_OUT = flags.DEFINE_string("out", None, "The folder to write, which must be new.")
_MEGABYTES = flags.DEFINE_float("megabytes", 256, "Size of a shard, at most.")
_VERIFY = flags.DEFINE_string("verify", None, "Compare a folder with its manifest.")


def main(arguments: Sequence[str]) -> None:
    if arguments:
        raise app.UsageError(f"unexpected argument {arguments[0]!r}")
    if (_OUT.value is None) == (_VERIFY.value is None):
        raise app.UsageError("give --out=FOLDER to write, or --verify=FOLDER to check")
    try:
        if _VERIFY.value is not None:
            verify(Path(_VERIFY.value))
            return
        if _CONFIG.value is None:
            raise app.UsageError("give --config=configs/translation.py")
        write(json.loads(_CONFIG.value.to_json()), Path(_OUT.value))
    except (FileNotFoundError, ValueError) as error:
        raise app.UsageError(str(error)) from None


def write(config, folder: Path) -> None:
    """Make the vocabularies of a configuration, write its corpus, and say so."""
    from attnlab.tasks.translation import task as translate
    from attnlab.text.batching import rows_rule
    from attnlab.text.sharding import sampled, write_shards

    data, train = config["data"], config["train"]
    if data["join"]:
        raise ValueError(f"data.join is {data['join']}; pairs of shards are not glued")
    if folder.exists():  # said before the text is read
        raise ValueError(f"{folder} is there already; remove it, or choose another")
    if data["name"] == "files":
        data["files"]["stream"] = True
    corpus = translate.load_corpus(config)
    budget = train["token_budget"]
    rows_of = rows_rule(
        None if budget else train["batch_size"], budget or None, data["longest"]
    )
    with Watching() as watch:
        read = watch("vocabularies", corpus.train)
        if data["units"] == "subwords":
            read = sampled(read, SAMPLE)
        codecs = translate.make_codecs(config, corpus._replace(train=read))
        manifest = write_shards(
            corpus,
            folder,
            *codecs,
            rows_of=rows_of,
            shapes=data["shapes"],
            longest=data["longest"],
            edges=data["edges"],
            megabytes=_MEGABYTES.value,
            watch=watch,
        )
    kept = manifest["pairs"] - manifest["dropped"]
    widths = [
        f"{bucket['source']} x {bucket['target']}" for bucket in manifest["buckets"]
    ]
    print(f"wrote {kept} pairs to {folder}, padded to {', '.join(widths)}")
    for number, what in (
        (manifest["dropped"], f"longer than {manifest['longest']} with the end mark"),
        (manifest["empty"], "without a word on one side"),
    ):
        if number:
            print(f"left out {number} pairs {what}")


def verify(folder: Path) -> None:
    """Compare every file of a folder with its manifest."""
    from attnlab.text.shards import Shards

    found = []

    def watch(name: str, size: int) -> None:
        found.append(size)
        print(f"{name} is whole, {size} bytes", file=sys.stderr)

    Shards(folder).verify(watch)
    print(f"{folder} is whole: {len(found)} files, {sum(found)} bytes")


class Watching:
    """A bar for each pass over the text on a terminal, a line at its end elsewhere."""

    def __init__(self):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description:<13}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f} pairs", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.total: int | None = None  # pairs, once they have been counted

    def __enter__(self):
        self.progress.start()
        return self

    def __exit__(self, *exception) -> None:
        self.progress.stop()

    def __call__(self, what: str, pairs: Iterable) -> Iterator:
        """The same pairs, counted as they go by."""
        task, number = self.progress.add_task(what, total=self.total), 0
        for number, pair in enumerate(pairs, 1):
            yield pair
            if number % EVERY == 0:
                self.progress.update(task, completed=number)
        self.total = number
        self.progress.update(task, completed=number, total=number)
        if not self.console.is_terminal:
            print(f"{what}: {number} pairs", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(launch(main, "shard"))
