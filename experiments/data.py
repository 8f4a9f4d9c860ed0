"""The corpora: which there are, bringing them here, checking them, describing them.

    python -m experiments.data list [multi30k]
    python -m experiments.data fetch multi30k babi --mirror=https://example.org/attnlab/
    python -m experiments.data verify multi30k babi
    python -m experiments.data describe multi30k --plot=multi30k.png
    python -m experiments.data describe multi30k --option=source=fr --option=silver=true
    python -m experiments.data describe --config=configs/multi30k.py --plot=lengths.png
    python -m experiments.data text --config=configs/multi30k.py --out=train.de,train.en

All read and write the folder that ATTNLAB_DATA names (else ./data). `list` says what is
there by sizes; `verify` reads every byte, of what is there where no corpus is named.

`fetch` takes names, or `all`. The files come from mirrors, in $ATTNLAB_MIRROR or
--mirror: addresses (http, https, file) parted by blanks, below which the files lie as
they do in the data folder. A file counts once its sha256 sum is right, and a fetch that
was interrupted goes on where it stopped.

`describe` gives lengths, words, the share of them that vocabularies know, and what is
particular to a task's corpora: how far word order differs (from gold or silver links),
classes, entities, facts. A named corpus is described whole, or with --option as its
loader gives it with these options and no others. With --config it is the corpus of that
config, your own files among them, and of a translation's config also the shapes that
batches have (rows, source width, target width), how much of them is padding and how
much would be in random batches; --plot then draws lengths and shapes.

`text` writes the training pairs of a config's parallel corpus as two files, a pair a
line and in their order, for programs that read text: other aligners, and
`experiments.align_text`, whose links `train.guide` takes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from attnlab import tasks
from attnlab.corpora import catalogue, fetching, folder, verifying
from experiments import line_files
from experiments.configs import last_line, launch
from experiments.data_describe import describe_config, describe_name, option
from experiments.data_files import (
    fetch,
    list_entries,
    list_json,
    verify,
    write_text,
)

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "describe, text: configs/....py[:preset]", lock_config=True
)
_OUT = flags.DEFINE_string("out", None, "text: two new files, SOURCE,TARGET.")
_PLOT = flags.DEFINE_string("plot", None, "describe: draw it, too: a .png or .pdf.")
_OPTION = flags.DEFINE_multi_string(
    "option", [], "describe: NAME=VALUE of the corpus's loader, such as size=full."
)
_MIRROR = flags.DEFINE_string("mirror", None, "fetch: instead of $ATTNLAB_MIRROR.")
_JSON = flags.DEFINE_boolean("json", False, "list: as JSON.")
COMMANDS = ("list", "fetch", "verify", "describe", "text")


def main(arguments: Sequence[str]) -> int:
    """Run one of COMMANDS.

    Args:
      arguments: the command and names of corpora.

    Returns:
      The exit status.

    Raises:
      UsageError: for what cannot be done as asked; launch prints it in a line.
    """
    command, *names = arguments or ["nothing"]
    if command not in COMMANDS:
        raise app.UsageError(f"say one of {', '.join(COMMANDS)}, not {command}")
    try:
        if command == "describe":
            return _describe(names)
        if command == "text":
            return _text(names)
        return _files(command, names)
    except (FileNotFoundError, ValueError) as error:
        raise app.UsageError(str(error)) from None


def _files(command: str, names: Sequence[str]) -> int:
    every, place = tasks.catalogue(), folder.data_folder()
    if command == "list":
        entries = [catalogue.find(every, name) for name in names] or every
        if _JSON.value:
            list_json(entries, place)
        else:
            list_entries(entries, place, details=bool(names))
        return 0
    if command == "fetch":
        addresses = fetching.mirrors(_MIRROR.value)
        return fetch(catalogue.fetchable(every, names), place, addresses)
    entries = catalogue.fetchable(every, names or ["all"])
    if not names:  # what nobody fetched is not missing
        entries = [e for e in entries if verifying.state(e, place) != "missing"]
        if not entries:
            raise ValueError(f"no corpus is in {place.resolve()}; see `list`")
    return verify(entries, place)


def _describe(names: Sequence[str]) -> int:
    plot = Path(_PLOT.value) if _PLOT.value else None
    if plot is not None and plot.suffix not in (".png", ".pdf"):
        raise ValueError(f"--plot is {str(plot)!r}; choose a .png or a .pdf file")
    if (_CONFIG.value is None) == (not names):
        raise ValueError("describe a corpus by name, or give --config=configs/...py")
    if plot is not None and len(names) > 1:
        raise ValueError(f"--plot is one file; name one corpus, not {len(names)}")
    if _OPTION.value and not names:
        raise ValueError("--option is for a corpus by name; set --config.data... here")
    options = dict(map(option, _OPTION.value))
    for name in names:
        describe_name(name, options, plot)
    if not names:
        describe_config(_CONFIG.value, plot)
    return 0


def _text(names: Sequence[str]) -> int:
    paths = [Path(part) for part in (_OUT.value or "").split(",") if part]
    if names or _CONFIG.value is None or len(paths) != 2:
        raise ValueError(
            "say text --config=configs/....py --out=SOURCE,TARGET, and no more"
        )
    line_files.check_new(paths, [])
    pairs = write_text(_CONFIG.value, paths)
    last_line(f"wrote {paths[0]} and {paths[1]}, {pairs:,} lines each")
    return 0


if __name__ == "__main__":
    sys.exit(launch(main, "data"))
