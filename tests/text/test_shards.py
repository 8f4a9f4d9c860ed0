"""Shards and the batches streamed from them, against the loader that holds all."""

import json
import multiprocessing
import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnlab.corpora.loading import load_corpus
from attnlab.text import shards as shards_module
from attnlab.text.batching import bucketed, encode_pairs, rows_rule
from attnlab.text.pairs import Corpus, GoldPair, Pair
from attnlab.text.parallel_corpora import CORPORA
from attnlab.text.sharding import sampled, write_shards
from attnlab.text.shards import Shards
from attnlab.text.streaming import StreamedBatches
from attnlab.text.subwords import Subwords
from attnlab.text.vocabulary import PAD, Vocabulary
from tests.text.test_batching import as_set, rows

load = partial(load_corpus, CORPORA)

WORDS = [f"w{number}" for number in range(300)]
CODEC = Vocabulary(WORDS)
GOLD = GoldPair(("w1", "w2"), ("w3",), frozenset({(0, 1)}), frozenset({(0, 1), (0, 0)}))


def corpus_of(lengths, seed=0) -> Corpus:
    """Pairs of these lengths, EOS not counted: the words tell which pair it is."""
    draw = np.random.default_rng(seed)
    train = [
        Pair(*(tuple(draw.choice(WORDS, size)) for size in pair)) for pair in lengths
    ]
    gold = {"people's": [GOLD], "silver": []}
    return Corpus(
        "made", train, [Pair(("w1",), ())], train[:2], gold, "a", "b", "Made."
    )


def some_corpus(pairs=500, seed=0) -> Corpus:
    draw = np.random.default_rng(seed)
    return corpus_of(draw.integers(1, 20, (pairs, 2)), seed)


def write(corpus, folder, *, codecs=(CODEC, CODEC), batch_size=8, **options) -> Shards:
    rows_of = rows_rule(batch_size, None, 1)
    write_shards(corpus, folder, *codecs, rows_of=rows_of, **options)
    return Shards(folder)


def test_strings_are_not_written_as_sentences(tmp_path):
    strings = corpus_of([(2, 2)])._replace(symbols=True)
    with pytest.raises(ValueError, match="corpus 'made' is of strings"):
        write(strings, tmp_path / "shards")
    assert not (tmp_path / "shards").exists()


def stream(shards, seed=0, **size) -> StreamedBatches:
    size = {"batch_size": None, "token_budget": None} | (size or {"batch_size": 8})
    return StreamedBatches(shards, rows_rule(**size, longest=shards.longest), seed)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Shards:
    """500 pairs in several pieces a bucket; do not change its files."""
    folder = tmp_path_factory.mktemp("shards") / "some"
    return write(some_corpus(), folder, shapes=4, longest=18, megabytes=0.001)


@pytest.fixture
def fresh(tmp_path) -> Path:
    """The folder of a few shards that a test may damage."""
    write(some_corpus(60), tmp_path / "fresh", shapes=2, longest=18, megabytes=0.001)
    return tmp_path / "fresh"


def assert_equal(a, b):
    for one, other in zip(a, b, strict=True):
        assert one.dtype == other.dtype == np.int32
        np.testing.assert_array_equal(one, other)


LENGTHS = st.lists(st.tuples(st.integers(1, 14), st.integers(1, 14)), min_size=1)
SIZES = st.sampled_from(
    [{"batch_size": 1}, {"batch_size": 5}, {"token_budget": 96}, {"token_budget": 200}]
)


@settings(max_examples=40)
@given(LENGTHS, SIZES, st.integers(1, 4), st.integers(4, 12), st.integers(0, 2))
def test_an_epoch_is_that_of_the_loader_in_memory(
    tmp_path_factory, lengths, size, most, longest, epoch
):
    corpus = corpus_of(lengths)
    ids = encode_pairs(corpus.train, CODEC, CODEC)
    size = {"batch_size": None, "token_budget": None} | size
    folder = tmp_path_factory.mktemp("epoch") / "shards"
    options = {"shapes": most, "longest": longest}
    fitting = [pair for pair in ids if max(map(len, pair)) < longest]
    rows_of = rows_rule(**size, longest=longest)
    if not fitting:
        with pytest.raises(ValueError, match=f"{len(ids)} of them longer than"):
            write_shards(corpus, folder, CODEC, CODEC, rows_of=rows_of, **options)
        assert not folder.exists()
        return
    held = bucketed(ids, **size, **options)
    write_shards(corpus, folder, CODEC, CODEC, rows_of=rows_of, **options)
    found = StreamedBatches(Shards(folder), rows_of, seed=3)
    assert found.counts == held.counts
    assert found.shapes == held.shapes
    assert (found.pairs, found.dropped) == (held.pairs, held.dropped)
    assert found.waste == held.waste
    steps = range(epoch * len(found), (epoch + 1) * len(found))
    batches = [found.at(step) for step in steps]
    shown = [row for batch in batches for row in rows(batch)]
    assert sorted(shown) == sorted((tuple(s), tuple(t)) for s, t in fitting)
    assert sum((batch.source_lengths == 0).any() for batch in batches) <= 1
    counts = dict.fromkeys(found.shapes, 0)
    for batch in batches:
        counts[(*batch.source.shape, batch.target.shape[1])] += 1
    assert counts == found.counts


def test_shards_are_the_corpus(written):
    corpus = some_corpus()
    kept = [p for p in corpus.train if max(map(len, p)) < 18]
    assert 0 < len(kept) < 500 and len(written) == len(kept)
    assert (written.pairs, written.dropped) == (500, 500 - len(kept))
    assert all(len(bucket.pieces) > 1 for bucket in written.buckets)
    read = load("shards", folder=str(written.folder))
    assert sorted(read.train) == sorted(kept)
    assert as_set(written) == as_set(encode_pairs(kept, CODEC, CODEC))
    places = range(0, len(written), 37)
    whole = list(read.train)
    assert [read.train[place] for place in places] == [whole[k] for k in places]
    assert read.dev == corpus.dev and read.test == corpus.test
    assert read.gold == corpus.gold
    assert (read.source_language, read.about) == ("a", "Made.")
    said = [i for p in corpus.train for i in (*CODEC.encode(p.target).ids, 2)]
    counts = np.bincount(said, minlength=CODEC.size)
    np.testing.assert_array_equal(written.target_counts, counts)
    written.verify()
    for place in (-1, len(written)):
        with pytest.raises(IndexError):
            written[place]


def test_a_batch_depends_on_seed_and_step_alone(written):
    forward, other = stream(written, seed=5), stream(Shards(written.folder), seed=5)
    steps = range(3 * len(forward))
    batches = [forward.at(step) for step in steps]
    for step in np.random.default_rng(0).permutation(steps):
        assert_equal(batches[step], other.at(int(step)))


def test_a_shape_depends_on_the_step_alone(written):
    one, other = stream(written, seed=0), stream(written, seed=9)
    shapes = [[b.at(k).source.shape for k in range(2 * len(one))] for b in (one, other)]
    assert shapes[0] == shapes[1]
    assert shapes[0][: len(one)] != shapes[0][len(one) :]  # epochs mix them anew
    assert len(set(shapes[0])) > 2


def test_epochs_and_seeds_differ_in_order(written):
    def order(seed, epoch):
        batches = stream(written, seed)
        steps = range(epoch * len(batches), (epoch + 1) * len(batches))
        return tuple(row for step in steps for row in rows(batches.at(step)))

    orders = {order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4
    assert len({frozenset(one) for one in orders}) == 1


def test_what_a_batch_holds_is_drawn_anew_and_evenly(written):
    """Pairs of a batch are no neighbors on disk, nor together in the next epoch."""
    batches = stream(written, seed=0)
    of_pair: dict[tuple, list[int]] = {}
    for step in range(2 * len(batches)):
        for row in rows(batches.at(step)):
            of_pair.setdefault(row, []).append(step)
    first, second = np.array(list(of_pair.values())).T
    together = (first[:, None] == first) & (second[:, None] == second)
    again = (together.sum() - len(first)) / (
        (first[:, None] == first).sum() - len(first)
    )
    assert again < 0.15  # a bucket of 100 pairs in 12 batches gives 0.08
    on_disk = encode_pairs(map(load_words, written), CODEC, CODEC)
    at = [of_pair[tuple(s), tuple(t)][0] for s, t in on_disk]
    assert np.mean(np.diff(at) == 0) < 0.1


def load_words(ids):
    return Pair(*(tuple(CODEC.decode(side)) for side in ids))


@pytest.mark.parametrize("processes", [1, 2, 4, 8])
def test_parts_of_processes_are_the_batch(written, processes):
    batches = stream(written)
    for step in range(2 * len(batches)):
        parts = [batches.part(step, k, processes) for k in range(processes)]
        assert {len(part.source) for part in parts} == {8 // processes}
        whole = [np.concatenate(sides) for sides in zip(*parts, strict=True)]
        assert_equal(whole, batches.at(step))
        laid = [batches.own(step, k, processes) for k in range(processes)]
        assert_equal([sum(sides) for sides in zip(*laid, strict=True)], whole)


def test_a_process_reads_its_rows_and_no_others(written, monkeypatch):
    """Also far into training: nothing is replayed."""
    batches, read = stream(written), []
    real = os.pread

    def pread(*arguments):
        read.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(os, "pread", pread)
    for step in (0, 10**12 + 7):
        read.clear()
        real_rows = int((batches.at(step).source_lengths > 0).sum())
        assert len(read) == real_rows
        halves = []
        for process in (0, 1):
            read.clear()
            batches.part(step, process, 2)
            halves.append(set(read))
        assert not halves[0] & halves[1]
        assert len(halves[0] | halves[1]) == real_rows


def test_processes_must_share_evenly(written):
    batches = stream(written)
    with pytest.raises(ValueError, match="8 rows cannot be shared by 3 processes"):
        batches.part(0, 0, 3)
    with pytest.raises(ValueError, match=r"process is 2; it must be in \[0, 2\)"):
        batches.part(0, 2, 2)
    with pytest.raises(ValueError, match="seed is -1"):
        stream(written, seed=-1)


def test_other_batches_can_be_made_of_the_same_shards(written):
    batches = stream(written, token_budget=160)
    assert {shape.rows for shape in batches.shapes} == {
        160 // max(bucket.source, bucket.target) // 8 * 8 for bucket in written.buckets
    }
    shown = [row for step in range(len(batches)) for row in rows(batches.at(step))]
    assert len(shown) == len(set(shown)) == len(written)


def test_large_vocabularies_and_subwords(tmp_path):
    many = Vocabulary([f"w{number}" for number in range(70_000)])
    wide = corpus_of([(3, 3)] * 20)
    wide = wide._replace(train=[Pair(("w69999",), ("w65533",)), *wide.train])
    shards = write(wide, tmp_path / "wide", codecs=(many, many))
    assert shards.dtype == np.dtype("<u4")
    assert ([70_003], [65_537]) in list(shards)
    pieces = Subwords.train([pair.source for pair in wide.train], 60)
    shards = write(wide, tmp_path / "pieces", codecs=(pieces, pieces))
    assert shards.dtype == np.dtype("<u2")
    assert shards.codecs[0].encode(("w12", "w7")) == pieces.encode(("w12", "w7"))
    back = sorted(load("shards", folder=str(shards.folder)).train)
    assert back[:5] == sorted(p for p in wide.train)[:5]


def test_edges_are_kept(tmp_path):
    shards = write(some_corpus(80), tmp_path / "edges", edges=(8, 12))
    assert [bucket[:2] for bucket in shards.buckets] == [(8, 8), (12, 12)]
    held = bucketed(
        encode_pairs(some_corpus(80).train, CODEC, CODEC), batch_size=8, edges=(8, 12)
    )
    assert stream(shards).counts == held.counts


def rewrite(folder, change):
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_damage_is_named(fresh):
    piece = fresh / "rows-0-0000.ids"
    whole = piece.read_bytes()
    piece.write_bytes(whole[:-2])
    with pytest.raises(
        ValueError, match=rf"rows-0-0000.ids is damaged: it has {len(whole) - 2} bytes"
    ):
        Shards(fresh)
    piece.unlink()
    with pytest.raises(FileNotFoundError, match="no rows-0-0000.ids in .*fresh"):
        Shards(fresh)
    flipped = bytearray(whole)
    flipped[0] ^= 1  # one word for another: a sentence still
    piece.write_bytes(flipped)
    shards = Shards(fresh)
    with pytest.raises(ValueError, match="rows-0-0000.ids is damaged: its sha256"):
        shards.verify()
    flipped[1] = 255  # no word at all
    piece.write_bytes(flipped)
    with pytest.raises(ValueError, match="rows-0-0000.ids is damaged: its row 0 is no"):
        list(shards)
    piece.write_bytes(bytes(len(whole)))
    with pytest.raises(ValueError, match="rows-0-0000.ids is damaged: its row"):
        list(shards)
    piece.write_bytes(whole)
    list(Shards(fresh))
    open_already = stream(shards)
    open_already.at(0)
    os.truncate(piece, 0)  # a mapped file would kill the process here
    with pytest.raises(ValueError, match="rows-0-0000.ids was cut short"):
        for step in range(len(open_already)):
            open_already.at(step)


@pytest.mark.parametrize(
    "name", ["source.codec", "target-counts.npy", "dev.tsv", "gold-0.tsv"]
)
def test_damage_of_small_files_is_named(fresh, name):
    content = bytearray((fresh / name).read_bytes())
    content[-2] ^= 1
    (fresh / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is damaged: its sha256"):
        corpus = load("shards", folder=str(fresh))
        assert corpus.train.shards.codecs and corpus.train.shards.target_counts.size
    with pytest.raises(ValueError, match=f"{name} is damaged: its sha256"):
        Shards(fresh).verify()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m.update(format="attnlab shards 9"), "is not a manifest of"),
        (lambda m: m.pop("pairs"), "is damaged: KeyError 'pairs'"),
        (lambda m: m.update(pairs=61), "hold 60 pairs|hold 5. pairs"),
        (lambda m: m["buckets"].pop(), "pairs, not the 60 less"),
        (lambda m: m.update(dtype="O"), "dtype is 'O', not <u2 or <u4"),
        (lambda m: m.update(buckets=3), "is damaged: TypeError"),
        (lambda m: m["buckets"][0]["pieces"][0].pop("sha256"), "is damaged: TypeErr"),
    ],
)
def test_a_wrong_manifest_is_named(fresh, change, told):
    rewrite(fresh, change)
    with pytest.raises(ValueError, match=told) as raised:
        Shards(fresh)
    assert str(fresh / "manifest.json") in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b'{"format": "attnlab'])
def test_a_manifest_that_is_none_is_named(fresh, content):
    (fresh / "manifest.json").write_bytes(content)
    with pytest.raises(ValueError, match="manifest.json is not"):
        Shards(fresh)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no manifest.json in .*/nowhere"):
        load("shards", folder=f"{tmp_path}/nowhere")
    with pytest.raises(ValueError, match="needs folder"):
        load("shards")


def test_nothing_is_unpickled(fresh, monkeypatch):
    """A pickled array in place of the counts is refused, whatever its sha256."""
    np.save(fresh / "target-counts.npy", np.array([{}]), allow_pickle=True)
    content = (fresh / "target-counts.npy").read_bytes()
    sha256 = shards_module._sha256(content)
    rewrite(fresh, lambda m: m["files"].update({"target-counts.npy": sha256}))
    monkeypatch.setattr("pickle.load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        assert Shards(fresh).target_counts.size


def test_a_folder_is_not_written_over(fresh):
    before = sorted(path.name for path in fresh.iterdir())
    with pytest.raises(ValueError, match="fresh is there already"):
        write(some_corpus(10), fresh)
    assert sorted(path.name for path in fresh.iterdir()) == before


class Text(list):
    """A text during whose second reading something happens."""

    def __init__(self, pairs, happens):
        super().__init__(pairs)
        self.happens, self.readings = happens, 0

    def __iter__(self):
        self.readings += 1
        yield from list.__iter__(self)
        if self.readings == 2:
            yield from self.happens()


def kill_while_writing(folder):
    text = Text(some_corpus().train, lambda: os.kill(os.getpid(), signal.SIGKILL))
    write(some_corpus()._replace(train=text), folder, megabytes=0.001)


def test_a_kill_leaves_no_folder_and_the_next_try_writes_it(tmp_path):
    folder = tmp_path / "shards"
    fork = multiprocessing.get_context("forkserver")
    process = fork.Process(target=kill_while_writing, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".shards.partial"]
    (tmp_path / ".shards.partial" / "rows-9-0000.ids").write_bytes(b"of another try")
    write(some_corpus(), folder).verify()
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    assert not (folder / "rows-9-0000.ids").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_two_do_not_write_one_folder(tmp_path):
    def other():
        with pytest.raises(ValueError, match="another process is writing"):
            write(some_corpus(10), tmp_path / "shards")
        return []

    text = Text(some_corpus().train, other)
    write(some_corpus()._replace(train=text), tmp_path / "shards").verify()


@pytest.mark.parametrize("more", [("w1",), ("w1",) * 40])
def test_a_text_that_changes_is_noticed(tmp_path, more):
    text = Text(some_corpus().train, lambda: [Pair(("w1",), more)])
    changed = some_corpus()._replace(train=text)
    with pytest.raises(ValueError, match="the text changed while it was read"):
        write(changed, tmp_path / "shards", longest=48)
    assert not list(tmp_path.iterdir())


def test_a_sample_takes_each_pair_equally_often():
    pairs = some_corpus(20).train
    assert sampled(pairs, 30) == pairs
    taken = [sampled(iter(pairs), 5, seed) for seed in range(2000)]
    assert all(len(one) == len(set(one)) == 5 for one in taken)
    counts = [sum(pair in one for one in taken) for pair in pairs]
    assert min(counts) > 420 and max(counts) < 580  # 500, a deviation of 19
    assert sampled(iter(pairs), 5) == sampled(iter(pairs), 5)


def test_the_megabytes_of_a_piece_are_kept(tmp_path):
    shards = write(some_corpus(400), tmp_path / "s", shapes=1, megabytes=0.002)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "s").glob("*.ids"))]
    width = 2 * sum(shards.buckets[0][:2])
    assert set(sizes[:-1]) == {int(0.002 * 2**20 / width) * width}
    with pytest.raises(ValueError, match="megabytes is 0"):
        write(some_corpus(10), tmp_path / "t", megabytes=0)
    ids = np.fromfile(tmp_path / "s" / "rows-0-0000.ids", shards.dtype)
    assert (ids.reshape(-1, width // 2)[:, -1] == PAD).any()  # rows, as documented
