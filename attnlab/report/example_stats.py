"""What the finished runs of a row did with each test sentence, as counts that add up.

The significance tests and the curves by length and distance rest on these counts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from attnlab.metrics import aer, bleu
from attnlab.metrics.aer import LinkSet
from attnlab.report.rows import Row
from attnlab.runs import (
    EXAMPLE_COUNTS,
    HYPOTHESES,
    LOSSES,
    REFERENCES,
    SOURCES,
    AlignedSentence,
    ExampleCounts,
    Run,
)

LARGEST_MEAN = 700.0  # nats a unit; the exponential of 710 overflows


class Texts(NamedTuple):
    """The test set of one run: `bleu.statistics` [N, 10], words of each source [N]."""

    references: list[str]
    lengths: list[int]
    counts: np.ndarray


class Alignments(NamedTuple):
    """A gold set of one run. counts: `aer.statistics` [N, 4]; links: by argmax, [N]."""

    name: str
    pairs: list[AlignedSentence]
    links: list[set[tuple[int, int]]]
    counts: np.ndarray

    @property
    def gold(self) -> list[tuple[LinkSet, LinkSet]]:
        return [(pair.sure, pair.possible) for pair in self.pairs]

    @property
    def sentences(self) -> list[tuple[Any, ...]]:
        """Words and gold links: what two systems must share to be compared."""
        return [(p.source, p.target, p.sure, p.possible) for p in self.pairs]


class Losses(NamedTuple):
    """The forced losses of one run's test set. counts: nats and units [N, 2]."""

    references: list[str]
    counts: np.ndarray

    @property
    def sentences(self) -> list[tuple[str, float]]:
        """What two systems must share: the references, cut into as many units."""
        return list(zip(self.references, self.counts[:, 1].tolist(), strict=True))


class ExampleStats(NamedTuple):
    """Of each finished run of a row, in the order of seeds; None where files lack.

    notes: (seed, what cannot be used and why).
    """

    texts: list[Texts | None]
    alignments: list[Alignments | None]
    losses: list[Losses | None]
    example_counts: list[ExampleCounts | None]
    notes: list[tuple[int, str]]


def read(row: Row) -> ExampleStats:
    """The evidence of a row, with notes on what cannot be used and why."""
    texts, alignments, losses, example_counts, notes = [], [], [], [], []
    readers = (
        (texts, _texts),
        (alignments, _alignments),
        (losses, _losses),
        (example_counts, _tallies),
    )
    for run in row.finished:
        for found, reader in readers:
            value, problem = reader(run)
            found.append(value)
            if problem:
                notes.append((run.seed, problem))
    return ExampleStats(texts, alignments, losses, example_counts, notes)


def pooled_texts(example_stats: ExampleStats) -> tuple[list[str], np.ndarray] | None:
    """References and BLEU counts [N, 10] summed over the seeds, sentence by sentence.

    None unless every seed translated the same sentences.
    """
    return _pooled(
        [text and (text.references, text.counts) for text in example_stats.texts]
    )


def pooled_alignments(
    example_stats: ExampleStats,
) -> tuple[list[Any], np.ndarray] | None:
    """Gold sentences and AER counts [N, 4] summed over the seeds, as `pooled_texts`."""
    return _pooled(
        [some and (some.sentences, some.counts) for some in example_stats.alignments]
    )


def pooled_losses(example_stats: ExampleStats) -> tuple[list[Any], np.ndarray] | None:
    """Sentences and [nats, units] [N, 2] summed over the seeds, as `pooled_texts`."""
    return _pooled(
        [some and (some.sentences, some.counts) for some in example_stats.losses]
    )


def pooled_example_counts(
    example_stats: ExampleStats, score: str
) -> tuple[list[str], np.ndarray] | None:
    """Examples and tallies of a score [N, 2] summed over the seeds, as `pooled_texts`.

    None where no seed has them.
    """
    return _pooled(
        [
            some and score in some.counts and (some.examples, some.counts[score])
            for some in example_stats.example_counts
        ]
    )


def ratio(totals: np.ndarray) -> np.ndarray:
    """Scores [...] of tallies [..., 2] summed over examples."""
    return totals[..., 0] / totals[..., 1]


def perplexity(totals: np.ndarray) -> np.ndarray:
    """Perplexities [...] of summed nats and units [..., 2]."""
    mean = totals[..., 0] / totals[..., 1]
    return np.exp(np.minimum(mean, LARGEST_MEAN))


def _pooled(seeds: Sequence[Any]) -> Any:
    if not seeds or not all(seeds):
        return None
    sentences = seeds[0][0]
    if any(other != sentences for other, _ in seeds):
        return None
    return sentences, np.sum([counts for _, counts in seeds], axis=0)


def _texts(run: Run) -> tuple[Texts | None, str]:
    names = (SOURCES, REFERENCES, HYPOTHESES)
    sources, references, hypotheses = (run.lines(name) for name in names)
    if sources is None or references is None or hypotheses is None:
        if "bleu" not in (run.result or {}):  # its task does not translate
            return None, ""
        absent = [name for name in names if run.lines(name) is None]
        return None, f"no {', '.join(absent)}, so its BLEU is not tested"
    if not len(sources) == len(references) == len(hypotheses):
        return None, (
            f"{len(hypotheses)} hypotheses for {len(references)} references and "
            f"{len(sources)} sources, so its BLEU is not tested"
        )
    result = run.result or {}
    signature = str(result.get("bleu_signature") or "")
    parts = (part.partition(":") for part in signature.split("|"))
    options = {name: value for name, _, value in parts}
    tokenize, lowercase = options.get("tok", "none"), options.get("case") == "lc"
    if tokenize not in bleu.TOKENIZERS:
        return None, f"BLEU tokenized by {tokenize!r} is not tested"
    if not references:
        return None, "an empty test set"
    counts = bleu.statistics(
        hypotheses, references, tokenize=tokenize, lowercase=lowercase
    )
    again = float(bleu.score(counts.sum(axis=0)))
    lengths = [len(source.split()) for source in sources]
    problem = _disagreement("BLEU", result.get("bleu"), again, HYPOTHESES, 0.05)
    return Texts(references, lengths, counts), problem


def _alignments(run: Run) -> tuple[Alignments | None, str]:
    sets = run.alignments()
    name = main_set(run, sets)
    if name is None:
        return None, ""
    pairs = sets[name]
    links = [aer.argmax_links(pair.weights) for pair in pairs]
    gold = [(pair.sure, pair.possible) for pair in pairs]
    counts = aer.statistics(links, gold)
    found = Alignments(name, pairs, links, counts)
    problem = ""
    if any(pair.possible for pair in pairs):
        stated = (run.result or {}).get("aer")
        again = float(aer.score(counts.sum(axis=0)))
        problem = _disagreement("AER", stated, again, f"{name} alignments", 0.0015)
    return found, problem


def _losses(run: Run) -> tuple[Losses | None, str]:
    untested = "so its perplexity is not tested"
    try:
        losses, references = run.losses(), run.lines(REFERENCES)
    except ValueError as error:
        return None, f"{run.reason(error)}, {untested}"
    if losses is None or references is None:
        if "perplexity" not in (run.result or {}):
            return None, ""
        absent = LOSSES if losses is None else REFERENCES
        return None, f"no {absent}, {untested}"
    nats, units = losses
    if len(nats) != len(references):
        return None, (
            f"{LOSSES} has {len(nats)} sentences, {REFERENCES} {len(references)}, "
            f"{untested}"
        )
    if not references:
        return None, ""  # `_texts` says so
    if not (np.isfinite(nats).all() and (units > 0).all()):
        return None, f"{LOSSES} has losses or units that are no such thing, {untested}"
    found = Losses(references, np.stack([nats, units], axis=1))
    stated = (run.result or {}).get("perplexity")
    again = float(perplexity(found.counts.sum(axis=0)))
    return found, _disagreement("perplexity", stated, again, LOSSES, 1e-3 * again)


def _tallies(run: Run) -> tuple[ExampleCounts | None, str]:
    try:
        example_counts = run.example_counts()
    except ValueError as error:
        return None, f"{run.reason(error)}, so its scores are not tested"
    for score, counts in example_counts.counts.items() if example_counts else ():
        stated = (run.result or {}).get(score)
        again = float(ratio(counts.sum(axis=0)))
        problem = _disagreement(score, stated, again, EXAMPLE_COUNTS, 1e-3 * abs(again))
        if problem:
            return example_counts, problem
    return example_counts, ""


def main_set(run: Run, sets: dict[str, list[AlignedSentence]]) -> str | None:
    """The gold set of the run's `aer`; else the first with gold; else the first.

    None where there are no sentences at all.
    """
    stated = (run.result or {}).get("gold")
    gold = [name for name, pairs in sets.items() if any(p.possible for p in pairs)]
    any_set = [name for name, pairs in sets.items() if pairs]
    return next(iter([stated] * (stated in sets) + gold + any_set), None)


def _disagreement(
    name: str, stated: Any, again: float, where: str, tolerance: float
) -> str:
    if not isinstance(stated, int | float) or abs(stated - again) <= tolerance:
        return ""
    return (
        f"{name} is {stated:.3f} in result.json but {again:.3f} from its {where}, "
        "which tests and figures use"
    )
