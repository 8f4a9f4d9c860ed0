"""Training text on disk as rows of ids, read a batch at a time and never loaded.

    FOLDER/manifest.json       what is there, written last
           rows-0-0000.ids     pairs of bucket 0: S source ids, then T target ids, each
                               closed by EOS and filled with PAD, little-endian
           source.codec  target.codec  target-counts.npy  dev.tsv  test.tsv  gold-0.tsv

`attnlab.text.sharding` writes such a folder, `attnlab.text.streaming` makes batches of
it. Rows are read by position and not mapped into memory: what was read counts as the
system's cache and not as this process's memory, and a file cut short under a running
program is an error here instead of a signal that kills it.
"""

import hashlib
import io
import json
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypedDict, cast

import numpy as np

from attnlab.text.lines import link_pairs, read_columns
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.subwords import Codec, load_codec
from attnlab.text.vocabulary import EOS, PAD
from attnlab.text.words import split_words

MANIFEST = "manifest.json"
FORMAT = "attnlab shards 1"
SOURCE, TARGET, COUNTS = "source.codec", "target.codec", "target-counts.npy"
DTYPES = ("<u2", "<u4")
CHUNK = 4096  # rows read at once by whoever reads all


class BucketRecord(TypedDict):
    """A bucket as the manifest has it: its widths, and name, pairs and sha256 of each
    file of rows."""

    source: int
    target: int
    pieces: list[dict]


class Manifest(TypedDict):
    """What manifest.json holds; the sizes are of the text before and after sharding.

    `pairs` were written from, `dropped` of them were too long, `empty` had no word on a
    side. `tokens` are those of an epoch, EOS counted; `files` are the sha256 of the
    small files by name.
    """

    format: str
    pairs: int
    dropped: int
    empty: int
    longest: int
    tokens: int
    dtype: str
    source_language: str
    target_language: str
    about: str
    gold: list[str]
    files: dict[str, str]
    buckets: list[BucketRecord]


class Piece(NamedTuple):
    """A file of rows: its name, how many pairs it has, and the sha256 of its bytes."""

    name: str
    pairs: int
    sha256: str


class Bucket(NamedTuple):
    """The pairs that are padded to the widths `source` and `target`, in pieces."""

    source: int
    target: int
    pieces: tuple[Piece, ...]

    @property
    def pairs(self) -> int:
        """Pairs of all pieces."""
        return sum(piece.pairs for piece in self.pieces)


class Rows(NamedTuple):
    """N pairs of a bucket: ids [N, S] and [N, T], lengths [N] with EOS; all int32."""

    source: np.ndarray
    source_lengths: np.ndarray
    target: np.ndarray
    target_lengths: np.ndarray


class Shards(Sequence):
    """A folder of shards as a sequence of (source ids, target ids), without EOS.

    `dropped` of the `pairs` written from were longer than `longest`.

    Args:
      folder: that `write_shards` made.

    Raises:
      FileNotFoundError: where the manifest, or a file that it names, is not there.
      ValueError: for a manifest that is none, and files of another size than it says
        or (small ones) of other content; `verify` looks at the content of all.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        try:
            self._understand(self.manifest)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.folder / MANIFEST} is damaged: {type(error).__name__} {error}"
            ) from None
        for name, bytes_, _ in self._pieces():
            # Sizes only, which is quick; `verify` reads all bytes.
            _check_size(self.folder / name, bytes_)
        self._descriptors: dict[str, int] = {}
        # Closed with the object; __del__ would not run at the interpreter's end.
        weakref.finalize(self, _close, self._descriptors)

    def _understand(self, manifest: Manifest) -> None:
        self.pairs, self.dropped = int(manifest["pairs"]), int(manifest["dropped"])
        self.longest, self.tokens = int(manifest["longest"]), int(manifest["tokens"])
        if manifest["dtype"] not in DTYPES:
            raise ValueError(
                f"dtype is {manifest['dtype']!r}, not {' or '.join(DTYPES)}"
            )
        self.dtype = np.dtype(manifest["dtype"])
        self.files: dict[str, str] = dict(manifest["files"])
        self.buckets = [
            Bucket(
                int(bucket["source"]),
                int(bucket["target"]),
                tuple(Piece(**piece) for piece in bucket["pieces"]),
            )
            for bucket in manifest["buckets"]
        ]
        self._ends = [
            np.cumsum([piece.pairs for piece in bucket.pieces], dtype=np.int64)
            for bucket in self.buckets
        ]
        there = sum(bucket.pairs for bucket in self.buckets)
        if there != self.pairs - self.dropped:
            raise ValueError(
                f"its buckets hold {there} pairs, not the {self.pairs} less "
                f"{self.dropped} it speaks of"
            )

    def _pieces(self) -> Iterator[tuple[str, int, str]]:
        """(name, bytes, sha256) of every piece."""
        for bucket in self.buckets:
            width = (bucket.source + bucket.target) * self.dtype.itemsize
            for piece in bucket.pieces:
                yield piece.name, piece.pairs * width, piece.sha256

    @cached_property
    def codecs(self) -> tuple[Codec, Codec]:
        """The vocabularies or subword models that the ids are of.

        Returns:
          Those of source and target.
        """
        for name in (SOURCE, TARGET):
            self.small_file(name)
        return load_codec(self.folder / SOURCE), load_codec(self.folder / TARGET)

    def check_codecs(self, source: Codec, target: Codec) -> None:
        """Refuse vocabularies that the ids are not of.

        Args:
          source: of a run.
          target: of a run.

        Raises:
          ValueError: where either is another one.
        """
        for side, codec, name in (
            ("source", source, SOURCE),
            ("target", target, TARGET),
        ):
            # Other ids would train without an error, on wrong words.
            if _sha256(codec.content) != self.files[name]:
                raise ValueError(
                    f"the run's {side} vocabulary is not that of the shards in "
                    f"{self.folder}: they were written anew since the run began"
                )

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """The sizes of the vocabularies.

        Returns:
          Those of source and target.
        """
        return self.codecs[0].size, self.codecs[1].size

    @cached_property
    def target_counts(self) -> np.ndarray:
        """How often each target unit occurs, EOS and pairs left out included.

        Returns:
          Counts, [V].
        """
        content = io.BytesIO(self.small_file(COUNTS))
        return np.load(content, allow_pickle=False)

    def small_file(self, name: str) -> bytes:
        """The content of a file beside the rows.

        Args:
          name: of the file.

        Returns:
          Its bytes.

        Raises:
          ValueError: where they are not what was written.
        """
        path = self.folder / name
        content = path.read_bytes()
        if _sha256(content) != self.files[name]:
            raise ValueError(f"{path} is damaged: its sha256 is not the manifest's")
        return content

    def rows(self, number: int, members: np.ndarray) -> Rows:
        """Pairs of one bucket.

        Args:
          number: of the bucket.
          members: places of the pairs in it, each in [0, pairs), [N].

        Returns:
          The pairs, in this order.

        Raises:
          ValueError: naming a file that is damaged.
        """
        bucket, ends = self.buckets[number], self._ends[number]
        width = bucket.source + bucket.target
        size = width * self.dtype.itemsize
        which = np.searchsorted(ends, members, side="right")  # the piece of each
        first = np.concatenate([[0], ends])[which]  # where its piece begins
        names = [bucket.pieces[piece].name for piece in which]
        places = zip(names, ((members - first) * size).tolist(), strict=True)
        content = b"".join([self._read(name, place, size) for name, place in places])
        ids = np.frombuffer(content, self.dtype).reshape(len(members), width)
        # A copy, too: what frombuffer gives cannot be written to.
        ids = ids.astype(np.int32)
        source, target = ids[:, : bucket.source], ids[:, bucket.source :]
        lengths, wrong = zip(
            *(
                _lengths(side, size)
                for side, size in zip((source, target), self.sizes, strict=True)
            ),
            strict=True,
        )
        for row in np.flatnonzero(wrong[0] | wrong[1])[:1]:  # the first is enough
            raise ValueError(
                f"{self.folder / names[row]} is damaged: its row "
                f"{members[row] - first[row]} is no pair of sentences"
            )
        return Rows(source, lengths[0], target, lengths[1])

    def _read(self, name: str, place: int, size: int) -> bytes:
        if name not in self._descriptors:
            # Opened once: thousands of rows are read from a file.
            self._descriptors[name] = os.open(self.folder / name, os.O_RDONLY)
        # pread has no position to share, so threads and forks do not disturb it.
        content = os.pread(self._descriptors[name], size, place)
        if len(content) != size:
            raise ValueError(f"{self.folder / name} was cut short while it was read")
        return content

    def verify(self, watch: Callable[[str, int], None] = lambda name, bytes_: None):
        """Read every file.

        Args:
          watch: is given name and bytes of each that is whole.

        Raises:
          ValueError: naming the first whose sha256 is another.
        """
        for name in self.files:
            watch(name, len(self.small_file(name)))
        for name, bytes_, sha256 in self._pieces():
            with open(self.folder / name, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != sha256:
                path = self.folder / name
                raise ValueError(f"{path} is damaged: its sha256 is not the manifest's")
            watch(name, bytes_)

    def __len__(self) -> int:
        return self.pairs - self.dropped

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"pair {index} of {len(self)}")
        for number, bucket in enumerate(self.buckets):
            if index < bucket.pairs:
                return _ids_of(self.rows(number, np.array([index])))[0]
            index -= bucket.pairs

    def __iter__(self) -> Iterator[tuple[list[int], list[int]]]:
        for number, bucket in enumerate(self.buckets):
            for start in range(0, bucket.pairs, CHUNK):
                members = np.arange(start, min(start + CHUNK, bucket.pairs))
                yield from _ids_of(self.rows(number, members))


class ShardedText(Sequence):
    """The pairs of shards as words, as their vocabularies know them: none is loaded."""

    def __init__(self, shards: Shards):
        self.shards = shards

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, index) -> Pair:
        return self._words(self.shards[index])

    def __iter__(self) -> Iterator[Pair]:
        return map(self._words, self.shards)

    def _words(self, ids) -> Pair:
        source, target = self.shards.codecs
        return Pair(tuple(source.decode(ids[0])), tuple(target.decode(ids[1])))


def shards(*, folder: str | None = None) -> Corpus:
    """The corpus in a folder that `python -m experiments.shard` wrote.

    Its training text stays on disk.

    Args:
      folder: the folder of the shards. It settled units, vocabularies, shapes, edges
        and longest: those of `data` count for nothing then.

    Returns:
      The corpus.

    Raises:
      FileNotFoundError: where there is no such folder.
      ValueError: naming what is damaged.
    """
    if folder is None:
        raise ValueError(
            "the corpus 'shards' needs folder, which python -m experiments.shard writes"
        )
    text = Shards(folder)
    manifest = text.manifest
    return Corpus(
        name="shards",
        train=ShardedText(text),
        dev=_read_pairs(text, "dev.tsv"),
        test=_read_pairs(text, "test.tsv"),
        gold={
            name: _read_gold(text, f"gold-{number}.tsv")
            for number, name in enumerate(manifest["gold"])
        },
        source_language=manifest["source_language"],
        target_language=manifest["target_language"],
        about=manifest["about"],
        notes=_left_out(manifest["empty"]),
    )


def _left_out(empty: int) -> tuple[str, ...]:
    if not empty:
        return ()
    return (f"{empty} training pairs without a word on one side were not written",)


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"no {MANIFEST} in {folder}; python -m experiments.shard writes one"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (RecursionError, ValueError) as error:  # not JSON, or not UTF-8
        raise ValueError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"{path} is not a manifest of {FORMAT!r}")
    return cast(Manifest, manifest)  # checked by whoever understands it


def _check_size(path: Path, size: int) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path.name} in {path.parent}, which its {MANIFEST} names"
        )
    there = path.stat().st_size
    if there != size:
        raise ValueError(f"{path} is damaged: it has {there} bytes, not {size}")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _lengths(ids: np.ndarray, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """Lengths [N] of rows [N, S], and whether each is no sentence: [N] bool."""
    lengths = (ids != PAD).sum(axis=1, dtype=np.int32)
    columns = np.arange(ids.shape[1])
    # PAD may only follow: a row with a hole in it is damaged.
    wrong = ((ids != PAD) != (columns < lengths[:, None])).any(axis=1)
    # A row of PAD alone has length 0: its last id, at -1, is no EOS either.
    wrong |= ids[np.arange(len(ids)), lengths - 1] != EOS
    return lengths, wrong | (ids.max(axis=1) >= vocabulary)


def _ids_of(rows: Rows) -> list[tuple[list[int], list[int]]]:
    return [
        (source[: s - 1].tolist(), target[: t - 1].tolist())  # without EOS
        for source, s, target, t in zip(*rows, strict=True)
    ]


def _read_pairs(text: Shards, name: str) -> list[Pair]:
    text.small_file(name)  # which checks its sum
    rows = read_columns(text.folder / name, 2)
    return [
        Pair(tuple(split_words(row[0])), tuple(split_words(row[1]))) for row in rows
    ]


def _read_gold(text: Shards, name: str) -> list[GoldPair]:
    pairs = _read_pairs(text, name)
    links = [row[2] for row in read_columns(text.folder / name, 3)]
    return link_pairs(pairs, links, str(text.folder / name))


def _close(descriptors: dict[str, int]) -> None:
    for descriptor in descriptors.values():
        os.close(descriptor)
