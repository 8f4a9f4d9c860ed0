"""Questions over stories, for a memory network or an LSTM: the task of a run."""

from pathlib import Path
from typing import cast

import jax
import jax.numpy as jnp

from attnlab import runs
from attnlab.attention.base import Attention, Params
from attnlab.attention.compose import attention
from attnlab.attention.presets import SCORES
from attnlab.attention.windows import global_window
from attnlab.estimators.objective import initial_estimator_state
from attnlab.nn.build_attention import build_attention
from attnlab.task import Task
from attnlab.tasks.memn2n.batches import StoryBatches, encode, vocabulary_of, widths_of
from attnlab.tasks.memn2n.evaluate import MemN2NEvaluator, judge
from attnlab.tasks.memn2n.loss import make_loss
from attnlab.tasks.memn2n.model import MemN2N, StoryLSTM
from attnlab.tasks.memn2n.settings import MemN2NSettings
from attnlab.text import vocabularies
from attnlab.text.vocabulary import Vocabulary

WORDS = "words.vocabulary"  # a run's vocabulary, in its folder


def build_model(settings: MemN2NSettings, words: int) -> MemN2N | StoryLSTM:
    """The model of a run.

    Args:
      settings: of the run.
      words: size of the vocabulary, V.

    Returns:
      A linen module, without parameters.
    """
    model = settings.model
    if model.system == "lstm":
        return StoryLSTM(words, hidden=model.hidden, embedding=model.width)
    return MemN2N(
        words=words,
        attention=build_attention(settings),
        linear=linear_attention(model.score) if model.linear_start else None,
        hops=model.hops,
        width=model.width,
        memory=model.memory,
        tying=model.tying,
        encoding=model.encoding,
        temporal=model.temporal,
        empty_slots=model.empty_slots,
    )


def linear_attention(score: str) -> Attention:
    """The attention whose weights are the scores themselves (section 4.1).

    Args:
      score: the score's name.

    Returns:
      A global attention without a normalizer.
    """

    def unnormalized(scores, valid):
        return jnp.where(valid, scores, 0)

    return attention(SCORES[score](), global_window(), unnormalized)


def make_task(settings: MemN2NSettings, folder: Path) -> Task:
    """The task of a run.

    `accuracy` is the share of right answers, `loss` nats a question; result.json has
    both of the test set, and with `train_` and `dev_` before them those of the others.

    Args:
      settings: all settings of the run.
      folder: the run's folder, which its vocabulary and widths are written into.

    Returns:
      The model with its questions.

    Raises:
      ValueError: for options that the corpus refuses, and for a vocabulary in the
        folder that is damaged and that the corpus does not give again.
    """
    corpus = settings.data.load()
    (codec,) = vocabularies.load_or_build(
        folder, [WORDS], lambda: [vocabulary_of(corpus.train)]
    )
    vocabulary = cast(Vocabulary, codec)  # never subwords: an answer is one word
    splits = (corpus.train, corpus.dev, corpus.test)
    widths = widths_of(splits, settings.model.memory)
    runs.write_corpus(folder, widths._asdict())
    train, dev, test = encode(splits, vocabulary, widths)
    model = build_model(settings, vocabulary.size)
    evaluator = MemN2NEvaluator(settings, model, vocabulary)

    def init(rng: jax.Array) -> Params:
        return dict(model.init(rng, method="parameters"))

    def validate(params: Params) -> dict[str, float]:
        return evaluator.scores(params, dev)

    def finish(params: Params, folder: Path) -> dict[str, object]:
        of_splits = {
            f"{split}_{name}": value
            for split, batch in (("train", train), ("dev", dev))
            for name, value in evaluator.scores(params, batch).items()
        }
        shown = settings.evaluate.shown
        return judge(evaluator, params, corpus.test, test, folder, shown) | of_splits

    return Task(
        init,
        make_loss(model, settings),
        StoryBatches(train, settings.train.batch_size, settings.seed),
        validate,
        finish,
        scores=("accuracy", "loss"),
        estimator_state=initial_estimator_state(),
        shared=("texts",),
    )
