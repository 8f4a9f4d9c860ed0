"""The translation task: from its settings to a model, its data and its metrics."""

from pathlib import Path

import jax

from attnlab.attention.base import Params
from attnlab.estimators.objective import (
    initial_estimator_state,
    make_loss,
)
from attnlab.estimators.prediction import Search, prediction
from attnlab.nn.build_attention import build_attention, transition_of
from attnlab.nn.cells import cell_named
from attnlab.nn.init_params import init_params, with_frequencies
from attnlab.task import Task
from attnlab.tasks.translation import guided
from attnlab.tasks.translation.data import (
    CODECS,
    check_corpus,
    count_targets,
    left_out,
    make_batches,
    make_codecs,
    training_pairs,
    unknown_words,
)
from attnlab.tasks.translation.evaluate import evaluate_run, score_text
from attnlab.tasks.translation.evaluate_strings import (
    SCORES,
    string_counts,
    string_scores,
)
from attnlab.tasks.translation.model import Seq2Seq
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.translator import Translator
from attnlab.text import vocabularies
from attnlab.text.batching import EDGES, Batches
from attnlab.text.subwords import Codec

# Of every run; evaluate_run adds those of strings, of hard reads and of gold sets.
TEXT_SCORES = ("bleu", "bleu_signature", "perplexity", "perplexity_bound")


def build_model(
    settings: TranslationSettings, source_size: int, target_size: int
) -> Seq2Seq:
    """The model of its settings, without parameters.

    Args:
      settings: of the run.
      source_size: of the source vocabulary.
      target_size: of the target vocabulary, V.

    Returns:
      A linen module.
    """
    model = settings.model
    bidirectional = model.encoder == "bi"
    # Where a fixed context stands: at the end of the source that was read last.
    fixed = "both" if bidirectional else "first" if model.reverse_source else "last"
    return Seq2Seq(
        source_size=source_size,
        target_size=target_size,
        attention=build_attention(settings, fixed),
        cell=cell_named(model.cell),
        decoder=model.decoder,
        embedding=model.embedding,
        hidden=model.hidden,
        encoder_hidden=model.encoder_hidden,
        attention_hidden=model.attention_hidden,
        readouts=model.readouts,
        layers=model.layers,
        bidirectional=bidirectional,
        reverse_source=model.reverse_source,
        input_feeding=model.input_feeding,
        eos_in_memory=model.eos_in_memory,
        tied=model.tied,
        dropout=model.dropout,
        inference=settings.estimator.learning == "elbo",
        readout_form=model.readout,
        transition=transition_of(settings),
        null=model.null,
    )


def build_translator(
    settings: TranslationSettings, source: Codec, target: Codec
) -> Translator:
    """A translator, whose methods take parameters.

    Args:
      settings: of the run.
      source: the vocabulary of the source.
      target: the vocabulary of the target.

    Returns:
      The Translator.
    """
    return Translator(
        build_model(settings, source.size, target.size),
        source,
        target,
        batch_size=settings.evaluate.sentences,
        edges=settings.evaluate.edges or settings.data.edges or EDGES,
        predict=prediction(settings),
        feed=settings.estimator.feed,
    )


def make_task(settings: TranslationSettings, folder: Path) -> Task:
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
    check_corpus(settings, corpus)  # before anything is written into the folder
    source, target = vocabularies.load_or_build(
        folder, CODECS, lambda: make_codecs(settings, corpus)
    )
    translator = build_translator(settings, source, target)
    pairs_ids = training_pairs(settings, corpus, source, target)
    batches = make_batches(settings, pairs_ids)
    if isinstance(batches, Batches) and settings.train.guide:
        links = guided.read_links(
            settings.data.links, corpus.train, settings.data.join, source, target
        )
        batches = guided.GuidedBatches(batches, links)
    counts = count_targets(pairs_ids, target.size)
    dev = corpus.dev[: settings.evaluate.dev_sentences]
    dev_references = corpus.reference_lines("dev")[: len(dev)]
    unknown = unknown_words(corpus, source, target)

    def init(rng: jax.Array) -> Params:
        return with_frequencies(init_params(translator.model, rng), counts)

    def validate(params: Params) -> dict[str, float]:
        # Greedy whatever the settings: how a beam searches does not choose checkpoints.
        quick = Search(positions=settings.evaluate.positions)
        scores = score_text(
            translator, params, dev, settings.evaluate, quick, dev_references
        )
        numbers = {"perplexity": scores.perplexity, "bleu": scores.bleu.score}
        if not corpus.symbols:
            return numbers
        counts = string_counts(scores.translations, dev, corpus)
        return numbers | string_scores(counts)

    def finish(params: Params, folder: Path) -> dict[str, object]:
        trained: dict[str, object] = {
            "training_pairs": batches.pairs,
            "dropped_pairs": batches.dropped,
        }
        if unknown:  # so that a table says it, too
            trained["unknown_words"] = "; ".join(unknown)
        scores = evaluate_run(settings, translator, params, corpus, folder)
        # The order of summary.csv's columns: text, training, what is particular.
        text = {name: scores[name] for name in TEXT_SCORES}
        return text | trained | scores

    return Task(
        init,
        make_loss(translator.model, settings, guided.penalty_of(settings.train.guide)),
        batches,
        validate,
        finish,
        scores=("bleu", "perplexity", *(SCORES if corpus.symbols else ())),
        estimator_state=initial_estimator_state(),
        notes=[
            *corpus.notes,
            *unknown,
            *left_out(batches, "data.edges" if settings.data.edges else None),
        ],
    )
