"""What the finished runs of a row did with each test sentence, as counts that add up.

The significance tests and the curves by length and distance rest on these counts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.report.alignment_counts import LinkCounts, flat_link_counts
from attnlab.report.rows import Row
from attnlab.report.stored_counts import StoredCounts
from attnlab.runs import (
    ALIGNMENTS,
    EXAMPLE_COUNTS,
    HYPOTHESES,
    LOSSES,
    REFERENCES,
    SOURCES,
    AlignedSentence,
    ExampleCounts,
    Links,
    Run,
    read_flat_alignments,
)

LARGEST_MEAN = 700.0  # nats a unit; the exponential of 710 overflows

# What two systems must share, and the examples' counts [seeds, N, K].
SeedCounts = tuple[object, np.ndarray]


class Texts(NamedTuple):
    """The translated test set of one run, N sentences.

    references: the sentences to say.
    lengths: words of each source.
    counts: `bleu.statistics` [N, 10].
    """

    references: list[str]
    lengths: list[int]
    counts: np.ndarray


class Alignments(NamedTuple):
    """A gold set of one run, N sentences.

    name: of the set.
    links: counts of the links by argmax, and the digest of words and gold links.
    run: where its sentences are.
    """

    name: str
    links: LinkCounts
    run: Run

    @property
    def counts(self) -> np.ndarray:
        """`aer.statistics` [N, 4]."""
        return self.links.sentences

    @property
    def pairs(self) -> list[AlignedSentence]:
        """The sentences with their weights and gold links, read anew from the folder.

        They are not held: those of all runs of a sweep can be gigabytes.
        """
        return self.run.alignments()[self.name]


class Losses(NamedTuple):
    """The losses of one run's test set of N sentences, their targets forced.

    references: the target sentences.
    counts: nats and predicted units of each [N, 2].
    """

    references: list[str]
    counts: np.ndarray

    @property
    def sentences(self) -> list[tuple[str, float]]:
        """What two systems must share: the references, cut into as many units."""
        return list(zip(self.references, self.counts[:, 1].tolist(), strict=True))


class ExampleStats(NamedTuple):
    """Of each finished run of a row, in the order of seeds; None where files lack.

    texts, alignments, losses, example_counts: one entry a run.
    notes: (seed, what cannot be used and why).
    """

    texts: list[Texts | None]
    alignments: list[Alignments | None]
    losses: list[Losses | None]
    example_counts: list[ExampleCounts | None]
    notes: list[tuple[int, str]]


def read(row: Row, stored: StoredCounts | None = None) -> ExampleStats:
    """The counts by example of a row's finished runs.

    Args:
      row: of a sweep.
      stored: counts of earlier reports; by default all are made anew.

    Returns:
      The counts, with notes on what cannot be used and why.
    """
    texts, alignments, losses, example_counts, notes = [], [], [], [], []
    stored = stored or StoredCounts()
    readers = (
        (texts, partial(_texts, stored=stored)),
        (alignments, partial(_alignments, stored=stored)),
        (losses, _losses),
        (example_counts, _example_counts),
    )
    for run in row.finished:
        for values, reader in readers:
            try:
                value, problem = reader(run)
            except ValueError as error:
                value, problem = None, f"{run.reason(error)}, and is left out"
            values.append(value)
            if problem:
                notes.append((run.seed, problem))
    return ExampleStats(texts, alignments, losses, example_counts, notes)


def texts_by_seed(example_stats: ExampleStats) -> SeedCounts | None:
    """References, and the BLEU counts of each seed.

    Args:
      example_stats: of a row.

    Returns:
      (references, counts [seeds, N, 10]); None unless every seed translated the same
      sentences.
    """
    return _by_seed(
        [text and (text.references, text.counts) for text in example_stats.texts]
    )


def alignments_by_seed(example_stats: ExampleStats) -> SeedCounts | None:
    """The digest of gold sentences, and the AER counts of each seed.

    Args:
      example_stats: of a row.

    Returns:
      (digest, counts [seeds, N, 4]); None unless every seed aligned the same sentences.
    """
    return _by_seed(
        [
            some and (some.links.examples, some.counts)
            for some in example_stats.alignments
        ]
    )


def losses_by_seed(example_stats: ExampleStats) -> SeedCounts | None:
    """Sentences, and the nats and units of each seed.

    Args:
      example_stats: of a row.

    Returns:
      (sentences, counts [seeds, N, 2]); None unless every seed predicted the same
      units.
    """
    return _by_seed(
        [some and (some.sentences, some.counts) for some in example_stats.losses]
    )


def score_by_seed(example_stats: ExampleStats, score: str) -> SeedCounts | None:
    """Examples, and the counts of each seed in a score of tallies.npz.

    Args:
      example_stats: of a row.
      score: its name in result.json.

    Returns:
      (examples, counts [seeds, N, 2]); None unless every seed has them, of the same
      examples.
    """
    return _by_seed(
        [
            (some.examples, some.counts[score])
            if some and score in some.counts
            else None
            for some in example_stats.example_counts
        ]
    )


def ratio(totals: np.ndarray) -> np.ndarray:
    """The score of counts of tallies.npz summed over examples.

    Args:
      totals: [..., 2].

    Returns:
      First over second column [...].
    """
    return totals[..., 0] / totals[..., 1]


def perplexity(totals: np.ndarray) -> np.ndarray:
    """The perplexity of losses summed over sentences.

    Args:
      totals: nats and units [..., 2].

    Returns:
      Perplexities [...], finite also where the exponential would overflow.
    """
    mean = totals[..., 0] / totals[..., 1]
    return np.exp(np.minimum(mean, LARGEST_MEAN))  # inf would make every comparison nan


def _by_seed(seeds: Sequence[tuple[object, np.ndarray] | None]) -> SeedCounts | None:
    present = [seed for seed in seeds if seed]
    # All seeds or none: some of them are not what the table's mean is of.
    if not seeds or len(present) < len(seeds):
        return None
    examples = present[0][0]
    if any(other != examples for other, _ in present):
        return None
    return examples, np.stack([counts for _, counts in present])


def _texts(run: Run, stored: StoredCounts) -> tuple[Texts | None, str]:
    names = (SOURCES, REFERENCES, HYPOTHESES)
    sources, references, hypotheses = (run.lines(name) for name in names)
    result = run.result or {}
    if sources is None or references is None or hypotheses is None:
        if "bleu" not in result:  # its task does not translate
            return None, ""
        absent = [name for name in names if run.lines(name) is None]
        return None, f"no {', '.join(absent)}, so its BLEU is not tested"
    if not len(sources) == len(references) == len(hypotheses):
        return None, (
            f"{len(hypotheses)} hypotheses for {len(references)} references and "
            f"{len(sources)} sources, so its BLEU is not tested"
        )
    signature = str(result.get("bleu_signature") or "")
    parts = (part.partition(":") for part in signature.split("|"))
    options = {name: value for name, _, value in parts}
    # As the run's BLEU was computed, or the counts would give another score.
    tokenize, lowercase = options.get("tok", "none"), options.get("case") == "lc"
    if tokenize not in bleu.TOKENIZERS:
        return None, f"BLEU tokenized by {tokenize!r} is not tested"
    if not references:
        return None, "an empty test set"

    def count() -> dict[str, np.ndarray]:
        counts = bleu.statistics(
            hypotheses, references, tokenize=tokenize, lowercase=lowercase
        )
        return {"counts": counts.astype(np.int32)}

    kind = f"bleu {tokenize} {lowercase}"
    counts = stored.counts(run, kind, (REFERENCES, HYPOTHESES), count)["counts"]
    problem = _disagreement(run, "bleu", "BLEU", counts, bleu.score, HYPOTHESES, 0.05)
    _, lengths = _shared(tuple(sources))
    return Texts(_shared(tuple(references))[0], lengths, counts), problem


@lru_cache(maxsize=8)
def _shared(lines: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """The lines, and the words of each: one list for all runs that have the same."""
    return list(lines), [sum(map(bool, line.split(" "))) for line in lines]


def _alignments(run: Run, stored: StoredCounts) -> tuple[Alignments | None, str]:
    def count() -> dict[str, np.ndarray]:
        exists = (run.folder / ALIGNMENTS).exists()
        sets = read_flat_alignments(run.folder) if exists else {}
        possible = {
            name: [links for *_, links in aligned.words]
            for name, aligned in sets.items()
        }
        name = main_set(run, possible)
        if name is None:
            return {}
        counts, gold = flat_link_counts(sets[name]), any(possible[name])
        texts = json.dumps([name, counts.examples, gold]).encode()
        return {
            "sentences": counts.sentences.astype(np.int32),
            "distances": counts.distances,
            "texts": np.frombuffer(texts, np.uint8),
        }

    kind = f"aer {(run.result or {}).get('gold')}"
    arrays = stored.counts(run, kind, (ALIGNMENTS,), count)
    if not arrays:
        return None, ""
    counts = arrays["sentences"]
    name, examples, gold = json.loads(arrays["texts"].tobytes())
    problem = ""
    if gold:
        where = f"{name} alignments"
        problem = _disagreement(run, "aer", "AER", counts, aer.score, where, 0.0015)
    links = LinkCounts(examples, counts, arrays["distances"])
    return Alignments(name, links, run), problem


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
        return None, ""  # `_texts` has a note on it
    if not (np.isfinite(nats).all() and (units > 0).all()):
        return None, f"{LOSSES} has losses or units that are no such thing, {untested}"
    counts = np.stack([nats, units], axis=1)
    name = "perplexity"
    problem = _disagreement(run, name, name, counts, perplexity, LOSSES, relative=1e-3)
    return Losses(references, counts), problem


def _example_counts(run: Run) -> tuple[ExampleCounts | None, str]:
    try:
        example_counts = run.example_counts()
    except ValueError as error:
        return None, f"{run.reason(error)}, so its scores are not tested"
    for score, counts in example_counts.counts.items() if example_counts else ():
        problem = _disagreement(
            run, score, score, counts, ratio, EXAMPLE_COUNTS, relative=1e-3
        )
        if problem:
            return example_counts, problem
    return example_counts, ""


def main_set(run: Run, possible: Mapping[str, Sequence[Links]]) -> str | None:
    """The gold set of the run's `aer`; else the first with gold; else the first.

    Args:
      run: a finished run.
      possible: the possible gold links of each sentence, by the name of the test set.

    Returns:
      The name of the set; None where there are no sentences at all.
    """
    stated = (run.result or {}).get("gold")
    gold = [name for name, links in possible.items() if any(links)]
    any_set = [name for name, links in possible.items() if links]
    return next(iter([stated] * (stated in possible) + gold + any_set), None)


def _disagreement(
    run: Run,
    key: str,
    title: str,
    counts: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    where: str,
    absolute: float = 0.0,
    *,
    relative: float = 0.0,
) -> str:
    """A note where the score in result.json is not the one of its counts, else ""."""
    stated = (run.result or {}).get(key)
    again = float(score(counts.sum(axis=0)))
    tolerance = absolute + relative * abs(again)
    if not isinstance(stated, int | float) or abs(stated - again) <= tolerance:
        return ""
    return (
        f"{title} is {stated:.3f} in result.json but {again:.3f} from its {where}, "
        "which tests and figures use"
    )
