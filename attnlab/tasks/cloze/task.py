"""The cloze task: which entity of a passage does a query's placeholder stand for?"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.masking import zero_padding
from attnlab.nn.build_attention import build_attention
from attnlab.nn.cells import cell_named
from attnlab.nn.losses import Sums
from attnlab.precision import cast
from attnlab.task import Task
from attnlab.tasks.cloze import corpora
from attnlab.tasks.cloze.batches import (
    FIRST,
    ClozeBatch,
    QuestionBatches,
    encode,
    make_vocabulary,
    slots_of,
)
from attnlab.tasks.cloze.evaluate import (
    ClozeEvaluator,
    example_counts,
    log_probabilities,
    scores,
    write_examples,
)
from attnlab.tasks.cloze.model import Reader
from attnlab.tasks.cloze.questions import Cloze
from attnlab.tasks.cloze.settings import ClozeData, ClozeSettings
from attnlab.text import vocabularies
from attnlab.text.vocabulary import Vocabulary

WORDS = "words.vocabulary"  # a run's vocabulary, in its folder


class Names(NamedTuple):
    """What a corpus makes of words: its vocabulary, and E, the slots of entities."""

    vocabulary: Vocabulary
    slots: int


def names_of(data: ClozeData, corpus: Cloze) -> Names:
    """The vocabulary of a run, the same at every call.

    Args:
      data: the settings.
      corpus: the questions.

    Returns:
      The vocabulary, of the training questions, and the slots that entities need.
    """
    splits = (corpus.train, corpus.dev, corpus.test)
    # Of all splits: a test question may name more entities than any trained on.
    slots = slots_of(question for split in splits for question in split)
    vocabulary = make_vocabulary(corpus.train, slots, data.vocabulary, data.min_count)
    return Names(vocabulary, slots)


def build_model(settings: ClozeSettings, names: Names) -> Reader:
    """The model of a run's settings.

    Args:
      settings: of the run.
      names: the vocabulary and slots.

    Returns:
      A linen module, without parameters.
    """
    model, words = settings.model, names.vocabulary.size
    # Over all words the ids themselves are answers; else answer 0 is entity 0.
    any_word = model.answers == "words"
    return Reader(
        words=words,
        first=0 if any_word else FIRST,
        answers=words if any_word else names.slots,
        attention=build_attention(settings),
        cell=cell_named(model.cell),
        reader=model.reader,
        readout=model.readout,
        embedding=model.embedding,
        hidden=model.hidden,
        attention_hidden=model.attention_hidden,
        readouts=model.readouts,
        layers=model.layers,
        tied=model.tied,
        matches=model.matches,
        dropout=model.dropout,
    )


def make_loss(
    model: Reader, settings: ClozeSettings
) -> Callable[..., tuple[jax.Array, tuple[Sums, tuple[()]]]]:
    """The summed -log p(answer) of a batch.

    Args:
      model: the reader.
      settings: of the run.

    Returns:
      loss(params, batch, rng, estimator_state), as `Task.loss`; Sums count questions.
    """
    answers, compute = settings.model.answers, settings.train.compute
    first = FIRST if answers == "words" else 0

    def loss(params, batch: ClozeBatch, rng, estimator_state):
        params = cast(params, compute)
        logs, _ = log_probabilities(model, params, batch, answers, rng=rng)
        # log p of each right answer, [B].
        right = jnp.take_along_axis(logs, first + batch.answer[:, None], axis=1)[:, 0]
        real = jnp.asarray(batch.passage_lengths) > 0
        total = -zero_padding(right, real).sum()
        # A question counts as one token: the mean is one over questions.
        return total, (Sums(total, real.sum()), estimator_state)

    return loss


def make_task(settings: ClozeSettings, folder: Path) -> Task:
    """The task of a run.

    Args:
      settings: all settings of the run.
      folder: the run's folder, which its vocabulary and slots are written into.

    Returns:
      The task; an update follows the mean over questions.

    Raises:
      ValueError: for settings that the questions do not fit.
    """
    data, corpus = settings.data, settings.data.load()
    names = names_of(data, corpus)
    vocabularies.load_or_build(folder, [WORDS], lambda: [names.vocabulary])
    runs.write_corpus(folder, {"slots": names.slots})
    train, dev, test = (
        [encode(question, names.vocabulary) for question in split]
        for split in (corpus.train, corpus.dev, corpus.test)
    )
    model = build_model(settings, names)
    batches = QuestionBatches(
        train,
        slots=names.slots,
        rows=settings.train.batch_size,
        shapes=data.shapes,
        longest=data.longest,
        numbering=data.numbering,
        seed=settings.seed,
    )
    evaluator = ClozeEvaluator(model, settings, names.slots, batches.widths)

    def init(rng: jax.Array) -> Params:
        return dict(model.init(rng, method="parameters"))

    def validate(params: Params) -> dict[str, float]:
        return scores(example_counts(corpus.dev, dev, evaluator.answers(params, dev)))

    def finish(params: Params, folder: Path) -> dict[str, object]:
        answers = evaluator.answers(params, test)
        counts = example_counts(corpus.test, test, answers)
        ids = [
            runs.unique_id(q.name, " ".join(q.passage), " ".join(q.query), q.answer)
            for q in corpus.test
        ]
        runs.write_example_counts(folder, ids, counts)
        write_examples(folder, corpus.test, answers)
        exclusive = corpora.exclusive_frequency(corpus.test)
        return {
            **scores(counts),
            "most_frequent": float(np.mean(corpora.most_frequent(corpus.test))),
            "exclusive_frequency": float(np.mean(exclusive)),
            "chance": corpora.chance(corpus.test),
            "training_questions": len(train),
            "dropped_questions": batches.dropped,
            "test_questions": len(test),
        }

    # Early stopping by pointing needs a reader that points, and gold to point at.
    has_attention = settings.model.reader != "deep-lstm"
    can_point = has_attention and any(question.support for question in corpus.dev)
    notes = []
    if batches.dropped:
        notes.append(
            f"{batches.dropped} of {len(train)} training questions have passages "
            f"longer than {data.longest} with the end mark (data.longest), and are "
            "left out"
        )
    return Task(
        init,
        make_loss(model, settings),
        batches,
        validate,
        finish,
        scores=("accuracy", "loss") + (("pointing",) if can_point else ()),
        notes=notes,
    )
