"""The caption task: from a configuration to a captioner, its data and its metrics."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab import runs
from attnlab.attention.alignment import dense
from attnlab.estimators.decoder_steps import real_steps
from attnlab.estimators.objective import (
    Penalty,
    initial_estimator_state,
    is_hard,
    make_loss,
)
from attnlab.estimators.prediction import PREDICTIONS, Prediction, Search, prediction
from attnlab.metrics import attention_stats, bleu
from attnlab.nn.init_params import init_params, with_frequencies
from attnlab.nn.losses import doubly_stochastic
from attnlab.task import Task
from attnlab.tasks.captioning.batches import Captioned, PictureBatches, Pictures
from attnlab.tasks.captioning.generate import Captioner
from attnlab.tasks.captioning.pointing import hits, write_examples
from attnlab.tasks.captioning.setup import build_model, check, grid_shape, load_pictures
from attnlab.text import vocabularies
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS, Vocabulary

CODEC = "target.codec"


def penalty_of(strength: float) -> Penalty:
    """`strength` times the doubly stochastic term of a pass."""

    def penalty(unrolled, batch: Any):
        if not strength:
            return 0.0
        size = unrolled.values.shape[1]
        weights = dense(unrolled.weights, unrolled.positions, size)
        return strength * doubly_stochastic(weights, real_steps(batch))

    return penalty


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task of a configuration; writes its vocabulary into the run folder."""
    pictures = load_pictures(config)
    check(config, pictures)
    data, train, evaluate = config["data"], config["train"], config["evaluate"]
    codec = _codec(folder, pictures, data["min_count"])
    model = build_model(config, pictures.shape, codec.size)
    grid = grid_shape(config, pictures.shape)
    captioner = Captioner(
        model,
        codec,
        batch_size=evaluate["pictures"],
        longest=evaluate["longest"],
        prediction=Prediction(prediction(config), config["estimator"]["feed"]),
    )
    batches = PictureBatches(
        pictures.train,
        codec,
        batch_size=train["batch_size"],
        shapes=data["shapes"],
        longest=data["longest"],
        seed=config["seed"],
    )
    search = Search(
        evaluate["beams"],
        evaluate["length_penalty"],
        evaluate["alpha"],
        positions=evaluate["positions"],
    )
    quick = Search(positions=evaluate["positions"])
    dev, test = pictures.dev[: evaluate["dev_pictures"]], pictures.test
    placed = bool(test[0].places)
    said = [i for item in pictures.train for i in _ids(codec, item)]
    counts = np.bincount(said, minlength=codec.size)

    def init(rng):
        return with_frequencies(init_params(model, rng), counts)

    def pointing(params, items: Sequence[Captioned]) -> np.ndarray:
        weights = captioner.align(params, items, [item.captions[0] for item in items])
        return hits(weights, items, grid)

    def validate(params):
        nats, units = captioner.losses(params, dev)
        found = captioner.describe(params, dev, quick)
        scores = {
            "perplexity": attention_stats.perplexity(nats.sum(), units.sum()),
            "bleu": _bleu(found, dev).score,
            "exact": float(_exact(found, dev)[:, 0].mean()),
        }
        if placed:
            scores["pointing"] = _share(pointing(params, dev))
        return scores

    def finish(params, folder: Path):
        found = captioner.describe(params, test, search)
        nats, units = captioner.losses(params, test)
        score, exact = _bleu(found, test), _exact(found, test)
        runs.write_losses(folder, nats, units)
        runs.write_lines(folder / runs.SOURCES, [item.name for item in test])
        runs.write_lines(folder / runs.REFERENCES, _references(test))
        runs.write_lines(folder / runs.HYPOTHESES, [" ".join(d.words) for d in found])
        example_counts = {"exact": exact}
        results = {
            "bleu": score.score,
            "bleu_signature": score.signature,
            "exact": _share(exact),
            "perplexity": attention_stats.perplexity(nats.sum(), units.sum()),
            "perplexity_bound": captioner.prediction.by,
            "attention_entropy": attention_stats.entropy([d.weights for d in found]),
            "largest_weight": attention_stats.largest_weight(
                [d.weights for d in found]
            ),
            "training_pairs": batches.pairs,
            "dropped_pairs": batches.dropped,
        }
        if placed:
            example_counts["pointing"] = pointing(params, test)
            results["pointing"] = _share(example_counts["pointing"])
        for name in PREDICTIONS if is_hard(config) else ():
            nats, units = captioner.losses(params, test, name)
            bound = attention_stats.perplexity(nats.sum(), units.sum())
            results[f"perplexity_{name}"] = bound
        names = [
            runs.unique_id(item.name, item.seen.tobytes(), references)
            for item, references in zip(test, _references(test), strict=True)
        ]
        runs.write_example_counts(folder, names, example_counts)
        write_examples(folder, captioner, params, test, found, grid, is_hard(config))
        return results

    scores = ("exact", "bleu", "perplexity") + (("pointing",) if placed else ())
    return Task(
        init,
        make_loss(model, config, penalty_of(train["doubly_stochastic"])),
        batches,
        validate,
        finish,
        scores=scores,
        estimator_state=initial_estimator_state(),
        notes=_left_out(batches),
    )


def _codec(folder: Path, pictures: Pictures, min_count: int) -> Codec:
    """The vocabulary of a run, written down once."""

    def make():
        said = [words for item in pictures.train for words in item.captions]
        return [Vocabulary.build(said, None, min_count)]

    return vocabularies.load_or_build(folder, [CODEC], make)[0]


def _ids(codec: Codec, item: Captioned) -> list[int]:
    return [i for words in item.captions for i in (*codec.encode(words).ids, EOS)]


def _references(items: Sequence[Captioned]) -> list[str]:
    """A line a picture: its captions with tabs between them, as `bleu` reads them."""
    return ["\t".join(" ".join(words) for words in item.captions) for item in items]


def _bleu(found, items: Sequence[Captioned]) -> bleu.Bleu:
    return bleu.bleu([" ".join(d.words) for d in found], _references(items))


def _exact(found, items: Sequence[Captioned]) -> np.ndarray:
    """[right, 1] of each picture: is what was said one of its captions?"""
    pairs = zip(found, items, strict=True)
    return np.array([[d.words in item.captions, 1] for d, item in pairs], float)


def _share(example_counts: np.ndarray) -> float:
    return float(example_counts[:, 0].sum() / max(example_counts[:, 1].sum(), 1))


def _left_out(batches: PictureBatches) -> list[str]:
    if not batches.dropped:
        return []
    return [
        f"{batches.dropped} of {batches.pairs} training captions are longer than "
        f"{batches.longest} with the end mark (data.longest), and left out"
    ]
