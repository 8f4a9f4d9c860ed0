"""The scores of a translation model, and the files that they rest on.

BLEU, perplexity and AER; of strings also error rate and accuracy; chrF and TER where
the settings ask for them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.estimators.objective import is_hard, is_local
from attnlab.estimators.prediction import PREDICTIONS, Search
from attnlab.metrics import attention_stats
from attnlab.metrics import bleu_score as bleu
from attnlab.metrics.bleu_score import Bleu
from attnlab.metrics.chrf_ter import text_scores
from attnlab.tasks.translation.evaluate_alignment import judge
from attnlab.tasks.translation.evaluate_strings import judge_strings
from attnlab.tasks.translation.settings import TranslationEvaluate, TranslationSettings
from attnlab.tasks.translation.translator import Translation, Translator
from attnlab.text.pairs import Corpus, Pair


class TextScores(NamedTuple):
    """What a model did with N pairs of sentences.

    translations: of their sources. bleu: of those, in [0, 100]. nats [N]: minus the
    log-probability of each target. units [N]: what that is the sum over, EOS counted.
    """

    translations: list[Translation]
    bleu: Bleu
    nats: np.ndarray
    units: np.ndarray

    @property
    def perplexity(self) -> float:
        """exp of the mean nats a unit."""
        return attention_stats.perplexity(self.nats.sum(), self.units.sum())


def search_of(evaluate: TranslationEvaluate, beams: int | None = None) -> Search:
    """How to decode by the settings.

    Args:
      evaluate: the settings.
      beams: hypotheses of the beam search, if other than theirs.

    Returns:
      The Search.
    """
    return Search(
        evaluate.beams if beams is None else beams,
        evaluate.length_penalty,
        evaluate.alpha,
        evaluate.ratio,
        evaluate.replace_unknown,
        evaluate.positions,
    )


def score_text(
    translator: Translator,
    params: Params,
    pairs: Sequence[Pair],
    evaluate: TranslationEvaluate,
    search: Search,
    references: Sequence[str] | None = None,
) -> TextScores:
    """Translate sentences, and score that as well as the given translations.

    Args:
      translator: the model with its vocabularies.
      params: its parameters.
      pairs: N sentences and their translations.
      evaluate: how BLEU is counted.
      search: how to decode.
      references: a line a pair, tabs between several; by default the pairs' targets.

    Returns:
      The TextScores.
    """
    if references is None:
        references = [" ".join(pair.target) for pair in pairs]
    nats, units = translator.losses(params, pairs)
    translations = translator.translate(params, [pair.source for pair in pairs], search)
    score = bleu.bleu(
        [" ".join(translation.target) for translation in translations],
        references,
        tokenize=evaluate.tokenize,
        lowercase=evaluate.lowercase,
    )
    return TextScores(translations, score, nats, units)


def evaluate_run(
    settings: TranslationSettings,
    translator: Translator,
    params: Params,
    corpus: Corpus,
    folder: Path,
) -> dict[str, object]:
    """The scores of a finished run on the test set and the gold sets.

    Args:
      settings: of the run.
      translator: its model with the vocabularies.
      params: its parameters.
      corpus: its corpus.
      folder: the run's folder, which gets sources, references, hypotheses, losses and
        alignments; of strings, and for TER, also the counts of each.

    Returns:
      What result.json says of them. `perplexity_<name>` of hard reads are by each way
      to predict a word.
    """
    evaluate, test = settings.evaluate, corpus.test
    references = corpus.reference_lines("test")
    search = search_of(evaluate)
    text = score_text(translator, params, test, evaluate, search, references)
    hypotheses = [" ".join(translation.target) for translation in text.translations]
    runs.write_lines(folder / runs.SOURCES, [" ".join(pair.source) for pair in test])
    runs.write_lines(folder / runs.REFERENCES, references)
    runs.write_lines(folder / runs.HYPOTHESES, hypotheses)
    runs.write_losses(folder, text.nats, text.units)
    results: dict[str, object] = {
        "bleu": text.bleu.score,
        "bleu_signature": text.bleu.signature,
        "perplexity": text.perplexity,
        "perplexity_bound": translator.predict,
    }
    more = text_scores(
        evaluate.metrics, hypotheses, references, lowercase=evaluate.lowercase
    )
    for name, score in more.items():
        results |= {name: score.score, f"{name}_signature": score.signature}
    # TER is a ratio of sums, so that reports can test it; chrF is none.
    counts = {"ter": more["ter"].counts * [100.0, 1.0]} if "ter" in more else {}
    if corpus.symbols:
        results |= judge_strings(text.translations, corpus, folder, counts)
    elif counts:
        names = [
            runs.unique_id(str(number), " ".join(pair.source), line)
            for number, (pair, line) in enumerate(zip(test, references, strict=True))
        ]
        runs.write_example_counts(folder, names, counts)
    hard, local = is_hard(settings.model), is_local(settings.model)
    # A hard read can predict in several ways, so that runs are compared by each; a soft
    # one learned to predict by its expected value alone.
    for name in PREDICTIONS if hard else ():
        nats, units = translator.losses(params, test, name)
        bound = attention_stats.perplexity(nats.sum(), units.sum())
        results[f"perplexity_{name}"] = bound
    alignments, scores = {}, {}
    for name, gold in corpus.gold.items():
        alignments[name], scores[name] = judge(
            translator, params, gold, local=local, hard=hard
        )
    runs.write_alignments(folder, alignments)
    if scores:
        first = evaluate.gold or next(iter(scores))  # the corpus's own order of sets
        results |= {**scores[first], "gold": first, "aers": scores}
    return results
