"""Sweeps with something odd in them, for a report to make the best of."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attnlab import runs

RUN = "global/0"


class Odd(NamedTuple):
    """A sweep that was changed, and what its report has to say of that.

    name: what was done. change: does it to the sweep's folder. word: stands in the
    report's notes; "" where there is nothing to say. costs: the run that may be missing
    from the table, "" for none.
    """

    name: str
    change: Callable[[Path], None]
    word: str = ""
    costs: str = ""


def _link(folder: Path) -> None:
    """A row that lies elsewhere, behind a symbolic link."""
    elsewhere = folder.with_name("reported-elsewhere")
    shutil.rmtree(elsewhere, ignore_errors=True)
    shutil.move(folder / "global", elsewhere)
    (folder / "global").symlink_to(elsewhere)


def _again(folder: Path) -> None:
    """A link to a row that is there already, and one that leads in a circle."""
    (folder / "again").symlink_to(folder / "global")
    (folder / "global" / "up").symlink_to(folder)


def _copied(name: str) -> Callable[[Path], None]:
    return lambda folder: shutil.copytree(folder / RUN, folder / name) and None


def _relist(run: Path, name: str, content: bytes) -> None:
    """Give a finished run another file, as if it had always had it."""
    runs.list_files(run, {name: content})
    (run / name).write_bytes(content)


def _setting(folder: Path) -> None:
    run = folder / RUN
    config = runs.read_json(run / runs.CONFIG)
    config["train"] |= {"steps": 50}
    _relist(run, runs.CONFIG, json.dumps(config).encode())


def _word(word: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        run = folder / RUN
        arrays = runs.read_arrays(run / runs.ALIGNMENTS)
        name = next(name for name in arrays if name.endswith("/sentences"))
        sentences = json.loads(arrays[name].tobytes())
        sentences[0]["source"][0] = word
        arrays[name] = np.frombuffer(json.dumps(sentences).encode(), np.uint8)
        runs.write_arrays(run / runs.ALIGNMENTS, arrays)
        _relist(run, runs.ALIGNMENTS, (run / runs.ALIGNMENTS).read_bytes())

    return change


def _broken(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / RUN / runs.MANIFEST).unlink()  # a run of before there were lists
        (folder / RUN / name).write_bytes(content)

    return change


def _number(folder: Path) -> None:
    result = runs.read_json(folder / RUN / runs.RESULT) | {"bleu": int("9" * 400)}
    _relist(folder / RUN, runs.RESULT, json.dumps(result).encode())


ODD = (
    Odd("a row behind a link", _link),
    Odd("a row met twice, a circle of links", _again),
    Odd("a copied run, 0.bak", _copied("global/0.bak"), "left out 0.bak"),
    Odd("a copied run, 7", _copied("global/7"), "left out 7"),
    Odd("runs of other settings", _setting, "differ in more than the seed"),
    Odd("a broken result.json", _broken(runs.RESULT, b"{"), runs.RESULT, RUN),
    Odd("an empty result.json", _broken(runs.RESULT, b""), runs.RESULT, RUN),
    Odd("a broken alignments.npz", _broken(runs.ALIGNMENTS, b"P"), "alignments", RUN),
    Odd("a broken config.json", _broken(runs.CONFIG, b"\xff"), runs.CONFIG, RUN),
    Odd("a number of 400 digits", _number, runs.RESULT, RUN),
    Odd("a surrogate in a word", _word("a\ud800"), runs.ALIGNMENTS, RUN),
    Odd("U+FEFF in a word", _word("\ufeffa")),
)
