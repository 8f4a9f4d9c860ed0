"""Write a corpus as shards of ids on disk, which training streams from.

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

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from absl import app, flags
from ml_collections import config_flags

from experiments.configs import launch

if TYPE_CHECKING:
    from attnlab.tasks.translation.settings import TranslationSettings

Item = TypeVar("Item")
EVERY = 10_000  # pairs between two movements of a bar
SAMPLE = 500_000  # pairs that subwords are learned from

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "configs/translation.py[:preset]", lock_config=True
)
_OUT = flags.DEFINE_string("out", None, "The folder to write, which must be new.")
_MEGABYTES = flags.DEFINE_float("megabytes", 256, "Size of a shard, at most.")
_VERIFY = flags.DEFINE_string("verify", None, "Compare a folder with its manifest.")


def main(arguments: Sequence[str]) -> None:
    """Write the shards of --config, or verify those of --verify.

    Args:
      arguments: what is left of the command line: nothing, if it was right.

    Raises:
      UsageError: for a command line or a corpus that is wrong; it says in what.
    """
    if arguments:
        raise app.UsageError(f"unexpected argument {arguments[0]!r}")
    if (_OUT.value is None) == (_VERIFY.value is None):
        raise app.UsageError("give --out=FOLDER to write, or --verify=FOLDER to check")
    try:
        if _VERIFY.value is not None:
            verify(Path(_VERIFY.value))
            return
        if _CONFIG.value is None or _OUT.value is None:
            raise app.UsageError("give --config=configs/translation.py")
        from attnlab.tasks import parse_settings
        from attnlab.tasks.translation.settings import TranslationSettings

        settings = parse_settings(_CONFIG.value)
        if not isinstance(settings, TranslationSettings):
            raise ValueError(f"task is {settings.task!r}; choose translation")
        write(settings, Path(_OUT.value))
    except (FileNotFoundError, ValueError) as error:
        raise app.UsageError(str(error)) from None


def write(settings: "TranslationSettings", folder: Path) -> None:
    """Make the vocabularies of a corpus, write its pairs as ids, and say so.

    Args:
      settings: which corpus, its vocabularies and its batches.
      folder: where to, which must be new.

    Raises:
      ValueError: where it is there already, and for pairs that are to be glued.
    """
    from attnlab.tasks.translation.data import make_codecs
    from attnlab.text.batching import MOST, rows_rule
    from attnlab.text.parallel_corpora import CORPORA
    from attnlab.text.sharding import sampled, write_shards

    data, train = settings.data, settings.train
    if data.join:
        raise ValueError(f"data.join is {data.join}; pairs of shards are not glued")
    if folder.exists():  # said before the text is read
        raise ValueError(f"{folder} is there already; remove it, or choose another")
    # Text files may be larger than memory, so they are read anew in every pass.
    streaming = {"stream": True} if data.name == "files" else {}
    corpus = CORPORA[data.name](**data.options | streaming)
    with Watching() as watch:
        pairs = watch("vocabularies", corpus.train)
        if data.units == "subwords":
            pairs = sampled(pairs, SAMPLE)
        manifest = write_shards(
            corpus,
            folder,
            *make_codecs(settings, corpus._replace(train=pairs)),
            rows_of=rows_rule(train.rows, train.token_budget or None, data.longest),
            shapes=data.shapes or MOST,
            longest=data.longest,
            edges=data.edges,
            megabytes=_MEGABYTES.value,
            watch=watch,
        )
    widths = [
        f"{bucket['source']} x {bucket['target']}" for bucket in manifest["buckets"]
    ]
    for number, what in (
        (manifest["dropped"], f"longer than {manifest['longest']} with the end mark"),
        (manifest["empty"], "without a word on one side"),
    ):
        if number:
            print(f"left out {number} pairs {what}")
    written = manifest["pairs"] - manifest["dropped"]
    print(f"wrote {written} pairs to {folder}, padded to {', '.join(widths)}")


def verify(folder: Path) -> None:
    """Compare every file of a folder with its manifest, and print the sizes.

    Args:
      folder: of shards.

    Raises:
      ValueError: for a file that is not what was written.
    """
    from attnlab.text.shards import Shards

    sizes = []

    def watch(name: str, size: int) -> None:
        sizes.append(size)
        print(f"{name} is whole, {size} bytes", file=sys.stderr)

    Shards(folder).verify(watch)
    print(f"{folder} is whole: {len(sizes)} files, {sum(sizes)} bytes")


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

    def __call__(self, what: str, pairs: Iterable[Item]) -> Iterator[Item]:
        """The same pairs, counted as they go by.

        Args:
          what: the name of the bar.
          pairs: of a pass over the text.

        Returns:
          An iterator over them.
        """
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
