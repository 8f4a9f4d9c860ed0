"""The caption task: from a configuration to a captioner, its data and its metrics."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab import runs
from attnlab.attention.alignment import dense
from attnlab.data.captioned import Captioned, PictureBatches, Pictures
from attnlab.data.subwords import Codec
from attnlab.data.vocab import EOS, Vocabulary
from attnlab.losses import doubly_stochastic
from attnlab.metrics import bleu, sums
from attnlab.tasks import codecs
from attnlab.tasks.base import Task
from attnlab.tasks.caption_setup import (
    build_model,
    check,
    grid_shape,
    load_pictures,
)
from attnlab.tasks.describer import Describer
from attnlab.tasks.objective import (
    Penalty,
    first_learner,
    is_hard,
    make_loss,
)
from attnlab.tasks.parameters import init_params, with_frequencies
from attnlab.tasks.pointing import hits, write_examples
from attnlab.tasks.predict import PREDICTIONS, Prediction, Search, prediction
from attnlab.tasks.steps import real_steps

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


def caption(config: Mapping[str, Any], folder: Path) -> Task:
    """The task of a configuration; writes its vocabulary into the run folder."""
    pictures = load_pictures(config)
    check(config, pictures)
    data, train, evaluate = config["data"], config["train"], config["evaluate"]
    codec = _codec(folder, pictures, data["min_count"])
    model = build_model(config, pictures.shape, codec.size)
    grid = grid_shape(config, pictures.shape)
    describer = Describer(
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
        weights = describer.align(params, items, [item.captions[0] for item in items])
        return hits(weights, items, grid)

    def validate(params):
        nats, units = describer.losses(params, dev)
        found = describer.describe(params, dev, quick)
        scores = {
            "perplexity": sums.perplexity(nats.sum(), units.sum()),
            "bleu": _bleu(found, dev).score,
            "exact": float(_exact(found, dev)[:, 0].mean()),
        }
        if placed:
            scores["pointing"] = _share(pointing(params, dev))
        return scores

    def finish(params, folder: Path):
        found = describer.describe(params, test, search)
        nats, units = describer.losses(params, test)
        score, exact = _bleu(found, test), _exact(found, test)
        runs.write_losses(folder, nats, units)
        runs.write_lines(folder / runs.SOURCES, [item.name for item in test])
        runs.write_lines(folder / runs.REFERENCES, _references(test))
        runs.write_lines(folder / runs.HYPOTHESES, [" ".join(d.words) for d in found])
        tallies = {"exact": exact}
        results = {
            "bleu": score.score,
            "bleu_signature": score.signature,
            "exact": _share(exact),
            "perplexity": sums.perplexity(nats.sum(), units.sum()),
            "perplexity_bound": describer.prediction.by,
            "attention_entropy": sums.entropy([d.weights for d in found]),
            "largest_weight": sums.largest_weight([d.weights for d in found]),
            "training_pairs": batches.pairs,
            "dropped_pairs": batches.dropped,
        }
        if placed:
            tallies["pointing"] = pointing(params, test)
            results["pointing"] = _share(tallies["pointing"])
        for name in PREDICTIONS if is_hard(config) else ():
            nats, units = describer.losses(params, test, name)
            bound = sums.perplexity(nats.sum(), units.sum())
            results[f"perplexity_{name}"] = bound
        names = [
            runs.told_apart(item.name, item.seen.tobytes(), references)
            for item, references in zip(test, _references(test), strict=True)
        ]
        runs.write_tallies(folder, names, tallies)
        write_examples(folder, describer, params, test, found, grid, is_hard(config))
        return results

    scores = ("exact", "bleu", "perplexity") + (("pointing",) if placed else ())
    return Task(
        init,
        make_loss(model, config, penalty_of(train["doubly_stochastic"])),
        batches,
        validate,
        finish,
        scores=scores,
        learner=first_learner(),
        notes=_left_out(batches),
    )


def _codec(folder: Path, pictures: Pictures, min_count: int) -> Codec:
    """The vocabulary of a run, written down once."""

    def make():
        said = [words for item in pictures.train for words in item.captions]
        return [Vocabulary.build(said, None, min_count)]

    return codecs.kept(folder, [CODEC], make)[0]


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


def _share(tallies: np.ndarray) -> float:
    return float(tallies[:, 0].sum() / max(tallies[:, 1].sum(), 1))


def _left_out(batches: PictureBatches) -> list[str]:
    if not batches.dropped:
        return []
    return [
        f"{batches.dropped} of {batches.pairs} training captions are longer than "
        f"{batches.longest} with the end mark (data.longest), and left out"
    ]
