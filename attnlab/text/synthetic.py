"""A language pair with exact gold links, made to order.

Every difficulty is a knob, so that a difference between two attentions can be traced to
its cause: word order, fertility, ambiguity, length, rare words, noise.
"""

import random
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from attnlab.corpora.catalogue import Entry
from attnlab.settings import Choice, ExamplesOrNone, NonNegative, Range, Share
from attnlab.text import corpus_cache
from attnlab.text.grammar import add_noise, make_pair
from attnlab.text.lexicon import build_language
from attnlab.text.pairs import Corpus

ENTRY = Entry(
    "synthetic",
    "a language pair made by a grammar; every link is known",
    (20_000, 500, 500),
)
MIXED = {"swaps": 0.4, "verb-final": 0.3, "long-distance": 0.3}
LARGE = 4_000  # pairs: fewer are drawn in less than half a second
PATIENCE = 5_000  # known sentences in a row, before there seem to be no others
Order = Annotated[str, Choice("attnlab.text.grammar:MARKS")]


# The last corpus by its arguments: runs of one process mostly ask for the same one, and
# to draw it takes seconds.
_LAST: dict[str, Corpus] = {}


def synthetic(
    *,
    train: ExamplesOrNone = 20_000,
    dev: ExamplesOrNone = 500,
    test: ExamplesOrNone = 500,
    words: Annotated[int, Field(ge=8)] = 80,
    zipf: NonNegative = 1.0,
    lengths: Range = (3, 20),
    test_lengths: Range | None = None,
    reordering: Order | Mapping[Order, NonNegative] | None = None,
    one_to_many: Share = 0.1,
    many_to_one: Share = 0.1,
    null_source: Share = 0.05,
    null_target: Share = 0.1,
    ambiguity: Share = 0.1,
    context: Literal["previous", "next"] = "previous",
    noise: Share = 0.0,
    seed: int = 0,
    train_gold: bool = False,
) -> Corpus:
    """A corpus with exact links for `dev` and `test` (and `train` with `train_gold`).

    The same arguments give the same corpus. No source sentence of `dev` or `test`
    occurs twice in them or in `train`.

    Args:
      train: sentence pairs to train on.
      dev: pairs of the development set.
      test: pairs of the test set.
      words: word types of the four open categories together; the closed ones and the
        marks add about 20 on either side.
      zipf: a category's word of rank r has weight 1 / r ** zipf; 0 is uniform.
      lengths: shortest and longest source sentence, mark counted, drawn uniformly.
      test_lengths: the same for `test` alone, to ask what happens beyond `lengths`;
        None: as `lengths`.
      reordering: a kind, or the share of sentences of each kind; None: 40 % swaps, 30 %
        verb-final, 30 % long-distance. `monotone` goes word by word; `swaps` puts
        adjectives after their noun, and so do the next two; `verb-final` verbs end
        their clause; in `long-distance` the last clause comes first, or the last phrase
        where there is one clause; `reversal` puts everything backwards.
      one_to_many: share of nouns and verbs (word types) translated by two words, each
        with a sure link.
      many_to_one: share of nouns and verbs that are two source words for one target
        word; the link to the first is sure, to the second, a particle, possible.
      null_source: chance of each source word to be a filler without translation.
      null_target: share of nouns whose translation brings along a word that translates
        nothing; its link to the noun is possible.
      ambiguity: share of open-category words with two translations, of which the class
        of a neighboring source word decides.
      context: which neighbor that is.
      noise: chance of each training target word to be replaced by a random one, which
        has no links. `dev` and `test` stay exact.
      seed: of the lexicon and all sentences.
      train_gold: whether the links of `train` are a gold set too.

    Returns:
      The corpus; its gold sets are "test", "dev" and, with `train_gold`, "train".

    Raises:
      ValueError: for lengths that the lexicon has no sentences of, shares of
        reordering that sum to nothing, and more sentences than there are.
    """
    options = dict(locals())
    asked = repr(options)
    if asked not in _LAST:
        large = train + dev + test >= LARGE
        draw = partial(_draw_corpus, **options)
        corpus = corpus_cache.load_or_draw(asked, draw) if large else draw()
        _LAST.clear()
        _LAST[asked] = corpus
    return _LAST[asked]


def _draw_corpus(
    train: int,
    dev: int,
    test: int,
    words: int,
    zipf: float,
    lengths: tuple[int, int],
    test_lengths: tuple[int, int] | None,
    reordering: str | Mapping[str, float] | None,
    one_to_many: float,
    many_to_one: float,
    null_source: float,
    null_target: float,
    ambiguity: float,
    context: str,
    noise: float,
    seed: int,
    train_gold: bool,
) -> Corpus:
    """The corpus of the arguments of `synthetic`."""
    kinds = _normalized(reordering)
    language = build_language(
        words, zipf, one_to_many, many_to_one, null_target, ambiguity, seed
    )
    shortest = language.shortest
    lengths = _checked_lengths("lengths", lengths, shortest)
    test_lengths = _checked_lengths("test_lengths", test_lengths or lengths, shortest)
    taken: set[tuple[str, ...]] = set()

    def draw(split, count, lengths, noise):
        # A string as seed, so that splits have streams of their own, and more of one
        # changes no other.
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

    # test and dev first: train must avoid their sentences.
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


def _normalized(reordering: str | Mapping[str, float] | None) -> dict[str, float]:
    """The share of each kind of word order, in sum 1."""
    if reordering is None:
        return dict(MIXED)
    kinds = {reordering: 1.0} if isinstance(reordering, str) else dict(reordering)
    total = sum(kinds.values())
    if total <= 0:
        raise ValueError("reordering names no kind with a share above 0")
    return {kind: share / total for kind, share in kinds.items() if share}


def _checked_lengths(name, lengths, least):
    shortest, longest = lengths
    if not least <= shortest <= longest:
        raise ValueError(
            f"{name} is {tuple(lengths)}; give (shortest, longest), at least {least}"
        )
    return shortest, longest
