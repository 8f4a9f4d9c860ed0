"""The words of the synthetic languages: drawn by rank, translated by rule.

A source word is a bare stem (`bal`), its translation the stem with an ending (`balo`),
so that a person sees at a glance whether an alignment is right; models see numbers.
"""

import random
from itertools import accumulate
from typing import NamedTuple

CONTENT = {"noun": 0.45, "verb": 0.25, "adjective": 0.2, "adverb": 0.1}
"""Share of `words` in each open category."""

ENDINGS = {  # of a translation: first sense, second sense
    "noun": ("o", "ur"),
    "verb": ("en", "ut"),
    "adjective": ("i", "im"),
    "adverb": ("e", "es"),
}
CLOSED = {
    "determiner": {"al": "la", "el": "le", "il": "li"},
    "preposition": {"ad": "da", "ed": "de", "id": "di", "od": "do"},
    "conjunction": {"ak": "ka", "ek": "ke", "ik": "ki"},
}
FILLERS = ("ah", "eh", "oh")  # source words that nothing translates
PARTICLES = ("ap", "ep", "ip")  # second source word of a many-to-one expression
SECONDS = ("pa", "pe", "pi")  # second target word of a one-to-many translation
EXTRAS = ("na", "ne", "ni")  # target words that translate nothing


class Word(NamedTuple):
    """A word and its translations; `extra` follows them and translates nothing."""

    source: tuple[str, ...]
    senses: tuple[tuple[str, ...], tuple[str, ...]]
    extra: tuple[str, ...] = ()


class Language(NamedTuple):
    """Words and cumulative weights of each category; the class, 0 or 1, of each source
    word, which decides the sense of an ambiguous neighbor; the source words of the
    shortest sentence: a noun, a verb and the mark."""

    words: dict[str, list[Word]]
    weights: dict[str, list[float]]
    classes: dict[str, int]
    shortest: int


def build_language(
    words: int,
    zipf: float,
    one_to_many: float,
    many_to_one: float,
    null_target: float,
    ambiguity: float,
    seed: int,
) -> Language:
    """The lexicon of a synthetic language pair.

    What a share concerns is spread evenly over the ranks of a category, so that it
    concerns about the same share of running words.

    Args:
      words: types of the open categories together.
      zipf: a category's word of rank r has weight 1 / r ** zipf.
      one_to_many: share of nouns and verbs translated by two words.
      many_to_one: share of nouns and verbs that are two source words.
      null_target: share of nouns with a word behind their translation.
      ambiguity: share of words with two translations.
      seed: of the stems.

    Returns:
      The words, their weights and their classes.

    Raises:
      ValueError: for more words than stems can be formed.
    """
    stems = iter(_stems(words, random.Random(f"attnlab {seed} stems")))
    lexicon: dict[str, list[Word]] = {}
    for category, size in _sizes(words).items():
        first, second = ENDINGS[category]
        doubles = category in ("noun", "verb")
        lexicon[category] = []
        for rank in range(size):
            stem = next(stems)
            source = (stem,)
            # Offsets differ, so that equal shares do not concern the same words.
            if doubles and _concerns(many_to_one, rank, 0.3):
                source = (stem, PARTICLES[rank % 3])
            tail = ()
            if doubles and _concerns(one_to_many, rank, 0.6):
                tail = (SECONDS[rank % 3],)
            # Without ambiguity both senses are one word.
            other = second if _concerns(ambiguity, rank, 0.5) else first
            extra = ()
            if category == "noun" and _concerns(null_target, rank, 0.1):
                extra = (EXTRAS[rank % 3],)
            senses = ((stem + first, *tail), (stem + other, *tail))
            lexicon[category].append(Word(source, senses, extra))
    for category, translations in CLOSED.items():
        lexicon[category] = [
            Word((source,), ((target,), (target,)))
            for source, target in translations.items()
        ]
    # Without words in either sense, so nothing in the target links to it.
    lexicon["filler"] = [Word((filler,), ((), ())) for filler in FILLERS]
    weights = {
        category: list(
            accumulate((rank + 1.0) ** -zipf for rank in range(len(entries)))
        )
        for category, entries in lexicon.items()
    }
    classes: dict[str, int] = {}
    for entries in lexicon.values():
        # In turns by rank, so that frequent words are of both classes.
        classes |= {entry.source[0]: rank % 2 for rank, entry in enumerate(entries)}
    classes |= {particle: rank % 2 for rank, particle in enumerate(PARTICLES)}
    shortest = 1 + sum(
        min(len(word.source) for word in lexicon[kind]) for kind in ("noun", "verb")
    )
    return Language(lexicon, weights, classes, shortest)


def _concerns(share, rank, offset):
    """True for an evenly spaced `share` of the ranks."""
    # Bresenham's line: ranks are chosen at even distances, at any share.
    return int((rank + 1) * share + offset) > int(rank * share + offset)


def _sizes(words):
    sizes = {category: round(share * words) for category, share in CONTENT.items()}
    sizes["noun"] += words - sum(sizes.values())  # what rounding has lost or added
    return sizes


def _stems(count, rng):
    """`count` different stems, one syllable where there are enough of them."""
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    syllables = [a + b + c for a in consonants for b in vowels for c in consonants]
    if count > len(syllables):
        syllables = [
            a + b + stem for a in consonants for b in vowels for stem in syllables
        ]
    if count > len(syllables):
        raise ValueError(f"words is {count}; at most {len(syllables)} can be formed")
    # Without replacement, so that no two words share a stem.
    return rng.sample(syllables, count)
