"""Sentences and attention weights as scripts that the page loads when it shows them.

    data/<set>/sentences.js        words and gold links of all sentences of a set
    data/<set>/<row>-<n>.js        weights of a row for the n-th chunk of the set

Each calls `attnlab.give(name, value)`. A weight is one byte, 255 times itself rounded,
and so off by at most 1/510; the bytes of a chunk are one base64 text.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab.metrics import aer
from attnlab.report.example_stats import main_set
from attnlab.report.page.escaping import embedded
from attnlab.report.rows import Row
from attnlab.runs import AlignedSentence, slug, write_bytes

LEVELS = 255
CHUNK = 48 * 1024  # weights in a chunk, or one sentence where that has more


def write(
    folder: Path, rows: Sequence[Row]
) -> tuple[list[dict[str, Any]], dict[str, list[str]], list[Path]]:
    """The sets of sentences, {row's slug: keys of the sets it has}, files written.

    Of a row, its first finished seed that has alignments. Rows share a set where words
    and gold links are the same; sets of one name but other sentences are numbered. The
    sets of most rows come first.
    """
    sets: dict[str, dict[str, Any]] = {}  # by what they say
    held: dict[str, list[str]] = {}
    written = []
    for row in rows:
        for name, pairs in _first(row).items():
            if not any(pair.weights.size for pair in pairs):
                continue
            said = embedded([_said(pair) for pair in pairs])
            digest = hashlib.sha256(f"{name}\n{said}".encode()).hexdigest()
            if digest not in sets:
                sets[digest] = _set(name, pairs, [s["key"] for s in sets.values()])
                path = folder / sets[digest]["key"] / "sentences.js"
                write_bytes(path, _given(sets[digest]["key"], said))
                written.append(path)
            some = sets[digest]
            held.setdefault(row.slug, []).append(some["key"])
            written += _write_chunks(folder, row.slug, some, pairs)
    rows_of = [key for keys in held.values() for key in keys]
    ranked = sorted(sets.values(), key=lambda some: -rows_of.count(some["key"]))
    return ranked, held, written


def quantized(weights: np.ndarray) -> np.ndarray:
    """Weights [...] in [0, 1] as bytes: 255 times themselves, rounded."""
    return np.clip(np.rint(np.nan_to_num(weights) * LEVELS), 0, LEVELS).astype(np.uint8)


def _first(row: Row) -> dict[str, list[AlignedSentence]]:
    """The sets of the first seed that has any, that of its AER first."""
    for run in row.finished:
        sets = run.alignments()
        main = main_set(run, sets)
        if main is not None:
            return {main: sets.pop(main), **sets}
    return {}


def _said(pair: AlignedSentence) -> list[Any]:
    """Source, target, sure links and those only possible, as t, s, t, s, ..."""
    links = [sorted(pair.sure), sorted(pair.possible - pair.sure)]
    flat = [[int(end) for link in some for end in link] for some in links]
    return [list(pair.source), list(pair.target), *flat]


def _set(
    name: str, pairs: Sequence[AlignedSentence], taken: Sequence[str]
) -> dict[str, Any]:
    try:
        key = first = slug(name)
    except ValueError:  # not a letter in it
        key = first = "set"
    number = 1
    while key in taken:
        number += 1
        key = f"{first}-{number}"
    starts, size = [0], 0
    for place, pair in enumerate(pairs):
        cells = len(pair.source) * len(pair.target)
        if size and size + cells > CHUNK:
            starts.append(place)
            size = 0
        size += cells
    return {
        "key": key,
        "name": name if number == 1 else f"{name} ({number})",
        "count": len(pairs),
        "chunks": starts,
    }


def _write_chunks(
    folder: Path, row: str, some: dict[str, Any], pairs: Sequence[AlignedSentence]
) -> list[Path]:
    paths = []
    ends = [*some["chunks"][1:], some["count"]]
    for number, (start, end) in enumerate(zip(some["chunks"], ends, strict=True)):
        path = folder / some["key"] / f"{row}-{number}.js"
        name = f"{some['key']}/{row}/{number}"
        write_bytes(path, _given(name, embedded(chunk(pairs[start:end]))))
        paths.append(path)
    return paths


def chunk(pairs: Sequence[AlignedSentence]) -> dict[str, Any]:
    """weights: base64 of all matrices, rows first; centres and samples of all target
    words; aer: a sentence's own, by the heaviest weight, where it has gold links."""
    flat = quantized(np.concatenate([pair.weights.reshape(-1) for pair in pairs]))
    held: dict[str, Any] = {"weights": base64.b64encode(flat.tobytes()).decode()}
    if any(pair.possible for pair in pairs):
        held["aer"] = [_aer(pair) for pair in pairs]
    centres = [pair.centres for pair in pairs if pair.centres is not None]
    if centres:
        found = np.nan_to_num(np.concatenate(centres))
        # Cut and not rounded: a window lies about the floor of its centre.
        held["centres"] = (np.floor(found.astype(float) * 1000) / 1000).tolist()
    samples = [pair.samples for pair in pairs if pair.samples is not None]
    if samples:
        held["samples"] = np.concatenate(samples).tolist()
    return held


def _aer(pair: AlignedSentence) -> float | None:
    if not pair.possible:
        return None
    links = aer.argmax_links(pair.weights)
    rate = float(aer.agreement(links, pair.sure, pair.possible).aer)
    return round(rate, 4) if np.isfinite(rate) else None


OPENING = b"attnlab.give("  # of every such script


def _given(name: str, value: str) -> bytes:
    return OPENING + f"{embedded(name)},{value});\n".encode()
