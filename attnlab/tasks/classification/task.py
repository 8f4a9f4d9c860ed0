"""Sentence classification: the task of a run."""

from pathlib import Path

import jax

from attnlab import runs
from attnlab.attention.base import Attention, Params
from attnlab.attention.fixed_context import fixed_context
from attnlab.attention.pooled import pooled
from attnlab.estimators.objective import initial_estimator_state
from attnlab.nn.build_attention import build_attention
from attnlab.nn.cells import cell_named
from attnlab.task import Task
from attnlab.tasks.classification.batches import SentenceBatches, encode
from attnlab.tasks.classification.evaluate import ClassificationEvaluator, judge
from attnlab.tasks.classification.loss import make_loss
from attnlab.tasks.classification.model import Classifier
from attnlab.tasks.classification.records import Labeled
from attnlab.tasks.classification.settings import (
    ClassificationData,
    ClassificationSettings,
)
from attnlab.text import vocabularies
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import Vocabulary

FEW = 50  # examples of a set whose accuracy says little
CODEC = "words.codec"  # a run's vocabulary, in its folder


def build_pooling(settings: ClassificationSettings) -> Attention:
    """What makes one vector of a sentence's states.

    Args:
      settings: of the run.

    Returns:
      The attention of its choices, or a pooling without a query.
    """
    pooling = settings.model.pooling
    if pooling in ("mean", "max"):
        return pooled(pooling)
    if pooling == "last":
        return fixed_context("both")  # of either direction, its last
    return build_attention(settings)


def build_model(
    settings: ClassificationSettings, size: int, classes: int
) -> Classifier:
    """The classifier of a run.

    Args:
      settings: of the run.
      size: of the vocabulary.
      classes: how many.

    Returns:
      A linen module, without parameters.
    """
    model = settings.model
    return Classifier(
        size=size,
        classes=classes,
        attention=build_pooling(settings),
        cell=cell_named(model.cell),
        embedding=model.embedding,
        hidden=model.hidden,
        attention_hidden=model.attention_hidden,
        layers=model.layers,
        dropout=model.dropout,
        asks=model.pooling == "attention",
        padded_to=settings.data.longest if model.compat else 0,
    )


def make_task(settings: ClassificationSettings, folder: Path) -> Task:
    """The task of a run.

    Args:
      settings: all settings of the run.
      folder: the run's folder, which its vocabulary and its classes are written into.

    Returns:
      The classifier with its sentences.

    Raises:
      ValueError: for options that the corpus refuses, and for a vocabulary in the
        folder that is damaged and that the corpus does not give again.
    """
    data = settings.data
    corpus = data.load()
    codec = _codec(data, corpus, folder)
    runs.write_corpus(folder, {"classes": list(corpus.classes)})
    model = build_model(settings, codec.size, len(corpus.classes))
    pairs, cut = encode(corpus.train, codec, data.longest)
    batches = SentenceBatches(
        pairs,
        batch_size=settings.train.batch_size,
        shapes=data.shapes,
        seed=settings.seed,
    )
    evaluator = ClassificationEvaluator(settings, model, codec, batches.widths)
    dev = corpus.dev[: settings.evaluate.dev_sentences]

    def init(rng: jax.Array) -> Params:
        return dict(model.init(rng, method="parameters"))

    def finish(params: Params, folder: Path) -> dict[str, object]:
        results = judge(evaluator, params, corpus.test, corpus.classes, folder)
        return results | {
            "training_sentences": len(corpus.train),
            "cut_sentences": cut,
        }

    return Task(
        init,
        make_loss(model, settings),
        batches,
        lambda params: evaluator.scores(params, dev),
        finish,
        scores=("accuracy", "loss"),
        estimator_state=initial_estimator_state(),
        notes=[
            *_cut_note(cut, len(corpus.train), data.longest),
            *_few_note(corpus),
        ],
        histograms=lambda params: evaluator.histograms(params, dev),
    )


def _codec(data: ClassificationData, corpus: Labeled, folder: Path) -> Codec:
    """The vocabulary of a run, made when it begins."""

    def make():
        sentences = [example.words for example in corpus.train]
        built = Vocabulary.build(sentences, data.vocabulary, data.min_count)
        return [vocabularies.not_empty(built, data.min_count)]

    return vocabularies.load_or_build(folder, [CODEC], make)[0]


def _few_note(corpus: Labeled) -> list[str]:
    """A line on sets to judge by that are small, if they are."""
    sizes = {"test": len(corpus.test), "dev": len(corpus.dev)}
    if min(sizes.values()) >= FEW:
        return []
    counts = ", ".join(
        f"{name}: {size} {'example' if size == 1 else 'examples'}"
        for name, size in sizes.items()
    )
    first = next(name for name, size in sizes.items() if size < FEW)
    files = f"--config.data.files.{first}=..."
    advice = f"; name {files} or give more" if corpus.name == "files" else ""
    return [f"{counts}: accuracy says little{advice}"]


def _cut_note(cut: int, sentences: int, longest: int) -> list[str]:
    if not cut:
        return []
    return [
        f"{cut} of {sentences} training sentences are longer than {longest} with the "
        f"end mark (data.longest); the first {longest - 1} words are read"
    ]
