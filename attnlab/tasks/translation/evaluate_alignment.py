"""AER and attention statistics of forced alignments against gold links."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from attnlab import runs
from attnlab.attention.base import Params
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import attention_stats, statistical_aligners
from attnlab.metrics.alignment_error_rate import Agreement
from attnlab.metrics.links import LinkSet, reverse
from attnlab.metrics.symmetrization import every_symmetrization
from attnlab.tasks.translation.translator import Translator
from attnlab.text.pairs import SHORT, GoldPair, Pair


def judge(
    translator: Translator,
    params: Params,
    gold: Sequence[GoldPair],
    *,
    local: bool = False,
    hard: bool = False,
) -> tuple[list[runs.AlignedSentence], dict[str, float]]:
    """Align a gold set, and compare with its links.

    aer, precision and recall are of one source word a target word, by argmax;
    aer_shift_-1 and aer_shift_1 with rows read as those of the word before or after;
    aer_short of pairs of at most 20 source words; aer_posterior where the target word
    was read too; of several heads all are of their mean, and aer_best_head of the head
    (best_head, from 0) that has the least; attention_entropy (nats), mass_on_gold and
    largest_weight are of the weights themselves. Subwords are merged in the weights,
    before the argmax: one link a target *word* (Garg et al. 2019 link words of which
    any subwords are linked: `aer.merge_links`).

    Args:
      translator: the model with its vocabularies.
      params: its parameters.
      gold: pairs with links.
      local: keep the centres of the model's windows.
      hard: keep a draw of each of the model's reads.

    Returns:
      The alignments, in which words that are likelier of nothing have no weights, and
      what they are worth.
    """
    forced = translator.forced_alignments(params, gold)
    links_of = partial(aer.links, null=translator.null)
    weights = [alignment.weights for alignment in forced]
    posterior = [alignment.posterior for alignment in forced]
    links = [links_of(rows) for rows in weights]
    pooled = agreement(links, gold)

    def shifted(shift: int) -> float:
        return agreement([links_of(rows, shift=shift) for rows in weights], gold).aer

    numbers = {
        "aer": pooled.aer,
        "precision": pooled.precision,
        "recall": pooled.recall,
        # Lower than `aer`, they tell of weights that belong to a neighboring word.
        "aer_shift_-1": shifted(-1),
        "aer_shift_1": shifted(1),
        "aer_short": agreement(links, gold, longest=SHORT).aer,
        "aer_posterior": agreement([links_of(rows) for rows in posterior], gold).aer,
        "attention_entropy": attention_stats.entropy(weights),
        "mass_on_gold": attention_stats.mass_on_gold(
            weights, [pair.possible for pair in gold]
        ),
        "largest_weight": attention_stats.largest_weight(weights),
    }
    if forced and forced[0].heads:
        # Of the mean of heads, no word of which was read before another.
        del numbers["aer_posterior"]
        each = [
            agreement([links_of(alignment.heads[h]) for alignment in forced], gold).aer
            for h in range(len(forced[0].heads))
        ]
        numbers |= {"aer_best_head": min(each), "best_head": int(np.argmin(each))}
    aligned = [
        runs.AlignedSentence(
            tuple(pair.source),
            tuple(pair.target),
            linkable(alignment.weights, translator.null),
            pair.sure,
            pair.possible,
            alignment.centres if local else None,
            alignment.samples if hard else None,
        )
        for pair, alignment in zip(gold, forced, strict=True)
    ]
    return aligned, {name: float(value) for name, value in numbers.items()}


def linkable(weights: np.ndarray, null: bool) -> np.ndarray:
    """Weights whose argmax links a target word to nothing where that is likelier.

    Args:
      weights: [T, S].
      null: whether what a row lacks to one is the probability of no source word.

    Returns:
      The weights, with zeros in the rows of such words.
    """
    if not null:
        return weights
    linked = {t for t, _ in aer.argmax_links(weights, null=True)}
    rows = np.array([t in linked for t in range(len(weights))], bool)
    return np.where(rows[:, None], weights, 0)


def agreement(
    links: Sequence[LinkSet], gold: Sequence[GoldPair], longest: int | None = None
) -> Agreement:
    """Counts of links, pooled over gold pairs.

    Args:
      links: of each pair.
      gold: the pairs.
      longest: source words of a pair that counts, at most; None: all do.

    Returns:
      The Agreement.
    """
    chosen = [
        (judged, pair)
        for judged, pair in zip(links, gold, strict=True)
        if longest is None or len(pair.source) <= longest
    ]
    return aer.corpus_agreement(
        [judged for judged, _ in chosen],
        [(pair.sure, pair.possible) for _, pair in chosen],
    )


class Direction(NamedTuple):
    """A trained model that translates one way."""

    translator: Translator
    params: Params


Scores = dict[str, tuple[Agreement, Agreement]]  # method -> all pairs, short pairs


def compare(
    gold: Mapping[str, Sequence[GoldPair]],
    forward: Direction,
    backward: Direction | None = None,
    training: Sequence[Pair] = (),
    aligners: Sequence[str] = (),
) -> dict[str, Scores]:
    """Every way to get links: each direction, both combined, and other aligners.

    Args:
      gold: gold sets by name.
      forward: translates the source.
      backward: translates from the target to the source.
      training: what aligners learn from, beside the text of the gold pairs.
      aligners: models of `attnlab.metrics.statistical_aligners`, each trained once in
        each direction.

    Returns:
      Scores by gold set.

    Raises:
      ValueError: where there is no gold, and for an unknown aligner.
    """
    if not gold:
        raise ValueError("the corpus has no gold links to judge by")
    # All sets at once, so that every model runs, and an aligner learns, once.
    pairs = [pair for part in gold.values() for pair in part]
    links: dict[str, Sequence[LinkSet]] = {}
    if aligners:  # first: an unknown name costs nothing
        statistical_aligners.check(aligners)
    for aligner in aligners:
        # Transductive, as such aligners are used: the gold pairs' text is learned too.
        both = statistical_aligners.align_both(training, pairs, model=aligner)
        links |= _both(aligner, both.forward, both.backward)
    for kind in ("prior", "posterior"):
        ours = _links(forward, pairs, kind)
        if backward is None:
            links[f"forward, {kind}"] = ours
            continue
        theirs = _links(backward, [_turned(pair) for pair in pairs], kind)
        links |= _both(kind, ours, [reverse(sentence) for sentence in theirs])
    return {name: _scores(gold, name, links) for name in gold}


def _turned(pair: Pair | GoldPair) -> Pair:
    return Pair(pair.target, pair.source)


def _links(
    direction: Direction, pairs: Sequence[Pair | GoldPair], kind: str
) -> list[LinkSet]:
    translator, params = direction
    null = translator.null
    aligned = translator.align(params, pairs, kind)
    return [aer.links(rows, null=null) for rows in aligned]


def _both(
    name: str, forward: Sequence[LinkSet], backward: Sequence[LinkSet]
) -> dict[str, Sequence[LinkSet]]:
    """The links of either direction, and every way to combine the two."""
    combined = {
        f"{way}, {name}": links
        for way, links in every_symmetrization(forward, backward).items()
    }
    return {f"forward, {name}": forward, f"backward, {name}": backward, **combined}


def _scores(
    gold: Mapping[str, Sequence[GoldPair]],
    name: str,
    links: Mapping[str, Sequence[LinkSet]],
) -> Scores:
    """The scores on one of the sets, whose links stand one set after the other."""
    names = list(gold)
    start = sum(len(gold[before]) for before in names[: names.index(name)])
    pairs = gold[name]
    return {
        way: (agreement(part, pairs), agreement(part, pairs, longest=SHORT))
        for way, every in links.items()
        for part in [every[start : start + len(pairs)]]
    }


def render(name: str, scores: Scores) -> str:
    """A gold set's scores as a table.

    Args:
      name: of the gold set.
      scores: from `compare`.

    Returns:
      Lines of text.
    """
    lines = [f"{name:<30}{'AER':>8}{'prec':>8}{'recall':>8}{f'AER <={SHORT}':>10}"]
    for method, (every, short) in scores.items():
        rates = (every.aer, every.precision, every.recall)
        numbers = "".join(f"{rate:>8.3f}" for rate in rates)
        lines.append(f"{method:<30}{numbers}{short.aer:>10.3f}")
    return "\n".join(lines) + "\n"


def as_tsv(tables: Mapping[str, Scores]) -> str:
    """The scores of all gold sets as tab-separated columns, in fractions.

    Args:
      tables: of `compare`, by gold set.

    Returns:
      Lines of text, the first of them the names of the columns.
    """
    lines = ["gold\tlinks\taer\tprecision\trecall\taer_short"]
    for name, scores in tables.items():
        for method, (every, short) in scores.items():
            rates = (every.aer, every.precision, every.recall, short.aer)
            numbers = ["" if math.isnan(rate) else f"{rate:.6g}" for rate in rates]
            lines.append("\t".join([name, method, *numbers]))
    return "\n".join(lines) + "\n"
