"""Translation trained from shards: all but the order of pairs is as it was."""

import numpy as np
import pytest

import attnlab
from attnlab import runs
from attnlab.tasks.translation.data import (
    count_targets,
    make_batches,
    make_codecs,
    training_pairs,
)
from attnlab.tasks.translation.task import make_task
from attnlab.text.batching import rows_rule
from attnlab.text.sharding import write_shards
from attnlab.text.shards import Shards
from attnlab.text.synthetic import synthetic
from attnlab.training.replicas import stack_batches
from attnlab.training.run import run, run_together
from tests.tiny import TINY, tiny, tiny_folder


@pytest.fixture(scope="module")
def corpus():
    options = {k.split(".")[-1]: v for k, v in TINY.items() if "data.synthetic" in k}
    return synthetic(**options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, corpus):
    """The text of tiny runs as shards."""
    folder = tmp_path_factory.mktemp("text") / "shards"
    codecs = make_codecs(tiny(), corpus)
    write_shards(corpus, folder, *codecs, rows_of=rows_rule(8, None, 48), edges=(12,))
    return folder


def sharded(folder) -> dict:
    return {"data.name": "shards", "data.shards.folder": str(folder)}


def test_all_that_comes_from_the_text_is_the_same(corpus, folder):
    """Vocabularies, counts, shapes, dev, test and gold."""
    held, streamed = tiny(), tiny(**sharded(folder))
    read = streamed.data.load()
    codecs = make_codecs(held, corpus), make_codecs(streamed, read)
    for one, other in zip(*codecs, strict=True):
        assert one.content == other.content
    ids = [
        training_pairs(settings, text, *codecs[0])
        for settings, text in ((held, corpus), (streamed, read))
    ]
    assert sorted(map(list, ids[0])) == sorted(map(list, ids[1]))
    size = codecs[0][1].size
    counts = [count_targets(pairs, size) for pairs in ids]
    np.testing.assert_array_equal(*counts)
    batches = [
        make_batches(settings, pairs)
        for settings, pairs in zip((held, streamed), ids, strict=True)
    ]
    assert batches[0].counts == batches[1].counts
    assert (read.dev, read.test, read.gold) == (corpus.dev, corpus.test, corpus.gold)


def test_a_run_trains_from_shards(folder, tmp_path):
    learning = sharded(folder) | {"train.learning_rate": 0.03}
    whole = tiny_folder(tmp_path, **learning)
    result = run(whole, console=False)
    assert result["training_pairs"] == 64 and result["dropped_pairs"] == 0
    assert {"bleu", "aers"} <= result.keys()
    assert attnlab.load(whole).translate("n0 v1 ;").source == ("n0", "v1", ";")
    losses = losses_of(whole)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_replicas_see_batches_of_their_own_in_shared_shapes(folder):
    shards = Shards(folder)
    seeds = [
        make_batches(tiny(**sharded(folder), seed=seed), shards) for seed in range(3)
    ]
    for step in range(2 * len(seeds[0])):
        stacked = stack_batches(seeds, step)
        assert stacked.source.shape == (3, 8, 12)
        for k, batches in enumerate(seeds):
            np.testing.assert_array_equal(stacked.source[k], batches.at(step).source)
        assert (stacked.source[0] != stacked.source[1]).any()


@pytest.mark.slow
def test_replicas_end_as_they_would_alone(folder, tmp_path):
    alone = tiny_folder(tmp_path / "alone", **sharded(folder), seed=1)
    run(alone, console=False)
    together = [
        tiny_folder(tmp_path / "together", **sharded(folder), seed=seed)
        for seed in (0, 1)
    ]
    assert run_together(together) == {}
    losses = [losses_of(one) for one in (alone, *together)]
    np.testing.assert_allclose(losses[0], losses[2], rtol=1e-4)
    assert losses[0] != losses[1]


def losses_of(folder) -> list[float]:
    lines = runs.read_jsonl(folder / runs.METRICS)
    return [line["loss"] for line in lines if line["kind"] == "train"]


def test_what_shards_cannot_do_is_said(corpus, folder, tmp_path):
    with pytest.raises(ValueError, match="data.join.*0.5"):
        tiny(**sharded(folder) | {"data.join": 0.5})
    small = tiny(**sharded(folder) | {"train.token_budget": 90})
    with pytest.raises(ValueError, match="96"):
        make_task(small, tmp_path)
    with pytest.raises(ValueError, match="folder"):
        make_task(tiny(**{"data.name": "shards"}), tmp_path)


def test_other_shards_under_a_run_are_noticed(corpus, folder, tmp_path):
    settings = tiny(**sharded(folder))
    read = settings.data.load()
    other = make_codecs(tiny(**{"data.min_count": 20}), corpus)
    assert other[0].size != Shards(folder).sizes[0]
    with pytest.raises(ValueError, match="source vocabulary"):
        training_pairs(settings, read, *other)
