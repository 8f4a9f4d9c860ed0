"""What the forced alignments of a trained model are worth against gold links."""

from collections.abc import Mapping, Sequence
from typing import Any

from attnlab import runs
from attnlab.metrics import aer, attention_stats, statistical_aligners
from attnlab.metrics.aer import Agreement, LinkSet
from attnlab.metrics.symmetrize import SYMMETRIZATIONS
from attnlab.tasks.translation.translator import Translator
from attnlab.text.pairs import GoldPair, Pair

SHORT = 20  # source words: the gold pairs that are no longer than the training text


def judge(
    translator: Translator,
    params,
    gold: Sequence[GoldPair],
    *,
    local: bool = False,
    hard: bool = False,
) -> tuple[list[runs.AlignedSentence], dict[str, float]]:
    """The alignments of a gold set, and what they are worth.

    aer, precision and recall of one source word a target word by argmax; aer_shift_-1
    and aer_shift_1 with rows read as those of the word before or after; aer_short for
    at most 20 source words; aer_posterior where the target word was read too;
    attention_entropy (nats), mass_on_gold and largest_weight of the weights themselves.
    Subwords are merged in the weights, before the argmax: one link a target *word*
    (Garg et al. 2019 link words of which any subwords are linked: `aer.merge_links`).

    The alignments keep the centres of a `local` window and the draws of a `hard` read.
    """
    looks = translator.looks(params, gold)
    weights = [look.weights for look in looks]
    posterior = translator.align(params, gold, "posterior")
    links = [aer.links(rows) for rows in weights]
    pooled = agreement(links, gold)

    def shifted(shift):
        return agreement([aer.links(rows, shift=shift) for rows in weights], gold).aer

    numbers = {
        "aer": pooled.aer,
        "precision": pooled.precision,
        "recall": pooled.recall,
        "aer_shift_-1": shifted(-1),
        "aer_shift_1": shifted(1),
        "aer_short": agreement(links, gold, longest=SHORT).aer,
        "aer_posterior": agreement([aer.links(rows) for rows in posterior], gold).aer,
        "attention_entropy": attention_stats.entropy(weights),
        "mass_on_gold": attention_stats.mass_on_gold(
            weights, [pair.possible for pair in gold]
        ),
        "largest_weight": attention_stats.largest_weight(weights),
    }
    aligned = [
        runs.AlignedSentence(
            tuple(pair.source),
            tuple(pair.target),
            look.weights,
            pair.sure,
            pair.possible,
            look.centres if local else None,
            look.samples if hard else None,
        )
        for pair, look in zip(gold, looks, strict=True)
    ]
    return aligned, {name: float(value) for name, value in numbers.items()}


def agreement(
    links: Sequence[LinkSet], gold: Sequence[GoldPair], longest: int | None = None
) -> Agreement:
    """Pooled over the gold pairs of at most `longest` source words."""
    chosen = [
        n for n, pair in enumerate(gold) if longest is None or len(pair[0]) <= longest
    ]
    return aer.corpus_agreement(
        [links[n] for n in chosen], [(gold[n].sure, gold[n].possible) for n in chosen]
    )


Scores = dict[str, tuple[Agreement, Agreement]]  # method -> all pairs, short pairs


def compare(
    gold: Mapping[str, Sequence[GoldPair]],
    forward: tuple[Translator, Any],
    backward: tuple[Translator, Any] | None = None,
    training: Sequence[Pair] = (),
    aligner: str | None = None,
) -> dict[str, Scores]:
    """Every way to get links, by gold set: each direction, both, and an aligner.

    `forward` and `backward` are (translator, params); `backward` translates from the
    target to the source. `aligner` is a model of `attnlab.metrics.statistical_aligners`, trained on
    `training` and the gold pairs' text, once in each direction. A ValueError says where
    there is no gold.
    """
    if not gold:
        raise ValueError("the corpus has no gold links to judge by")
    pairs = [pair for some in gold.values() for pair in some]
    found: dict[str, Sequence[LinkSet]] = {}
    if aligner is not None:  # first: an unknown name costs nothing
        turned = [_turned(pair) for pair in (*training, *pairs)]
        theirs = statistical_aligners.align(
            turned, turned[len(training) :], model=aligner
        )
        ours = statistical_aligners.align(training, pairs, model=aligner)
        found |= _both(aligner, ours, [aer.reverse(links) for links in theirs])
    for kind in ("prior", "posterior"):
        ours = [aer.links(rows) for rows in _align(forward, pairs, kind)]
        if backward is None:
            found[f"forward, {kind}"] = ours
            continue
        reversed_pairs = [_turned(pair) for pair in pairs]
        theirs = [aer.links(rows) for rows in _align(backward, reversed_pairs, kind)]
        found |= _both(kind, ours, [aer.reverse(links) for links in theirs])
    return {name: _scores(gold, name, found) for name in gold}


def _turned(pair: Any) -> Pair:
    return Pair(pair.target, pair.source)


def _both(
    name: str, forward: Sequence[LinkSet], backward: Sequence[LinkSet]
) -> dict[str, Sequence[LinkSet]]:
    """The links of either direction, and every way to put the two together."""
    combined = {
        f"{way}, {name}": [join(a, b) for a, b in zip(forward, backward, strict=True)]
        for way, join in SYMMETRIZATIONS.items()
    }
    return {f"forward, {name}": forward, f"backward, {name}": backward, **combined}


def _scores(
    gold: Mapping[str, Sequence[GoldPair]],
    name: str,
    found: Mapping[str, Sequence[LinkSet]],
) -> Scores:
    """The scores on one of the sets that `found` holds one after the other."""
    names = list(gold)
    start = sum(len(gold[before]) for before in names[: names.index(name)])
    pairs = gold[name]
    parts = {way: links[start : start + len(pairs)] for way, links in found.items()}
    return {
        way: (agreement(links, pairs), agreement(links, pairs, longest=SHORT))
        for way, links in parts.items()
    }


def _align(model: tuple[Translator, Any], pairs, kind):
    translator, params = model
    return translator.align(params, pairs, kind)


def render(name: str, scores: Scores) -> str:
    """A gold set's scores as a table, per cent."""
    lines = [f"{name:<30}{'AER':>8}{'prec':>8}{'recall':>8}{f'AER <={SHORT}':>10}"]
    for method, (every, short) in scores.items():
        rates = (every.aer, every.precision, every.recall)
        numbers = "".join(f"{100 * rate:>8.1f}" for rate in rates)
        lines.append(f"{method:<30}{numbers}{100 * short.aer:>10.1f}")
    return "\n".join(lines) + "\n"
