"""A small synchronous grammar: sentences of two languages with every link known.

A sentence is one or more clauses and a closing mark:

    clause = [conjunction] [adverb] phrase verb [phrase] [preposition phrase]
    phrase = [determiner] [adjective] noun

All that the target has follows from the source: the mark at the end (`.` `?` `!` `;`
`:`) says how the target is ordered, and a neighbor's class says which translation an
ambiguous word has.
"""

import random
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from attnlab.text.lexicon import Language, Word
from attnlab.text.pairs import GoldPair

MARKS = {
    "monotone": ";",
    "swaps": ".",
    "verb-final": "?",
    "long-distance": "!",
    "reversal": ":",
}
"""The kinds of target order, and the mark that closes a sentence of each kind."""

EXPANSIONS = {  # how a sentence grows to its length: relative frequencies
    "determiner": 4,
    "adjective": 3,
    "adverb": 1,
    "phrase": 3,
    "clause": 2,
}


@dataclass(eq=False, slots=True)
class Token:
    """A word in a sentence; `at` is the position of its first source word."""

    word: Word
    at: int = -1


@dataclass(slots=True)
class Phrase:
    noun: Token
    preposition: Token | None = None
    determiner: Token | None = None
    adjectives: list[Token] = field(default_factory=list)

    def tokens(self, swapped: bool) -> list[Token]:
        """The words of the phrase in their order.

        Args:
          swapped: adjectives follow their noun.

        Returns:
          Its tokens.
        """
        first = [token for token in (self.preposition, self.determiner) if token]
        if swapped:
            return [*first, self.noun, *self.adjectives]
        return [*first, *self.adjectives, self.noun]


@dataclass(slots=True)
class Clause:
    subject: Phrase
    verb: Token
    conjunction: Token | None = None
    adverb: Token | None = None
    phrases: list[Phrase] = field(default_factory=list)


def kind_of(source: tuple[str, ...]) -> str:
    """The kind of target order that a source sentence asks for, read off its mark.

    Args:
      source: its words.

    Returns:
      One of MARKS.

    Raises:
      ValueError: where it does not end in a mark.
    """
    for kind, mark in MARKS.items():
        if source and source[-1] == mark:
            return kind
    raise ValueError(f"no synthetic sentence: {' '.join(source)!r} ends in no mark")


def make_pair(
    language: Language,
    lengths: tuple[int, int],
    kinds: Mapping[str, float],
    null_source: float,
    context: str,
    rng: random.Random,
) -> GoldPair:
    """One sentence, its translation and their links.

    Args:
      language: the lexicon.
      lengths: the fewest and most source words, from `language.shortest` on.
      kinds: share of sentences of each kind of target order.
      null_source: chance of a source word to be a filler without translation.
      context: "previous" or "next" word, whose class decides an ambiguous one.
      rng: drives all that is drawn.

    Returns:
      The pair, all its links exact.
    """
    size = rng.randint(*lengths)
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    # The shortest clause must fit in, so only the words beyond it can be fillers.
    fillers = sum(rng.random() < null_source for _ in range(size - language.shortest))
    clauses = _grow(language, size - 1 - fillers, rng)
    mark = Token(Word((MARKS[kind],), ((MARKS[kind],), (MARKS[kind],))))
    spoken = [*_source_order(clauses), mark]
    for _ in range(fillers):
        filler = _draw(language, "filler", rng)
        spoken.insert(rng.randrange(len(spoken)), filler)  # never behind the mark
    source: list[str] = []
    for token in spoken:
        # Set here, after the fillers: they move all that follows.
        token.at = len(source)
        source.extend(token.word.source)
    rows = []  # (target word, sure source positions, possible ones)
    for token in [*_target_order(clauses, kind), mark]:
        sense = _sense(token, source, language, context)
        places = range(token.at, token.at + len(token.word.source))
        # Sure is the stem alone; its particle, the second word, is only possible.
        rows += [(word, places[:1], places) for word in token.word.senses[sense]]
        # An extra word translates nothing: its link to the noun is only possible.
        rows += [(word, (), places[:1]) for word in token.word.extra]
    # Reversed word by word, so words of one translation are reversed too.
    if kind == "reversal":
        rows.reverse()
    return GoldPair(
        tuple(source),
        tuple(word for word, _, _ in rows),
        frozenset((t, s) for t, row in enumerate(rows) for s in row[1]),
        frozenset((t, s) for t, row in enumerate(rows) for s in row[2]),
    )


def add_noise(
    pair: GoldPair, language: Language, noise: float, rng: random.Random
) -> GoldPair:
    """A pair with some target words replaced by a random noun's translation.

    Args:
      pair: with its links.
      language: the lexicon.
      noise: chance of each target word but the mark, in [0, 1].
      rng: drives what is replaced.

    Returns:
      The pair, without the links of words that were replaced.
    """
    target = list(pair.target)
    marks = set(MARKS.values())
    for t, word in enumerate(target):
        # Marks are spared: they say the order of the target.
        if word not in marks and rng.random() < noise:
            target[t] = _draw(language, "noun", rng).word.senses[0][0]
    # A word may be drawn to replace itself, and then its links hold.
    changed = {t for t, word in enumerate(pair.target) if word != target[t]}
    return GoldPair(
        pair.source,
        tuple(target),
        frozenset(link for link in pair.sure if link[0] not in changed),
        frozenset(link for link in pair.possible if link[0] not in changed),
    )


def _grow(language, room, rng):
    """Clauses of `room` source words together."""
    clauses, used = [], room + 1
    while used > room:  # two-word nouns and verbs may not fit a short sentence
        clause = Clause(_phrase(language, rng), _draw(language, "verb", rng))
        clauses, used = [clause], _cost(clause)
    names, weights = list(EXPANSIONS), list(accumulate(EXPANSIONS.values()))
    misses = 0
    while used < room:
        name = names[bisect(weights, rng.random() * weights[-1])]
        clause = rng.choice(clauses)
        phrase = rng.choice([clause.subject, *clause.phrases])
        left = room - used
        before = used
        if misses > 20:  # nothing else fits: adjectives always do
            phrase.adjectives.append(_draw(language, "adjective", rng))
            used += 1
        elif name == "determiner" and not phrase.determiner:
            phrase.determiner = _draw(language, "determiner", rng)
            used += 1
        elif name == "adjective" and not phrase.adjectives:
            phrase.adjectives.append(_draw(language, "adjective", rng))
            used += 1
        elif name == "adverb" and not clause.adverb:
            clause.adverb = _draw(language, "adverb", rng)
            used += 1
        elif name == "phrase" and len(clause.phrases) < 2:
            added = _phrase(language, rng)
            if clause.phrases:  # after the object, phrases have a preposition
                added.preposition = _draw(language, "preposition", rng)
            cost = sum(len(token.word.source) for token in added.tokens(False))
            if cost <= left:
                clause.phrases.append(added)
                used += cost
        elif name == "clause":
            added = Clause(_phrase(language, rng), _draw(language, "verb", rng))
            added.conjunction = _draw(language, "conjunction", rng)
            if _cost(added) <= left:
                clauses.append(added)
                used += _cost(added)
        # Misses in a row: after any success something else may fit again.
        misses = 0 if used > before else misses + 1
    return clauses


def _source_order(clauses):
    order = []
    for clause in clauses:
        order += [token for token in (clause.conjunction, clause.adverb) if token]
        order += [*clause.subject.tokens(False), clause.verb]
        for phrase in clause.phrases:
            order += phrase.tokens(False)
    return order


def _target_order(clauses, kind):
    """The tokens as the target has them; `reversal` is monotone here, turned later."""
    if kind in ("monotone", "reversal"):
        return _source_order(clauses)
    parts = [_clause_parts(clause, kind) for clause in clauses]
    if kind == "long-distance":
        if len(parts) > 1:
            parts = parts[-1:] + parts[:-1]  # the last clause comes first
        else:
            # One clause: its last phrase (or verb) moves to the front instead.
            parts = [parts[0][-1:] + parts[0][:-1]]
    return [token for part in parts for phrase in part for token in phrase]


def _clause_parts(clause, kind):
    """A clause's phrases and its verb in target order, each a list of tokens."""
    opening = [token for token in (clause.conjunction, clause.adverb) if token]
    subject = clause.subject.tokens(swapped=True)
    phrases = [phrase.tokens(swapped=True) for phrase in clause.phrases]
    if kind == "verb-final":
        return [opening, subject, *phrases, [clause.verb]]
    return [opening, subject, [clause.verb], *phrases]


def _sense(token, source, language, context):
    """0 or 1: the class of the word beside the token; 0 for a mark and at the edge."""
    beside = (
        token.at - 1 if context == "previous" else token.at + len(token.word.source)
    )
    if not 0 <= beside < len(source):
        return 0
    return language.classes.get(source[beside], 0)  # marks have no class


def _draw(language, category, rng):
    weights = language.weights[category]
    rank = bisect(weights, rng.random() * weights[-1])
    return Token(language.words[category][rank])


def _phrase(language, rng):
    return Phrase(_draw(language, "noun", rng))


def _cost(clause):
    return sum(len(token.word.source) for token in _source_order([clause]))
