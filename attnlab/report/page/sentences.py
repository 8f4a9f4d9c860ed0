"""Sentences and attention weights as scripts that the page loads when it shows them.

    data/<set>/sentences.js        words and gold links of all sentences of a set
    data/<set>/<row>-<n>.js        weights of a row's first seed for the n-th chunk
    data/<set>/<row>/<seed>-<n>.js the same of its other seeds

Examples of another form (`attnlab.report.examples`) are written in the same files,
which then hold a list of what they share, and a list of what the row did with each.

A weight is one byte, 255 times itself rounded,
and so off by at most 1/510; the bytes of a chunk are one base64 text.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.report.alignment_counts import link_counts
from attnlab.report.example_stats import main_set
from attnlab.report.examples import ExampleSet, examples_of
from attnlab.report.page.escaping import embedded
from attnlab.report.page.scripts import RESERVED, write_script
from attnlab.report.rows import Row
from attnlab.runs import AlignedSentence, Words, slug

LEVELS = 255
CHUNK = 48 * 1024  # weights in a chunk, or one sentence where that has more


class SentenceSet(TypedDict):
    """Sentences that rows share, as the scripts of the page know them.

    key: of its folder.
    name: printed.
    count: how many sentences.
    chunks: the first sentence of every chunk.
    form: of examples that are not maps of words; "map" of those that are.
    """

    key: str
    name: str
    count: int
    chunks: list[int]
    form: str


def write(
    folder: Path, rows: Sequence[Row]
) -> tuple[list[SentenceSet], dict[str, dict[str, list[int]]], list[Path]]:
    """Write the sentences, and the weights of each row's finished seeds.

    Rows share a set where words and gold links are the same; sets of one name but other
    sentences are numbered. A further seed of a row has those sets that its first has:
    its own translations cannot be compared.

    Args:
      folder: where the scripts go.
      rows: of a sweep.

    Returns:
      The sets, those of most rows first; {row's slug: {key of a set: its seeds that
      have it, the first one first}}; the files written.
    """
    sets: dict[str, SentenceSet] = {}  # by the digest of their words and links
    sets_of: dict[str, dict[str, list[int]]] = {}
    written, taken = [], [*RESERVED]
    for row in rows:
        seeds_of = sets_of.setdefault(row.slug, {})
        for seed, group in _each_seed(row):
            # By content: rows of other data may call their set by the same name.
            whole = f"{group.name}\n{group.form}\n{group.shared}"
            digest = hashlib.sha256(whole.encode()).hexdigest()
            known = digest in sets and sets[digest]["key"] in seeds_of
            if seeds_of and seed != _first_seed(seeds_of) and not known:
                continue
            if digest not in sets:
                sets[digest] = _set(group, taken)
                key = sets[digest]["key"]
                taken.append(key)
                path = folder / key / "sentences.js"
                written.append(write_script(path, key, group.shared))
            seeds = seeds_of.setdefault(sets[digest]["key"], [])
            seeds.append(seed)
            stem = row.slug if len(seeds) == 1 else f"{row.slug}/{seed}"
            written += _write_chunks(folder, stem, sets[digest], group.chunk)
    rows_with = Counter(key for keys in sets_of.values() for key in keys)
    # First the set that most rows can be compared on.
    ranked = sorted(sets.values(), key=lambda each: -rows_with[each["key"]])
    return ranked, sets_of, written


def quantized(weights: np.ndarray) -> np.ndarray:
    """Weights as bytes.

    Args:
      weights: [...] in [0, 1]; what is outside is cut, what is no number is 0.

    Returns:
      255 times the weights, rounded [...], uint8.
    """
    return np.clip(np.rint(np.nan_to_num(weights) * LEVELS), 0, LEVELS).astype(np.uint8)


class _Group(NamedTuple):
    """A set of one run as it is written.

    form, name: as a SentenceSet's. shared: embedded JSON. sizes: bytes or weights of
    each sentence. chunk: (start, end) to the content of their chunk.
    """

    form: str
    name: str
    shared: str
    sizes: Sequence[int]
    chunk: Callable[[int, int], object]


def _each_seed(row: Row) -> Iterator[tuple[int, _Group]]:
    """(seed, set) of every set, each seed's that of its AER first."""
    for run in row.finished:
        try:
            examples = examples_of(run)
            sets = {} if examples else run.alignments()
        except ValueError:  # a note below the table says so
            continue
        if examples is not None and examples.shared:
            yield run.seed, _examples(examples)
        possible = {name: [p.possible for p in pairs] for name, pairs in sets.items()}
        main = main_set(run, possible)
        for name in sorted(sets, key=lambda name: name != main):
            if main is not None and any(pair.weights.size for pair in sets[name]):
                yield run.seed, _maps(name, sets[name])


def _maps(name: str, pairs: Sequence[AlignedSentence]) -> _Group:
    words = tuple((p.source, p.target, p.sure, p.possible) for p in pairs)
    sizes = [len(pair.source) * len(pair.target) for pair in pairs]
    rates = _rates(pairs)
    return _Group(
        "map",
        name,
        _words_and_links(words),
        sizes,
        lambda start, end: chunk(pairs[start:end], rates[start:end]),
    )


def _examples(examples: ExampleSet) -> _Group:
    shared = [len(embedded(example)) for example in examples.shared]
    return _Group(
        examples.form,
        examples.name,
        embedded(examples.shared),
        shared,  # and not the results', of which each row has its own
        lambda start, end: [*examples.results[start:end]],
    )


def _first_seed(seeds_of: Mapping[str, Sequence[int]]) -> int:
    return next(iter(seeds_of.values()))[0]


@lru_cache(maxsize=4)  # the rows of a sweep have the same test sets
def _words_and_links(sentences: tuple[Words, ...]) -> str:
    """Source, target, sure links and those only possible, as t, s, t, s, ..."""
    content = []
    for source, target, sure, possible in sentences:
        links = [sorted(sure), sorted(possible - sure)]
        flat = [[int(end) for link in some for end in link] for some in links]
        content.append([list(source), list(target), *flat])
    return embedded(content)


def _set(group: _Group, taken: Sequence[str]) -> SentenceSet:
    try:
        key = first = slug(group.name)
    except ValueError:  # not a letter in it
        key = first = "set"
    number = 1
    while key in taken:
        number += 1
        key = f"{first}-{number}"
    starts, size = [0], 0
    for place, cells in enumerate(group.sizes):
        if size and size + cells > CHUNK:  # never an empty chunk
            starts.append(place)
            size = 0
        size += cells
    return {
        "key": key,
        "name": group.name if number == 1 else f"{group.name} ({number})",
        "count": len(group.sizes),
        "chunks": starts,
        "form": group.form,
    }


def _write_chunks(
    folder: Path,
    stem: str,
    group: SentenceSet,
    content_of: Callable[[int, int], object],
) -> list[Path]:
    paths = []
    ends = [*group["chunks"][1:], group["count"]]
    for number, (start, end) in enumerate(zip(group["chunks"], ends, strict=True)):
        path = folder / group["key"] / f"{stem}-{number}.js"
        name = f"{group['key']}/{stem}/{number}"
        paths.append(write_script(path, name, embedded(content_of(start, end))))
    return paths


def chunk(
    pairs: Sequence[AlignedSentence], rates: Sequence[float | None]
) -> dict[str, object]:
    """The weights of neighboring sentences.

    Args:
      pairs: one or more.
      rates: the AER of each.

    Returns:
      weights: base64 of all matrices, rows first; centres and samples of all target
      words, where there are any; aer: each sentence's own, by its heaviest weights,
      None where it has no gold links.
    """
    flat = quantized(np.concatenate([pair.weights.reshape(-1) for pair in pairs]))
    content: dict[str, object] = {"weights": base64.b64encode(flat.tobytes()).decode()}
    if any(pair.possible for pair in pairs):
        content["aer"] = [*rates]
    centres = [pair.centres for pair in pairs if pair.centres is not None]
    if centres:
        real = np.nan_to_num(np.concatenate(centres)).astype(float)
        # Cut and not rounded: a window lies about the floor of its centre.
        content["centres"] = (np.floor(real * 1000) / 1000).tolist()
    samples = [pair.samples for pair in pairs if pair.samples is not None]
    if samples:
        content["samples"] = np.concatenate(samples).tolist()
    return content


def _rates(pairs: Sequence[AlignedSentence]) -> list[float | None]:
    """The AER of each sentence, None where it has no gold links."""
    rates = aer.score(link_counts(pairs).sentences).round(4).tolist()
    return [
        rate if pair.possible and np.isfinite(rate) else None
        for pair, rate in zip(pairs, rates, strict=True)
    ]
