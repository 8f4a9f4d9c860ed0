"""A language pair with exact gold links, made to order.

Every difficulty is a knob, so that a difference between two attentions can be traced to
its cause: word order, fertility, ambiguity, length, rare words, noise.
"""

import random
from collections.abc import Mapping

from attnlab.text.grammar import MARKS, add_noise, make_pair
from attnlab.text.lexicon import build_language
from attnlab.text.pairs import Corpus

MIXED = {"swaps": 0.4, "verb-final": 0.3, "long-distance": 0.3}
CONTEXTS = ("previous", "next")
PATIENCE = 5_000  # known sentences in a row, before there seem to be no others


def synthetic(
    *,
    train: int = 20_000,
    dev: int = 500,
    test: int = 500,
    words: int = 80,
    zipf: float = 1.0,
    lengths: tuple[int, int] = (3, 20),
    test_lengths: tuple[int, int] | None = None,
    reordering: str | Mapping[str, float] | None = None,
    one_to_many: float = 0.1,
    many_to_one: float = 0.1,
    null_source: float = 0.05,
    null_target: float = 0.1,
    ambiguity: float = 0.1,
    context: str = "previous",
    noise: float = 0.0,
    seed: int = 0,
    train_gold: bool = False,
) -> Corpus:
    """A corpus with exact links for `dev` and `test` (and `train` with `train_gold`).

    The same arguments give the same corpus. No source sentence of `dev` or `test`
    occurs twice in them or in `train`.

    words: word types of the four open categories together; the closed ones and the
      marks add about 20 on either side.
    zipf: a category's word of rank r has weight 1 / r ** zipf; 0 is uniform.
    lengths: shortest and longest source sentence, mark counted, drawn uniformly.
    test_lengths: the same for `test` alone, to ask what happens beyond `lengths`.
    reordering: a kind, or the share of sentences of each kind (default MIXED):
      `monotone` word by word; `swaps` adjectives after their noun, as in the next two;
      `verb-final` verbs end their clause; `long-distance` the last clause comes first,
      or the last phrase where there is one clause; `reversal` everything backwards.
    one_to_many: share of nouns and verbs (word types) translated by two words, each
      with a sure link.
    many_to_one: share of nouns and verbs that are two source words for one target word;
      the link to the first is sure, to the second, a particle, possible.
    null_source: chance of each source word to be a filler without translation.
    null_target: share of nouns whose translation brings along a word that translates
      nothing; its link to the noun is possible.
    ambiguity: share of open-category words with two translations; the class of the
      `previous` or `next` source word (`context`) decides.
    noise: chance of each training target word to be replaced by a random one, which
      has no links. `dev` and `test` stay exact.

    Raises ValueError naming a knob out of its range and the choices.
    """
    kinds = _kinds(reordering)
    _check_counts(train, dev, test, words, zipf)
    _check_shares(
        one_to_many=one_to_many,
        many_to_one=many_to_one,
        null_source=null_source,
        null_target=null_target,
        ambiguity=ambiguity,
        noise=noise,
    )
    if context not in CONTEXTS:
        raise ValueError(f"unknown context {context!r}; choose {', '.join(CONTEXTS)}")
    language = build_language(
        words, zipf, one_to_many, many_to_one, null_target, ambiguity, seed
    )
    shortest = language.shortest
    lengths = _checked_lengths("lengths", lengths, shortest)
    test_lengths = _checked_lengths("test_lengths", test_lengths or lengths, shortest)
    taken: set[tuple[str, ...]] = set()

    def draw(split, count, lengths, noise):
        rng = random.Random(f"attnlab {seed} {split}")
        unique = split != "train"
        pairs, misses = [], 0
        while len(pairs) < count:
            pair = make_pair(language, lengths, kinds, null_source, context, rng)
            if pair.source in taken:
                misses += 1
                if misses == PATIENCE:
                    raise ValueError(
                        f"cannot find {count} new sentences for {split}: {words} words "
                        f"and lengths {lengths} allow too few; ask for fewer or longer"
                    )
                continue
            misses = 0
            if unique:
                taken.add(pair.source)
            pairs.append(add_noise(pair, language, noise, rng) if noise else pair)
        return pairs

    gold = {
        "test": draw("test", test, test_lengths, 0.0),
        "dev": draw("dev", dev, lengths, 0.0),
    }
    train_pairs = draw("train", train, lengths, noise)
    if train_gold:
        gold["train"] = train_pairs
    return Corpus(
        name="synthetic",
        train=[pair.pair for pair in train_pairs],
        dev=[pair.pair for pair in gold["dev"]],
        test=[pair.pair for pair in gold["test"]],
        gold=gold,
        source_language="stems",
        target_language="endings",
        about="Generated by a synchronous grammar; every link is exact. Order: "
        + ", ".join(f"{kind} {share:.0%}" for kind, share in kinds.items()),
    )


def _kinds(reordering):
    if reordering is None:
        return dict(MIXED)
    kinds = {reordering: 1.0} if isinstance(reordering, str) else dict(reordering)
    for kind, share in kinds.items():
        if kind not in MARKS:
            raise ValueError(f"unknown reordering {kind!r}; choose {', '.join(MARKS)}")
        if share < 0:
            raise ValueError(f"reordering {kind!r} has the share {share}, below 0")
    total = sum(kinds.values())
    if total <= 0:
        raise ValueError("reordering names no kind with a share above 0")
    return {kind: share / total for kind, share in kinds.items() if share}


def _check_counts(train, dev, test, words, zipf):
    for name, count in {"train": train, "dev": dev, "test": test}.items():
        if count < 0:
            raise ValueError(f"{name} is {count}; it must not be negative")
    if words < 8:
        raise ValueError(f"words is {words}; the grammar needs at least 8")
    if zipf < 0:
        raise ValueError(f"zipf is {zipf}; it must not be negative")


def _check_shares(**shares):
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}; it must be in [0, 1]")


def _checked_lengths(name, lengths, least):
    shortest, longest = lengths
    if not least <= shortest <= longest:
        raise ValueError(
            f"{name} is {tuple(lengths)}; give (shortest, longest), at least {least}"
        )
    return shortest, longest
