"""The translation task: from a configuration to a model, its data and its metrics."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab import runs
from attnlab.attention.presets import build
from attnlab.decoding.beam import LENGTH_PENALTIES
from attnlab.estimators.objective import (
    check_objective,
    initial_estimator_state,
    is_hard,
    is_local,
    make_loss,
    training_read,
)
from attnlab.estimators.prediction import PREDICTIONS, Search, prediction
from attnlab.metrics import attention_stats, bleu
from attnlab.nn.cells import cell_named
from attnlab.nn.init_params import init_params, with_frequencies
from attnlab.task import Task
from attnlab.tasks.translation.evaluate_alignment import judge
from attnlab.tasks.translation.model import Seq2Seq
from attnlab.tasks.translation.translator import Translator
from attnlab.text import parallel_corpora as corpora
from attnlab.text import shards, streaming, vocabularies
from attnlab.text.batching import (
    EDGES,
    Endless,
    IdPair,
    bucketed,
    encode_pairs,
    rows_rule,
)
from attnlab.text.concatenate import joined
from attnlab.text.pairs import Corpus
from attnlab.text.subwords import Codec, Subwords
from attnlab.text.vocabulary import EOS, Vocabulary

CODECS = ("source.codec", "target.codec")
ENCODERS = ("bi", "uni")
LONGEST = 1000  # words of a sentence that is translated, whatever training reads
UNITS = ("words", "subwords")


def build_model(config: Mapping[str, Any], source_size: int, target_size: int):
    """The Seq2Seq of a configuration; ValueErrors name a wrong choice."""
    model = config["model"]
    if model["encoder"] not in ENCODERS:
        choices = ", ".join(ENCODERS)
        raise ValueError(f"unknown encoder {model['encoder']!r}; choose {choices}")
    reverse = bool(model["reverse_source"])
    bidirectional = model["encoder"] == "bi"
    fixed = "both" if bidirectional else "first" if reverse else "last"
    attention = build(
        model["score"],
        model["window"],
        model["normalizer"],
        training_read(config),
        half_width=model["half_width"],
        gaussian=model["gaussian"],
        coverage=model["coverage"],
        max_length=model["max_length"],
        k=model["k"],
        fixed=fixed,
    )
    return Seq2Seq(
        source_size=source_size,
        target_size=target_size,
        attention=attention,
        cell=cell_named(model["cell"]),
        decoder=model["decoder"],
        embedding=model["embedding"],
        hidden=model["hidden"],
        encoder_hidden=model["encoder_hidden"],
        attention_hidden=model["attention_hidden"],
        readouts=model["readouts"],
        layers=model["layers"],
        bidirectional=bidirectional,
        reverse_source=reverse,
        input_feeding=model["input_feeding"],
        eos_in_memory=model["eos_in_memory"],
        tied=model["tied"],
        dropout=model["dropout"],
        inference=config["estimator"]["learning"] == "elbo",
    )


def load_corpus(config: Mapping[str, Any]) -> Corpus:
    """The corpus of `data.name` with the options under that name in `data`."""
    data = config["data"]
    if data["name"] not in corpora.CORPORA:
        choices = ", ".join(corpora.CORPORA)
        raise ValueError(f"unknown corpus {data['name']!r}; choose {choices}")
    options = {
        key: value
        for key, value in dict(data.get(data["name"], {})).items()
        if value is not None
    }
    return corpora.load(data["name"], **options)


def make_codecs(config: Mapping[str, Any], corpus: Corpus) -> tuple[Codec, Codec]:
    """Vocabularies of whole words or SentencePiece pieces, from the training text.

    Shards bring theirs along.
    """
    data = config["data"]
    if isinstance(corpus.train, shards.ShardedText):
        return corpus.train.shards.codecs
    if data["units"] not in UNITS:
        raise ValueError(f"unknown units {data['units']!r}; choose {', '.join(UNITS)}")

    sizes = data["source_vocabulary"], data["target_vocabulary"]
    if data["units"] == "subwords":
        return (
            Subwords.train([pair.source for pair in corpus.train], sizes[0]),
            Subwords.train([pair.target for pair in corpus.train], sizes[1]),
        )
    return Vocabulary.build_both(corpus.train, sizes, data["min_count"])


def training_pairs(
    config: Mapping[str, Any], corpus: Corpus, source: Codec, target: Codec
) -> Sequence[IdPair]:
    """The ids that a run learns from, a share of the pairs glued in twos.

    Shards are ids already, by vocabularies of their own, which `source` and `target`
    must be; and their pairs cannot be glued.
    """
    if isinstance(corpus.train, shards.ShardedText):
        corpus.train.shards.check_codecs(source, target)
        if config["data"]["join"]:
            raise ValueError(
                f"data.join is {config['data']['join']}; pairs of shards stay as they "
                "were written: make it 0"
            )
        return corpus.train.shards
    return encode_pairs(joined(corpus.train, config["data"]["join"]), source, target)


def make_batches(config: Mapping[str, Any], pairs_ids: Sequence[IdPair]) -> Endless:
    """The training batches of a configuration."""
    data, train = config["data"], config["train"]
    sizes = {
        "batch_size": None if train["token_budget"] else train["batch_size"],
        "token_budget": train["token_budget"] or None,
    }
    if isinstance(pairs_ids, shards.Shards):
        rows_of = rows_rule(**sizes, longest=pairs_ids.longest)
        return streaming.StreamedBatches(pairs_ids, rows_of, config["seed"])
    return bucketed(
        pairs_ids,
        **sizes,
        shapes=data["shapes"],
        longest=data["longest"],
        edges=data["edges"],
        seed=config["seed"],
    )


def count_targets(pairs_ids: Sequence[IdPair], size: int) -> np.ndarray:
    """How often each of `size` target units occurs in training, EOS included."""
    if isinstance(pairs_ids, shards.Shards):
        return pairs_ids.target_counts
    said = [unit for _, ids in pairs_ids for unit in (*ids, EOS)]
    return np.bincount(said, minlength=size)


def read_codecs(folder: Path) -> tuple[Codec, Codec]:
    """The vocabularies a run was trained with."""
    source, target = vocabularies.load(folder, CODECS)
    return source, target


def search_of(evaluate: Mapping[str, Any], beams: int | None = None) -> Search:
    """How to decode by the settings of `evaluate`, with other `beams` if given."""
    return Search(
        evaluate["beams"] if beams is None else beams,
        evaluate["length_penalty"],
        evaluate["alpha"],
        evaluate["ratio"],
        evaluate["replace_unknown"],
        evaluate["positions"],
    )


def build_translator(
    config: Mapping[str, Any], source: Codec, target: Codec
) -> Translator:
    """A translator without parameters: what `attnlab.load` adds them to."""
    model = build_model(config, source.size, target.size)
    return Translator(
        model,
        source,
        target,
        batch_size=config["evaluate"]["sentences"],
        edges=config["evaluate"]["edges"] or config["data"]["edges"] or EDGES,
        predict=prediction(config),
        feed=config["estimator"]["feed"],
    )


def check(config: Mapping[str, Any], corpus: Corpus) -> None:
    """ValueErrors for what would else be noticed only after training."""
    check_objective(config)
    for split in ("train", "dev", "test"):
        if not getattr(corpus, split):
            name = corpus.name
            raise ValueError(f"corpus {name!r} has no {split} pairs: data.{name}")
    train, evaluate = config["train"], config["evaluate"]
    choices = {
        "length_penalty": (evaluate["length_penalty"], tuple(LENGTH_PENALTIES)),
        "tokenize": (evaluate["tokenize"], bleu.TOKENIZERS),
        "gold": (evaluate["gold"], ("", *corpus.gold)),
        "predict": (evaluate["predict"], ("", *PREDICTIONS)),
    }
    for name, (value, known) in choices.items():
        if value not in known:
            listed = ", ".join(map(repr, known))
            raise ValueError(f"unknown evaluate.{name} {value!r}; choose {listed}")
    _check_lengths(corpus, config["data"]["longest"])
    for name in ("steps", "evaluate_every", "log_every"):
        if train[name] < 1:
            raise ValueError(f"train.{name} is {train[name]}; it must be positive")
    for name in ("beams", "sentences", "dev_sentences", "positions"):
        if evaluate[name] < 1:
            value = evaluate[name]
            raise ValueError(f"evaluate.{name} is {value}; it must be positive")
    shares = {
        "model.dropout": config["model"]["dropout"],
        "train.label_smoothing": train["label_smoothing"],
    }
    for name, value in shares.items():
        if not 0.0 <= value < 1.0:
            raise ValueError(f"{name} is {value}; it must be in [0, 1)")


def _check_lengths(corpus: Corpus, longest: int) -> None:
    """ValueError for a sentence to translate or align of so many words that its
    alignment would take the memory of all others."""
    limit = max(LONGEST, 4 * longest)
    sets = {"dev": corpus.dev, "test": corpus.test, **corpus.gold}
    for name, pairs in sets.items():
        for number, pair in enumerate(pairs, 1):
            words = max(len(pair.source), len(pair.target))
            if words > limit:
                raise ValueError(
                    f"sentence {number} of {name} has {words} words, more than {limit}"
                    " (four times data.longest, if that is more); cut it or take it out"
                )


def make_task(config: Mapping[str, Any], folder: Path) -> Task:
    """The task of a configuration; writes its vocabularies into the run folder."""
    corpus = load_corpus(config)
    check(config, corpus)
    source, target = vocabularies.load_or_build(
        folder, CODECS, lambda: make_codecs(config, corpus)
    )
    translator = build_translator(config, source, target)
    model = translator.model
    evaluate = config["evaluate"]
    pairs_ids = training_pairs(config, corpus, source, target)
    batches = make_batches(config, pairs_ids)
    search = search_of(evaluate)
    hard, local = is_hard(config), is_local(config)
    quick = Search(positions=evaluate["positions"])
    dev = corpus.dev[: evaluate["dev_sentences"]]

    counts = count_targets(pairs_ids, target.size)

    def init(rng):
        return with_frequencies(init_params(model, rng), counts)

    def validate(params):
        nats, units = translator.losses(params, dev)
        found = translator.translate(params, [pair.source for pair in dev], quick)
        score = _bleu(evaluate, found, [pair.target for pair in dev])
        return {
            "perplexity": attention_stats.perplexity(nats.sum(), units.sum()),
            "bleu": score.score,
        }

    def finish(params, folder: Path):
        test = corpus.test
        found = translator.translate(params, [pair.source for pair in test], search)
        score = _bleu(evaluate, found, [pair.target for pair in test])
        nats, units = translator.losses(params, test)
        runs.write_losses(folder, nats, units)
        runs.write_lines(folder / runs.SOURCES, [" ".join(p.source) for p in test])
        runs.write_lines(folder / runs.REFERENCES, [" ".join(p.target) for p in test])
        runs.write_lines(folder / runs.HYPOTHESES, [" ".join(t.target) for t in found])
        results = {
            "bleu": score.score,
            "bleu_signature": score.signature,
            "perplexity": attention_stats.perplexity(nats.sum(), units.sum()),
            "perplexity_bound": translator.predict,
            "training_pairs": batches.pairs,
            "dropped_pairs": batches.dropped,
        }
        for name in PREDICTIONS if hard else ():
            nats, units = translator.losses(params, test, name)
            bound = attention_stats.perplexity(nats.sum(), units.sum())
            results[f"perplexity_{name}"] = bound
        kept, scores = {}, {}
        for name, gold in corpus.gold.items():
            kept[name], scores[name] = judge(
                translator, params, gold, local=local, hard=hard
            )
        runs.write_alignments(folder, kept)
        if scores:
            main = evaluate["gold"] or next(iter(scores))
            results |= scores[main] | {"gold": main, "aers": scores}
        return results

    return Task(
        init,
        make_loss(model, config),
        batches,
        validate,
        finish,
        scores=("bleu", "perplexity"),
        estimator_state=initial_estimator_state(),
        notes=[*corpus.notes]
        + left_out(batches, "data.edges" if config["data"]["edges"] else None),
    )


def left_out(batches: Endless, setting: str | None) -> list[str]:
    """A line on the training pairs that are too long to be batched, if there are."""
    if not batches.dropped:
        return []
    return [
        f"{batches.dropped} of {batches.pairs} training pairs are longer than "
        f"{batches.longest} with the end mark ({setting or 'data.longest'}), and left "
        "out"
    ]


def _bleu(evaluate, found, references: Sequence[Sequence[str]]):
    return bleu.bleu(
        [" ".join(translation.target) for translation in found],
        [" ".join(words) for words in references],
        tokenize=evaluate["tokenize"],
        lowercase=evaluate["lowercase"],
    )
