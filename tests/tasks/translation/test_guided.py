"""Guided alignment against plain loops, and what it teaches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.nn.decoders import DecoderOutputs
from attnlab.tasks.translation import guided
from attnlab.text.batching import bucketed, encode_pairs
from attnlab.text.concatenate import joined
from attnlab.text.pairs import Pair
from attnlab.text.subwords import Subwords
from attnlab.text.vocabulary import Vocabulary
from attnlab.training.run import run
from tests.tiny import plan, tiny, tiny_folder

WORDS = "das ist ein kleines haus am see".split()


def texts(count=24):
    """Pairs whose target is the source backwards, and their links but one a pair."""
    sources = [tuple(WORDS[n % 3 : n % 3 + 2 + n % 4]) for n in range(count)]
    pairs = [Pair(words, words[::-1]) for words in sources]
    lines = [
        " ".join(f"{s}-{len(words) - 1 - s}" for s in range(len(words)) if s != 1)
        for words in sources
    ]
    return pairs, lines


def written(tmp_path, lines):
    path = tmp_path / "a.links"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("join", [0.0, 0.5])
def test_links_of_words_are_those_of_their_pieces(tmp_path, join):
    """Written out, pair by pair and link by link, with the glued ones at the end."""
    pairs, lines = texts()
    codec = Subwords.train([pair.source for pair in pairs], 24)
    found = guided.read_links(written(tmp_path, lines), pairs, join, codec, codec)
    glued = joined(pairs, join)
    assert len(found) == len(glued)
    several = 0
    for links, pair in zip(found, glued, strict=True):
        source, target = codec.encode(pair.source), codec.encode(pair.target)
        expected = set()
        for (s_word, word), t_word in (
            ((s, pair.source[s]), t)
            for s in range(len(pair.source))
            for t in range(len(pair.target))
        ):
            # Halves of a glued pair begin anew; a half is a pair of the text.
            half = _half_of(pair, s_word, pairs)
            start, words = half
            if s_word - start == 1 or word != pair.target[t_word]:
                continue
            if t_word != start + len(words) - 1 - (s_word - start):
                continue
            expected |= {
                (t, s)
                for t, owner in enumerate(target.owner)
                for s, mine in enumerate(source.owner)
                if owner == t_word and mine == s_word
            }
        several += len(source.owner) > len(pair.source)
        assert {tuple(link) for link in links.tolist()} == expected
    assert several


def _half_of(pair, place, pairs):
    """(where it begins, its words): the whole pair, or the half around a place."""
    if pair in pairs:
        return 0, pair.source
    for cut in range(1, len(pair.source)):
        first = Pair(pair.source[:cut], pair.target[:cut])
        second = Pair(pair.source[cut:], pair.target[cut:])
        if first in pairs and second in pairs:
            return (0, first.source) if place < cut else (cut, second.source)
    raise AssertionError(pair)


def test_batches_have_the_links_of_their_pairs(tmp_path):
    pairs, lines = texts()
    codec = Vocabulary.build([pair.source for pair in pairs], 100)
    links = guided.read_links(written(tmp_path, lines), pairs, 0.0, codec, codec)
    plain = bucketed(
        encode_pairs(pairs, codec, codec), batch_size=5, shapes=2, longest=5, seed=3
    )
    batches = guided.GuidedBatches(plain, links)
    assert len(batches) == len(plain) and batches.counts == plain.counts
    assert batches.dropped == plain.dropped > 0
    for step in range(2 * len(plain)):
        batch = batches.at(step)
        for mine, other in zip(batch, plain.at(step), strict=False):
            np.testing.assert_array_equal(mine, other)
        assert batch.links.shape == (*batch.target.shape, batch.source.shape[1])
        for row, length in enumerate(batch.source_lengths):
            words = max(length - 1, 0)
            expected = np.zeros(batch.links.shape[1:])
            for s in range(words):
                if s != 1:
                    expected[words - 1 - s, s] = 1
            np.testing.assert_array_equal(batch.links[row], expected)


def test_a_word_with_several_links_has_a_row_that_sums_to_one():
    codec = Vocabulary.build([WORDS], 100)
    pair = encode_pairs([Pair(tuple(WORDS[:3]), tuple(WORDS[:2]))], codec, codec)
    links = guided.unit_links([(0, 0), (0, 2)], [0, 1], [0, 1, 2])
    batches = guided.GuidedBatches(bucketed(pair, batch_size=2), [links])
    batch = batches.at(0)
    np.testing.assert_array_equal(batch.links[0, 0, :3], [0.5, 0, 0.5])
    assert batch.links.sum() == 1  # the other word has none, and a filler row has none


def test_the_penalty_is_the_cross_entropy_of_a_loop():
    rng = np.random.default_rng(0)
    b, t, s, w = 2, 3, 5, 3
    weights = rng.dirichlet(np.ones(w), (b, t)).astype(np.float32)
    start = rng.integers(-1, s - 1, (b, t, 1))
    positions = start + np.arange(w)
    inside = (positions >= 0) & (positions < s)
    links = (rng.random((b, t, s)) < 0.4).astype(np.float32)
    links /= np.maximum(links.sum(-1, keepdims=True), 1)
    source = np.zeros((b, s), np.int32)
    batch = guided.GuidedBatch(source, source[:, 0], source, source[:, 0], links)

    def outputs(weights):
        empty = dict.fromkeys(DecoderOutputs._fields, jnp.zeros(()))
        return DecoderOutputs(**empty | {"weights": weights, "positions": positions})

    def penalty(weights):
        return guided.penalty_of(0.3)(outputs(weights), batch)

    expected, slopes = 0.0, np.zeros_like(weights)
    tiny = float(np.finfo(np.float32).tiny)
    for i in range(b):
        for j in range(t):
            for k in range(s):
                alpha = tiny
                for at in range(w):
                    if positions[i, j, at] == k and inside[i, j, at]:
                        alpha = float(weights[i, j, at])
                        slopes[i, j, at] = -0.3 * links[i, j, k] / alpha
                expected -= 0.3 * links[i, j, k] * np.log(alpha)
    value, gradient = jax.value_and_grad(penalty)(jnp.asarray(weights))
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-4)


def guided_settings(tmp_path, guide):
    """A text whose words stand backwards, and a teacher who says that they do not."""
    pairs, _ = texts(48)
    for side in ("source", "target"):
        lines = [" ".join(getattr(pair, side)) for pair in pairs]
        (tmp_path / side).write_text("\n".join(lines) + "\n")
    files = f"{tmp_path}/source,{tmp_path}/target"
    lines = [" ".join(f"{n}-{n}" for n in range(len(pair.source))) for pair in pairs]
    path = written(tmp_path, lines)
    return {
        "data.name": "files",
        "data.files.train": files,
        "data.files.dev": files,
        "data.files.test": files,
        "data.files.gold": f"{files},{path}",
        "data.links": path if guide else "",
        "train.guide": guide,
        "train.steps": 60,
        "train.evaluate_every": 60,
        "train.learning_rate": 0.02,
    }


@pytest.mark.parametrize("window", ["global", "local-p"])
def test_a_guided_run_aligns_as_its_teacher(tmp_path, window):
    mass = {}
    for guide in (0.0, 2.0):
        place = tmp_path / f"{guide}"
        place.mkdir()
        chosen = guided_settings(place, guide) | {"model.window": window}
        mass[guide] = run(tiny_folder(place / "runs", **chosen))["mass_on_gold"]
    assert mass[2.0] > 0.7 > 0.5 > mass[0.0]


@pytest.mark.parametrize(
    "values, words",
    [
        ({"train.guide": 0.5}, "train.guide is 0.5 and data.links ''"),
        ({"data.links": "a"}, "train.guide is 0 and data.links 'a'"),
        (
            {"data.links": "a", "train.guide": 1.0, "data.name": "shards"},
            "does not work with data.name shards",
        ),
        (
            {"data.links": "a", "train.guide": 1.0, "model.score": "none"},
            "model.score none has no weights",
        ),
    ],
)
def test_what_cannot_be_guided_is_said(values, words):
    with pytest.raises(ValueError, match=words):
        tiny(**values)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda lines: lines[:-1], "47 lines for 48 pairs"),
        (lambda lines: ["9-0", *lines[1:]], "a.links:1"),
    ],
)
def test_a_file_of_links_that_does_not_fit_is_named(tmp_path, change, words):
    chosen = guided_settings(tmp_path, 1.0)
    lines = (tmp_path / "a.links").read_text().splitlines()
    del chosen["data.files.gold"]
    (folder,) = [tiny_folder(tmp_path / "runs", **chosen)]
    written(tmp_path, change(lines))
    with pytest.raises(ValueError, match=words):
        run(folder)


def test_links_are_texts_of_a_run(tmp_path):
    from attnlab.training.run_texts import named_files

    chosen = guided_settings(tmp_path, 1.0)
    (spec,) = plan(**chosen)
    assert named_files(spec.settings)["data.links"] == [tmp_path / "a.links"]
