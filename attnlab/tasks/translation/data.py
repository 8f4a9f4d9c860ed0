"""From a parallel corpus to training batches: checks, vocabularies, ids, buckets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attnlab.attention.presets import check_widths
from attnlab.task import check_stop_on
from attnlab.tasks.translation.evaluate_strings import SCORES
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.text import shards, streaming, vocabularies
from attnlab.text.batching import (
    Endless,
    IdPair,
    affordable_shapes,
    bucketed,
    encode_pairs,
    rows_rule,
)
from attnlab.text.concatenate import joined
from attnlab.text.pairs import Corpus
from attnlab.text.subwords import Codec, Subwords
from attnlab.text.vocabulary import EOS, UNK, Vocabulary

CODECS = ("source.codec", "target.codec")
LOOKED_AT, MOSTLY = 2000, 0.5  # pairs of a text, and the share that is said
LONGEST = 1000  # words of a sentence that is translated, whatever training reads


def dev_scores(corpus: Corpus) -> tuple[str, ...]:
    """The scores of the development set, which `train.stop_on` may name.

    Args:
      corpus: of the run.

    Returns:
      Their names.
    """
    return ("bleu", "perplexity", *(SCORES if corpus.symbols else ()))


def check_corpus(settings: TranslationSettings, corpus: Corpus) -> None:
    """Refuse what would else be noticed only after training, or only by this run.

    Args:
      settings: of the run.
      corpus: the corpus that they name.

    Raises:
      ValueError: for a score that the model's widths do not allow, an empty split, an
        unknown gold set, a `train.stop_on` that it has no score for, and a sentence to
        translate or align of so many words that its alignment would take the memory of
        all others.
    """
    model = settings.model
    if model.score != "none" and model.heads == 1:  # heads have one width
        directions = 2 if model.encoder == "bi" else 1
        read = directions * (model.encoder_hidden or model.hidden)
        check_widths(model.score, model.hidden, read)
    for split in ("train", "dev", "test"):
        if not getattr(corpus, split):
            name = corpus.name
            if name == "files" and split != "train":
                raise ValueError(
                    f"translation needs {split} pairs: give --config.data.files."
                    f"{split}=SOURCE,TARGET (nothing is held out by itself)"
                )
            raise ValueError(f"corpus {name!r} has no {split} pairs: data.{name}")
    gold = settings.evaluate.gold
    # Hours of training would be lost to a misspelt name.
    if gold not in ("", *corpus.gold):
        choices = ", ".join(map(repr, ["", *corpus.gold]))
        raise ValueError(f"evaluate.gold is {gold!r}; choose {choices}")
    check_stop_on(settings.train, dev_scores(corpus))
    # A single huge line would need a program and memory of its own.
    limit = longest_sentence(settings)
    for name, pairs in {"dev": corpus.dev, "test": corpus.test, **corpus.gold}.items():
        for number, pair in enumerate(pairs, 1):
            words = max(len(pair.source), len(pair.target))
            if words > limit:
                raise ValueError(
                    f"sentence {number} of {name} has {words} words, more than {limit}"
                    " (four times data.longest, if that is more); cut it or take it out"
                )


def longest_sentence(settings: TranslationSettings) -> int:
    """The words of a side that is translated or aligned, at most.

    Args:
      settings: of the run.

    Returns:
      LONGEST, or four times data.longest if that is more.
    """
    return max(LONGEST, 4 * settings.data.longest)


def check_length(words: Sequence[str], limit: int, where: str) -> None:
    """Refuse a line that would need a program and memory of its own.

    Args:
      words: of the line.
      limit: of words, see `longest_sentence`.
      where: "file:line", for the error.

    Raises:
      ValueError: for more words.
    """
    if len(words) > limit:
        raise ValueError(
            f"{where}: {len(words):,} words, more than {limit:,}; cut the line"
        )


def make_codecs(settings: TranslationSettings, corpus: Corpus) -> tuple[Codec, Codec]:
    """Vocabularies of whole words or SentencePiece pieces, from the training text.

    Args:
      settings: of the run; `data` has units, sizes and the least count.
      corpus: what they are learned from. Shards bring theirs along.

    Returns:
      Those of source and target.

    Raises:
      ValueError: where a side would have no word.
    """
    data = settings.data
    if isinstance(corpus.train, shards.ShardedText):
        return corpus.train.shards.codecs  # what their ids mean is settled
    if data.units == "subwords":
        sources = [pair.source for pair in corpus.train]
        targets = [pair.target for pair in corpus.train]
        return (
            _subwords(sources, data.source_vocabulary, "source"),
            _subwords(targets, data.target_vocabulary, "target"),
        )
    sizes = data.source_vocabulary, data.target_vocabulary
    source, target = Vocabulary.build_both(corpus.train, sizes, data.min_count)
    return (
        vocabularies.not_empty(source, data.min_count, "source"),
        vocabularies.not_empty(target, data.min_count, "target"),
    )


def _subwords(sentences: list, size: int, side: str) -> Subwords:
    try:
        return Subwords.train(sentences, size)
    except ValueError as error:
        raise ValueError(f"data.{side}_vocabulary is {size}: {error}") from None


def unknown_words(corpus: Corpus, source: Codec, target: Codec) -> list[str]:
    """Lines on texts whose words the vocabularies mostly do not have.

    Args:
      corpus: of a run; of each of its texts the first LOOKED_AT pairs are counted.
      source: the vocabulary of the source.
      target: that of the target.

    Returns:
      A line for each side of a text, for shares above MOSTLY.
    """
    texts = {"dev": corpus.dev, "test": corpus.test}
    texts |= {f"gold set {name}": pairs for name, pairs in corpus.gold.items()}
    if isinstance(corpus.train, list):  # and not ids, or a stream
        texts = {"train": corpus.train} | texts
    lines = []
    for name, pairs in texts.items():
        for side, codec in (("source", source), ("target", target)):
            ids = [
                number
                for pair in pairs[:LOOKED_AT]
                for number in codec.encode(getattr(pair, side)).ids
            ]
            share = ids.count(UNK) / max(len(ids), 1)
            if share > MOSTLY:
                lines.append(
                    f"{share:.0%} of the {side} words of {name} are unknown to the "
                    "model, so its scores say little"
                )
    return lines


def read_codecs(folder: Path) -> tuple[Codec, Codec]:
    """The vocabularies that a run was trained with.

    Args:
      folder: the run's folder.

    Returns:
      Those of source and target.

    Raises:
      ValueError: where a file is not what was written.
    """
    source, target = vocabularies.load(folder, CODECS)
    return source, target


def training_pairs(
    settings: TranslationSettings, corpus: Corpus, source: Codec, target: Codec
) -> Sequence[IdPair]:
    """The ids that a run learns from, a share `data.join` of the pairs glued in twos.

    Args:
      settings: of the run.
      corpus: its corpus.
      source: the vocabulary of the source. Shards are ids already, by vocabularies of
        their own, which this and `target` must be.
      target: the vocabulary of the target.

    Returns:
      Pairs of ids, without EOS.
    """
    if isinstance(corpus.train, shards.ShardedText):
        corpus.train.shards.check_codecs(source, target)
        return corpus.train.shards
    return encode_pairs(joined(corpus.train, settings.data.join), source, target)


def make_batches(settings: TranslationSettings, pairs_ids: Sequence[IdPair]) -> Endless:
    """The training batches of a run.

    Args:
      settings: of the run.
      pairs_ids: from `training_pairs`.

    Returns:
      Batches of a few shapes, in an order that follows from the seed.
    """
    data, train = settings.data, settings.train
    sizes = {"batch_size": train.rows, "token_budget": train.token_budget or None}
    # Shards were bucketed when they were written: only the rows are open.
    if isinstance(pairs_ids, shards.Shards):
        rows_of = rows_rule(**sizes, longest=pairs_ids.longest)
        return streaming.StreamedBatches(pairs_ids, rows_of, settings.seed)
    return bucketed(
        pairs_ids,
        **sizes,
        shapes=data.shapes or affordable_shapes(train.steps),
        longest=data.longest,
        edges=data.edges,
        seed=settings.seed,
    )


def count_targets(pairs_ids: Sequence[IdPair], size: int) -> np.ndarray:
    """How often each target unit occurs in training.

    Args:
      pairs_ids: from `training_pairs`.
      size: of the target vocabulary, V.

    Returns:
      Counts [V], those of EOS included.
    """
    if isinstance(pairs_ids, shards.Shards):
        return pairs_ids.target_counts
    units = [unit for _, ids in pairs_ids for unit in (*ids, EOS)]
    return np.bincount(units, minlength=size)


def left_out(batches: Endless, setting: str | None) -> list[str]:
    """A line on the training pairs that are too long to be batched, if there are.

    Args:
      batches: the training batches.
      setting: what decides how long is too long; None: data.longest.

    Returns:
      No line, or one.
    """
    if not batches.dropped:
        return []
    return [
        f"{batches.dropped} of {batches.pairs} training pairs are longer than "
        f"{batches.longest} with the end mark ({setting or 'data.longest'}), and left "
        "out"
    ]
