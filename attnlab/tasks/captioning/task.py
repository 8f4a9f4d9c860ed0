"""Image captioning as a run: the model of its settings, its loss and its scores."""

from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from attnlab import runs
from attnlab.attention.alignment import dense
from attnlab.attention.base import Params
from attnlab.estimators.decoder_steps import TargetBatch, real_steps
from attnlab.estimators.objective import (
    Penalty,
    initial_estimator_state,
    is_hard,
    make_loss,
)
from attnlab.estimators.prediction import PREDICTIONS, Prediction, Search, prediction
from attnlab.metrics import attention_stats
from attnlab.metrics import bleu_score as bleu
from attnlab.nn.build_attention import build_attention
from attnlab.nn.cells import cell_named
from attnlab.nn.decoders import DecoderOutputs
from attnlab.nn.init_params import init_params, with_frequencies
from attnlab.nn.losses import doubly_stochastic
from attnlab.task import Task
from attnlab.tasks.captioning.batches import Captioned, PictureBatches, Pictures
from attnlab.tasks.captioning.generate import Captioner, Description
from attnlab.tasks.captioning.image_encoder import grid_of
from attnlab.tasks.captioning.model import CaptionModel
from attnlab.tasks.captioning.pointing import hits, write_examples
from attnlab.tasks.captioning.settings import CaptioningEvaluate, CaptioningSettings
from attnlab.text import vocabularies
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import EOS, Vocabulary

CODEC = "target.codec"


def build_model(
    settings: CaptioningSettings, shape: tuple[int, int, int], target_size: int
) -> CaptionModel:
    """The model of a run's settings.

    Args:
      settings: of the run.
      shape: of what it sees, a picture or features.
      target_size: words of the vocabulary.

    Returns:
      A linen module, without parameters.
    """
    model = settings.model
    return CaptionModel(
        shape=shape,
        channels=model.convolutions,
        target_size=target_size,
        attention=build_attention(settings, fixed="mean"),
        cell=cell_named(model.cell),
        embedding=model.embedding,
        hidden=model.hidden,
        attention_hidden=model.attention_hidden,
        gate=model.gate,
        tied=model.tied,
        dropout=model.dropout,
        inference=settings.estimator.learning == "elbo",
    )


def build_captioner(
    settings: CaptioningSettings, shape: tuple[int, int, int], codec: Codec
) -> Captioner:
    """The model of a run's settings with its vocabulary.

    Args:
      settings: of the run.
      shape: of what it sees, a picture or features.
      codec: the vocabulary.

    Returns:
      The captioner.
    """
    return Captioner(
        build_model(settings, shape, codec.size),
        codec,
        batch_size=settings.evaluate.pictures,
        longest=settings.evaluate.longest,
        prediction=Prediction(prediction(settings), settings.estimator.feed),
    )


def search_of(evaluate: CaptioningEvaluate) -> Search:
    """How captions of the test set are decoded.

    Args:
      evaluate: the settings.

    Returns:
      The search.
    """
    return Search(
        evaluate.beams,
        evaluate.length_penalty,
        evaluate.alpha,
        positions=evaluate.positions,
    )


def penalty_of(strength: float) -> Penalty:
    """The doubly stochastic penalty of Xu et al. 2015, section 4.2.1.

    Args:
      strength: its weight, lambda in the paper.

    Returns:
      penalty(unrolled, batch) of a pass, to be added to the loss.
    """

    def penalty(unrolled: DecoderOutputs, batch: TargetBatch) -> jax.Array | float:
        if not strength:
            return 0.0
        size = unrolled.values.shape[1]
        # [B, T, L], where a window's positions are put at their cells.
        weights = dense(unrolled.weights, unrolled.positions, size)
        return strength * doubly_stochastic(weights, real_steps(batch))

    return penalty


def check_annotations(settings: CaptioningSettings, pictures: Pictures) -> None:
    """Whether the model reads what the data hold: pictures or features.

    Args:
      settings: of the run.
      pictures: its data.

    Raises:
      ValueError: where it does not.
    """
    annotations = settings.model.annotations
    if (annotations == "given") != pictures.given:
        content, needed = (
            ("features", "given") if pictures.given else ("pictures", "conv")
        )
        raise ValueError(
            f"{pictures.name!r} holds {content}, which need model.annotations "
            f"{needed}, not {annotations}"
        )


def make_task(settings: CaptioningSettings, folder: Path) -> Task:
    """The task of a run.

    Args:
      settings: all settings of the run.
      folder: the run's folder, into which the vocabulary and the shape of a picture
        are written.

    Returns:
      The task; an update follows the mean over words.

    Raises:
      ValueError: for settings that the pictures do not fit.
    """
    pictures = settings.data.load()
    check_annotations(settings, pictures)
    evaluate, train = settings.evaluate, settings.train
    grid = grid_of(pictures.shape, len(settings.model.convolutions))
    codec = _codec(folder, pictures, settings.data.min_count)
    captioner = build_captioner(settings, pictures.shape, codec)
    runs.write_corpus(folder, {"shape": list(pictures.shape)})
    batches = PictureBatches(
        pictures.train,
        codec,
        batch_size=train.batch_size,
        shapes=settings.data.shapes,
        longest=settings.data.longest,
        seed=settings.seed,
    )
    # Greedy during training: beams would cost more than they tell.
    quick = Search(positions=evaluate.positions)
    dev, test = pictures.dev[: evaluate.dev_pictures], pictures.test
    has_places = bool(test[0].places)
    ids = [i for item in pictures.train for i in _ids(codec, item)]
    # Of the bias that the vocabulary starts with, EOS among the words.
    counts = np.bincount(ids, minlength=codec.size)

    def init(rng: jax.Array) -> Params:
        return with_frequencies(init_params(captioner.model, rng), counts)

    def pointing(params: Params, items: Sequence[Captioned]) -> np.ndarray:
        weights = captioner.align(params, items, [item.captions[0] for item in items])
        return hits(weights, items, grid)

    def validate(params: Params) -> dict[str, float]:
        nats, units = captioner.losses(params, dev)
        captions = captioner.describe(params, dev, quick)
        scores = {
            "perplexity": attention_stats.perplexity(nats.sum(), units.sum()),
            "bleu": _bleu(captions, dev).score,
            "exact": float(_exact(captions, dev)[:, 0].mean()),
        }
        if has_places:
            scores["pointing"] = _share(pointing(params, dev))
        return scores

    def finish(params: Params, folder: Path) -> dict[str, object]:
        captions = captioner.describe(params, test, search_of(evaluate))
        nats, units = captioner.losses(params, test)
        runs.write_losses(folder, nats, units)
        _write_texts(folder, captions, test)
        # Only a hard read draws something that its weights do not show.
        hard = is_hard(settings.model)
        write_examples(folder, captioner, params, test, captions, grid, hard)
        counts = {"exact": _exact(captions, test)}
        if has_places:
            counts["pointing"] = pointing(params, test)
        names = [
            # By content: two runs are compared where they describe the same pictures.
            runs.unique_id(item.name, item.seen.tobytes(), references)
            for item, references in zip(test, _references(test), strict=True)
        ]
        runs.write_example_counts(folder, names, counts)
        score = _bleu(captions, test)
        weights = [caption.weights for caption in captions]
        results = {
            "bleu": score.score,
            "bleu_signature": score.signature,
            "exact": _share(counts["exact"]),
            "perplexity": attention_stats.perplexity(nats.sum(), units.sum()),
            "perplexity_bound": captioner.prediction.by,
            "attention_entropy": attention_stats.entropy(weights),
            "largest_weight": attention_stats.largest_weight(weights),
            "training_pairs": batches.pairs,
            "dropped_pairs": batches.dropped,
        }
        if has_places:
            results["pointing"] = _share(counts["pointing"])
        for name in PREDICTIONS if hard else ():
            nats, units = captioner.losses(params, test, name)
            bound = attention_stats.perplexity(nats.sum(), units.sum())
            results[f"perplexity_{name}"] = bound
        return results

    scores = ("exact", "bleu", "perplexity") + (("pointing",) if has_places else ())
    return Task(
        init,
        make_loss(captioner.model, settings, penalty_of(train.doubly_stochastic)),
        batches,
        validate,
        finish,
        scores=scores,
        estimator_state=initial_estimator_state(),
        notes=_notes(batches),
    )


def _codec(folder: Path, pictures: Pictures, min_count: int) -> Codec:
    """The vocabulary of a run, written down once."""

    def make():
        captions = [words for item in pictures.train for words in item.captions]
        built = Vocabulary.build(captions, None, min_count)
        return [vocabularies.not_empty(built, min_count)]

    return vocabularies.load_or_build(folder, [CODEC], make)[0]


def _ids(codec: Codec, item: Captioned) -> list[int]:
    return [i for words in item.captions for i in (*codec.encode(words).ids, EOS)]


def _write_texts(
    folder: Path, captions: Sequence[Description], items: Sequence[Captioned]
) -> None:
    """The test set's names, its captions and those generated, a line a picture."""
    runs.write_lines(folder / runs.SOURCES, [item.name for item in items])
    runs.write_lines(folder / runs.REFERENCES, _references(items))
    hypotheses = [" ".join(caption.words) for caption in captions]
    runs.write_lines(folder / runs.HYPOTHESES, hypotheses)


def _references(items: Sequence[Captioned]) -> list[str]:
    """A line a picture: its captions with tabs between them, as `bleu` reads them."""
    return ["\t".join(" ".join(words) for words in item.captions) for item in items]


def _bleu(captions: Sequence[Description], items: Sequence[Captioned]) -> bleu.Bleu:
    hypotheses = [" ".join(caption.words) for caption in captions]
    return bleu.bleu(hypotheses, _references(items))


def _exact(captions: Sequence[Description], items: Sequence[Captioned]) -> np.ndarray:
    """[right, 1] of each picture: is the generated caption one of its captions?"""
    pairs = zip(captions, items, strict=True)
    return np.array(
        [[caption.words in item.captions, 1] for caption, item in pairs], float
    )


def _share(counts: np.ndarray) -> float:
    return float(counts[:, 0].sum() / max(counts[:, 1].sum(), 1))


def _notes(batches: PictureBatches) -> list[str]:
    if not batches.dropped:
        return []
    return [
        f"{batches.dropped} of {batches.pairs} training captions are longer than "
        f"{batches.longest} with the end mark (data.longest), and left out"
    ]
