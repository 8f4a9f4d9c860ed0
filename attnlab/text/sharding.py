"""Write a corpus as shards: three passes over its text, of which none holds it.

The first, by whoever makes the vocabularies, counts words; the second counts lengths,
from which the widths of batches are chosen; the third writes each pair into the bucket
of its widths. In memory are those counts, the vocabularies, and a few thousand rows a
bucket. The folder takes its name when it is whole: a kill leaves no half of one.
"""

import fcntl
import hashlib
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from attnlab.text.batching import checked_widths
from attnlab.text.bucket_widths import widths_of_counts
from attnlab.text.links import format_pharaoh
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.shards import (
    COUNTS,
    FORMAT,
    MANIFEST,
    SOURCE,
    TARGET,
    BucketRecord,
    Manifest,
)
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS, PAD

BUFFERED = 4096  # rows of a bucket before they are written
MEGABYTES = 256  # of a piece, at most
LOCK = ".lock"
CHANGED = "the text changed while it was read"

Watch = Callable[[str, Iterable[Pair]], Iterable[Pair]]
"""watch(what is done, pairs) -> the same pairs, so that somebody can count them."""


def write_shards(
    corpus: Corpus,
    folder: str | Path,
    source: Codec,
    target: Codec,
    *,
    rows_of: Callable[[int, int], int],
    shapes: int = 6,
    longest: int = 48,
    edges: Sequence[int] = (),
    megabytes: float = MEGABYTES,
    watch: Watch = lambda what, pairs: pairs,
) -> Manifest:
    """Write a corpus as shards.

    Args:
      corpus: its `train` is iterated over twice.
      folder: to write, which must be new.
      source: the vocabulary of the source.
      target: the vocabulary of the target.
      rows_of: rows of a batch of two widths; it only helps to choose the widths: other
        batches can be made of the same shards.
      shapes: as in `attnlab.text.batching.bucketed`, and so are the next two.
      longest: pairs longer on either side are left out.
      edges: square widths, or none.
      megabytes: of a file of rows, at most.
      watch: is given each pass over the text.

    Returns:
      The manifest.

    Raises:
      ValueError: for a folder that is there already or that another process is writing,
        a text of which no pair is short enough, and a corpus of strings or of several
        references, which shards would lose.
    """
    folder = Path(folder)
    if corpus.symbols:
        raise ValueError(
            f"corpus {corpus.name!r} is of strings, and shards hold sentences: train "
            "on it as it is"
        )
    if corpus.further:
        raise ValueError(
            f"{' and '.join(corpus.further)} of corpus {corpus.name!r} have several "
            "references, which shards would lose: give source and target alone"
        )
    edges, longest = checked_widths(edges, shapes, longest)
    if megabytes <= 0:
        raise ValueError(f"megabytes is {megabytes}; it must be positive")
    with _new_folder(folder) as partial:
        # First the lengths: the widths of buckets must be known before a row is cut.
        histogram, pairs = _lengths(
            watch("lengths", corpus.train), source, target, longest
        )
        dropped = pairs - int(histogram.sum())
        if pairs == dropped:
            raise ValueError(
                f"no pair to write: {pairs} given, {dropped} of them longer than "
                f"{longest} (EOS counted)"
            )
        widths = [(edge, edge) for edge in edges]
        if not edges:
            widths = widths_of_counts(histogram, shapes, rows_of)
        # Two bytes an id halve the disk, where the vocabulary allows it.
        wide = max(source.size, target.size) > 2**16
        dtype = np.dtype("<u4" if wide else "<u2")
        buckets = [
            _Bucket(partial, number, *pair, dtype, megabytes)
            for number, pair in enumerate(widths)
        ]
        counts = _write_rows(
            watch("shards", corpus.train), buckets, source, target, histogram
        )
        written = _write_small_files(partial, corpus, source, target, counts)
        total = np.indices(histogram.shape).sum(axis=0)
        manifest: Manifest = {
            "format": FORMAT,
            "pairs": pairs,
            "dropped": dropped,
            "empty": getattr(corpus.train, "empty", 0),
            "longest": longest,
            "tokens": int((total * histogram).sum()),
            "dtype": dtype.str,
            "source_language": corpus.source_language,
            "target_language": corpus.target_language,
            "about": corpus.about,
            "gold": list(corpus.gold),
            "files": written,
            "buckets": [bucket.record for bucket in buckets],
        }
        content = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        # Last: a folder without it is not whole.
        _write(partial / MANIFEST, content.encode())
    return manifest


def sampled(pairs: Iterable[Pair], most: int, seed: int = 0) -> list[Pair]:
    """A sample of a stream's pairs, each as likely as any (reservoir sampling).

    For what must see text at once, such as a trainer of subwords.

    Args:
      pairs: the stream.
      most: pairs of the sample.
      seed: of the sample.

    Returns:
      At most so many pairs.
    """
    rng, stream = random.Random(f"sampled {seed}"), iter(pairs)
    sample = list(islice(stream, most))
    for number, pair in enumerate(stream, len(sample)):
        # Pair n of the stream, from 1, is taken with probability most / n.
        place = rng.randrange(number + 1)
        if place < most:
            sample[place] = pair
    return sample


class _Bucket:
    """Rows of one width on their way to the disk, cut into pieces."""

    def __init__(self, folder, number, source, target, dtype, megabytes):
        self.folder, self.number = folder, number
        self.source, self.target = source, target
        width = (source + target) * dtype.itemsize
        self.most = max(1, int(megabytes * 2**20 / width))  # rows of a piece
        self.buffer = np.zeros((BUFFERED, source + target), dtype)
        self.used, self.pieces = 0, []
        self.hash = hashlib.sha256()  # of the last piece

    def add(self, source: list[int], target: list[int]) -> np.ndarray | None:
        """Add a pair; the rows [BUFFERED, S + T] that were full before, now written."""
        full = self.flush() if self.used == BUFFERED else None
        row = self.buffer[self.used]  # PAD where nothing is written
        row[: len(source)] = source
        row[self.source : self.source + len(target)] = target
        self.used += 1
        return full

    def flush(self) -> np.ndarray:
        """Write what is buffered, onto the disk, and return it."""
        rows = self.buffer[: self.used].copy()
        # Cleared, as shorter rows would leave ids of the old ones behind them.
        self.buffer[:], self.used = PAD, 0
        start = 0
        while start < len(rows):
            # A full piece is closed only when more comes, so that none is empty.
            if not self.pieces or self.pieces[-1]["pairs"] == self.most:
                name = f"rows-{self.number}-{len(self.pieces):04}.ids"
                self.pieces.append({"name": name, "pairs": 0})
                self.hash = hashlib.sha256()
            piece = self.pieces[-1]
            part = rows[start : start + self.most - piece["pairs"]]
            content = part.tobytes()
            _write(self.folder / piece["name"], content, "ab")
            self.hash.update(content)
            piece["pairs"] += len(part)
            piece["sha256"] = self.hash.hexdigest()
            start += len(part)
        return rows

    @property
    def record(self) -> BucketRecord:
        """The bucket as the manifest has it."""
        return {"source": self.source, "target": self.target, "pieces": self.pieces}


def _lengths(pairs, source, target, longest) -> tuple[np.ndarray, int]:
    """Pairs by their lengths [longest + 1, longest + 1], EOS counted, and all pairs:
    what is longer is in the second alone."""
    # Lists: adding one to a NumPy element is many times slower.
    counted = [[0] * (longest + 1) for _ in range(longest + 1)]
    number = 0
    for pair in pairs:
        number += 1
        s = len(source.encode(pair.source).ids) + 1
        t = len(target.encode(pair.target).ids) + 1
        if s <= longest and t <= longest:
            counted[s][t] += 1
    return np.array(counted, np.int64), number


def _write_rows(pairs, buckets, source, target, histogram) -> np.ndarray:
    """Write each pair into its bucket; returns how often each target unit occurs.

    ValueError where the text is not the one whose lengths the histogram has.
    """
    size = len(histogram)
    first = np.zeros((size, size), int)  # the bucket of each pair of lengths
    for bucket in buckets:
        # Each bucket that is too narrow moves a pair of lengths one bucket on.
        first[bucket.source + 1 :, :] += 1
        first[: bucket.source + 1, bucket.target + 1 :] += 1
    bucket_of = first.tolist()
    counts = np.zeros(target.size, np.int64)
    for pair in pairs:
        ids = source.encode(pair.source).ids, target.encode(pair.target).ids
        s, t = len(ids[0]) + 1, len(ids[1]) + 1
        if s >= size or t >= size:
            # Pairs that are too long count, too: frequencies are of the whole text.
            np.add.at(counts, [*ids[1], EOS], 1)
            continue
        # Widths end at the longest lengths counted, so all of the same text fits.
        if bucket_of[s][t] == len(buckets):
            raise ValueError(
                f"{CHANGED}: there was no pair of lengths {s - 1}, {t - 1}"
            )
        bucket = buckets[bucket_of[s][t]]
        full = bucket.add([*ids[0], EOS], [*ids[1], EOS])
        if full is not None:
            counts += _units(full[:, bucket.source :], target.size)
    for bucket in buckets:
        counts += _units(bucket.flush()[:, bucket.source :], target.size)
    written = sum(piece["pairs"] for bucket in buckets for piece in bucket.pieces)
    if written != histogram.sum():
        raise ValueError(f"{CHANGED}: {histogram.sum()} pairs are now {written}")
    return counts


def _units(ids: np.ndarray, size: int) -> np.ndarray:
    counts = np.bincount(ids.ravel(), minlength=size)
    counts[PAD] = 0  # of filling, and not of the text
    return counts


def _write_small_files(folder, corpus, source, target, counts) -> dict[str, str]:
    """Write vocabularies, counts, dev, test and gold sets; their sha256 by name."""
    array = io.BytesIO()
    # Never a pickle: a folder may come from someone else.
    np.save(array, counts, allow_pickle=False)
    tables = {"dev.tsv": corpus.dev, "test.tsv": corpus.test}
    tables |= {f"gold-{n}.tsv": gold for n, gold in enumerate(corpus.gold.values())}
    contents = {
        SOURCE: source.content,
        TARGET: target.content,
        COUNTS: array.getvalue(),
        **{name: "".join(map(_line, pairs)).encode() for name, pairs in tables.items()},
    }
    for name, content in contents.items():
        _write(folder / name, content)
    return {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }


def _line(pair: Pair | GoldPair) -> str:
    cells = [" ".join(pair.source), " ".join(pair.target)]
    if isinstance(pair, GoldPair):
        cells.append(format_pharaoh(pair.sure, pair.possible))
    return "\t".join(cells) + "\n"


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder` that becomes it at the end of the context.

    What a killed process left in it is thrown away, and so is all after an error.
    """
    _check_new(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with open(partial / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another process is writing {folder}") from None
        _check_new(folder)  # the other process may just have ended
        try:
            for left in partial.iterdir():
                if left.name != LOCK:
                    left.unlink()
            yield partial
            (partial / LOCK).unlink()
            # A rename is atomic: whoever sees the folder sees all of it.
            os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _check_new(folder: Path) -> None:
    if folder.exists():
        raise ValueError(f"{folder} is there already; remove it, or choose another")


def _write(path: Path, content: bytes, mode: str = "wb") -> None:
    """Write or ("ab") append to a file, onto the disk."""
    with open(path, mode) as file:
        file.write(content)
        # Onto the disk before the rename, or a power cut leaves a whole name
        # with half the content.
        file.flush()
        os.fsync(file.fileno())
