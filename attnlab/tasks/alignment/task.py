"""The alignment task: from its settings to a model, its data and its metrics."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from attnlab.attention.base import Params
from attnlab.task import Task, check_stop_on
from attnlab.tasks.alignment.batches import SHARED, AlignmentBatches, make_side
from attnlab.tasks.alignment.evaluate import (
    PairAligner,
    evaluate_run,
    judge,
    score_text,
)
from attnlab.tasks.alignment.loss import DIRECTIONS, make_loss
from attnlab.tasks.alignment.model import make_aligner
from attnlab.tasks.alignment.settings import AlignmentSettings
from attnlab.text import vocabularies
from attnlab.text.batching import (
    IdPair,
    affordable_shapes,
    bucketed,
    encode_pairs,
)
from attnlab.text.pairs import Corpus
from attnlab.text.subwords import Codec
from attnlab.text.vocabulary import Vocabulary

CODECS = ("source.codec", "target.codec")


def make_vocabularies(
    settings: AlignmentSettings, corpus: Corpus
) -> tuple[Vocabulary, Vocabulary]:
    """The words of both sides that training knows by number.

    Args:
      settings: of the run.
      corpus: whose training text is counted.

    Returns:
      Those of source and target.

    Raises:
      ValueError: where a side would have no word.
    """
    data = settings.data
    sizes = data.source_vocabulary, data.target_vocabulary
    source, target = Vocabulary.build_both(corpus.train, sizes, data.min_count)
    return (
        vocabularies.not_empty(source, data.min_count, "source"),
        vocabularies.not_empty(target, data.min_count, "target"),
    )


def make_pair_aligner(
    settings: AlignmentSettings, source: Codec, target: Codec
) -> PairAligner:
    """The model of its settings with its vocabularies, without parameters.

    Args:
      settings: of the run.
      source: the vocabulary of the source.
      target: the vocabulary of the target.

    Returns:
      The PairAligner.

    Raises:
      ValueError: for subwords.
    """
    model, evaluate = settings.model, settings.evaluate
    sides = []
    for codec in (source, target):
        if not isinstance(codec, Vocabulary):
            raise ValueError("an aligner knows whole words, and these are subwords")
        sides.append(make_side(codec, model.spelling, model.random_spelling))
    return PairAligner(
        make_aligner(model), sides[0], sides[1], evaluate.sentences, evaluate.edges
    )


def init_params(
    pair_aligner: PairAligner, counts: tuple[np.ndarray, np.ndarray], rng: jax.Array
) -> Params:
    """The parameters that both directions start from.

    Args:
      pair_aligner: the model with its vocabularies.
      counts: how often each word of source [V] and target [V] occurs.
      rng: a random key.

    Returns:
      {"forward": of one direction, "backward": of the other}.
    """
    init = pair_aligner.aligner.init
    forward, backward = jax.random.split(rng)
    both = (init(forward, *counts), init(backward, *counts[::-1]))
    return dict(zip(DIRECTIONS, both, strict=True))


def make_task(settings: AlignmentSettings, folder: Path) -> Task:
    """The task of a run.

    Args:
      settings: of the run.
      folder: the run's folder, which gets its vocabularies.

    Returns:
      The task.

    Raises:
      ValueError: for settings that the corpus does not fit.
      MissingCorpus: where its files are not in the data folder.
    """
    corpus = settings.data.load()
    check_corpus(settings, corpus)
    source, target = vocabularies.load_or_build(
        folder, CODECS, lambda: make_vocabularies(settings, corpus)
    )
    pair_aligner = make_pair_aligner(settings, source, target)
    pairs_ids = encode_pairs(corpus.train, source, target)
    train, data, evaluate = settings.train, settings.data, settings.evaluate
    batches = AlignmentBatches(
        bucketed(
            pairs_ids,
            batch_size=train.rows,
            token_budget=train.token_budget or None,
            shapes=data.shapes or affordable_shapes(train.steps),
            longest=data.longest,
            seed=settings.seed,
        ),
        pair_aligner.source,
        pair_aligner.target,
        train.candidates,
        settings.seed,
    )
    counts = count(pairs_ids, source.size, target.size)
    # Nothing is predicted, so that training text can be looked at where there is none.
    dev = (corpus.dev or corpus.train)[: evaluate.dev_sentences]
    chosen, watched = _gold_sets(settings, corpus)

    def validate(params: Params) -> dict[str, float]:
        scores = score_text(pair_aligner, params, dev)
        if watched:
            gold = corpus.gold[watched]
            aligned = pair_aligner.align(params, gold)
            scores["aer"] = judge(aligned, gold, evaluate.threshold)[1]["aer"]
        return scores

    def finish(params: Params, folder: Path) -> dict[str, object]:
        scores = evaluate_run(
            pair_aligner,
            params,
            corpus.test or dev,
            corpus.gold,
            chosen=chosen,
            threshold=evaluate.threshold,
            folder=folder,
        )
        return scores | {
            "training_pairs": batches.pairs,
            "dropped_pairs": batches.dropped,
        }

    return Task(
        partial(init_params, pair_aligner, counts),
        make_loss(pair_aligner.aligner, train.agree_from * train.steps),
        batches,
        validate,
        finish,
        scores=dev_scores(settings, corpus),
        estimator_state=jnp.zeros((), jnp.int32),
        shared=SHARED,
        notes=corpus.notes,
    )


def check_corpus(settings: AlignmentSettings, corpus: Corpus) -> None:
    """Refuse what would else be noticed only after training.

    Args:
      settings: of the run.
      corpus: the corpus that they name.

    Raises:
      ValueError: for text without a pair, or that is ids already, and an unknown gold
        set, and a `train.stop_on` that it has no score for.
    """
    name = corpus.name
    if not corpus.train:
        raise ValueError(f"corpus {name!r} has no train pairs: data.{name}")
    if not isinstance(corpus.train, list):
        raise ValueError(
            f"data.name is {name!r}, whose training text is numbers: an aligner reads "
            "words"
        )
    gold = settings.evaluate.gold
    if gold not in ("", *corpus.gold):
        choices = ", ".join(map(repr, ["", *corpus.gold]))
        raise ValueError(f"evaluate.gold is {gold!r}; choose {choices}")
    check_stop_on(settings.train, dev_scores(settings, corpus))


def dev_scores(settings: AlignmentSettings, corpus: Corpus) -> tuple[str, ...]:
    """The scores of the development text, which `train.stop_on` may name.

    Args:
      settings: of the run.
      corpus: of the run.

    Returns:
      Their names, with "aer" where there is a gold set beside that of the table.
    """
    _, watched = _gold_sets(settings, corpus)
    return ("agreement", "perplexity", *(["aer"] if watched else []))


def _gold_sets(settings: AlignmentSettings, corpus: Corpus) -> tuple[str, str]:
    """That of the table, and another that may choose a checkpoint; "" for none."""
    chosen = settings.evaluate.gold or next(iter(corpus.gold), "")
    return chosen, next((name for name in corpus.gold if name != chosen), "")


def count(
    pairs_ids: Sequence[IdPair], source_size: int, target_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """How often each word occurs in training.

    Args:
      pairs_ids: of all pairs.
      source_size: of the source's vocabulary.
      target_size: of the target's vocabulary.

    Returns:
      Counts of source [V] and target [V].
    """
    source = [unit for ids, _ in pairs_ids for unit in ids]
    target = [unit for _, ids in pairs_ids for unit in ids]
    return (
        np.bincount(source, minlength=source_size),
        np.bincount(target, minlength=target_size),
    )
