"""Word salad with planted evidence: a class, and the words that decide it.

    the plot hardly ever boring with a reportedly superb score ...     positive

Cues speak for a class. A negator before a cue turns it round, a rumour before it voids
it, each with at most `gap` fillers between. So neither the cues alone nor the order
alone decide, and where to look is known: at the cues that count, and their negators.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from attnlab.tasks.classification.records import SENTIMENTS, Labeled, LabeledSentence

CUES = (
    "bad awful dull boring clumsy tedious lifeless shallow sloppy stale".split(),
    "good great fine superb charming clever moving funny brilliant fresh".split(),
)
NEGATORS = "not never hardly".split()
RUMOURS = "reportedly supposedly allegedly".split()
FILLERS = (
    "the a of film and in it with plot this scene actor that story to script at "
    "director on she cast he an from summer music ending as score city their for "
    "camera dialogue night war into family his about crime budget over hero sequel by "
    "decade her train village studio winter after island before season under poster"
).split()


class Knobs(NamedTuple):
    """See `evidence`."""

    lengths: tuple[int, int]
    cues: int
    decoys: int
    negated: float
    stray: float
    gap: int
    zipf: float


def evidence(
    *,
    train: int = 6_000,
    dev: int = 500,
    test: int = 1_000,
    lengths: tuple[int, int] = (8, 30),
    test_lengths: tuple[int, int] | None = None,
    cues: int = 2,
    decoys: int = 2,
    negated: float = 0.4,
    stray: float = 0.5,
    gap: int = 1,
    zipf: float = 0.5,
    seed: int = 0,
) -> Labeled:
    """Sentences of two classes with their evidence; the same arguments, the same text.

    No sentence of `dev` or `test` occurs twice in them or in `train`.

    lengths: shortest and longest sentence, drawn uniformly. test_lengths: of `test`.
    cues: a sentence has 1 to so many cues that count, all for its class.
    decoys: and 0 to so many voided ones, each for either class.
    negated: chance of a cue that counts to be one of the other class, turned round.
    stray: chance of a sentence to hold a negator with no cue in its reach.
    gap: fillers between a negator or a rumour and its cue, at most.
    zipf: the filler of rank r has weight 1 / r ** zipf.

    Raises ValueError naming a knob out of its range.
    """
    for name, count in {"train": train, "dev": dev, "test": test}.items():
        if count < 1:
            raise ValueError(f"{name} is {count}; it must be positive")
    for name, share in {"negated": negated, "stray": stray}.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}; it must be in [0, 1]")
    for name, least, number in (
        ("cues", 1, cues),
        ("decoys", 0, decoys),
        ("gap", 0, gap),
        ("zipf", 0, zipf),
    ):
        if number < least:
            raise ValueError(f"{name} is {number}; it must be at least {least}")
    knobs = Knobs(lengths, cues, decoys, negated, stray, gap, zipf)
    longest = (cues + decoys + 1) * (gap + 2)
    for name, pair in {"lengths": lengths, "test_lengths": test_lengths}.items():
        if pair is not None and not 0 < pair[0] <= pair[1] >= longest:
            raise ValueError(
                f"{name} is {tuple(pair)}; give (shortest, longest), the longest at "
                f"least {longest}: so many words have cues, decoys and markers"
            )
    taken: set[tuple[str, ...]] = set()

    def draw(split: str, count: int, knobs: Knobs) -> list[LabeledSentence]:
        rng = random.Random(f"evidence {seed} {split}")
        examples = []
        while len(examples) < count:
            example = make_example(rng, knobs)
            if example.words not in taken:
                examples.append(example)
                if split != "train":
                    taken.add(example.words)
        return examples

    tested = draw("test", test, knobs._replace(lengths=test_lengths or lengths))
    return Labeled(
        name="evidence",
        test=tested,
        dev=draw("dev", dev, knobs),
        train=draw("train", train, knobs),
        classes=SENTIMENTS[2],
        about="Generated word salad with planted evidence; every class is exact.",
    )


def make_example(rng: random.Random, knobs: Knobs) -> LabeledSentence:
    """A sentence, its class, and the positions that decide it."""
    label = rng.randrange(2)
    phrases = [_cue(rng, knobs, label) for _ in range(rng.randint(1, knobs.cues))] + [
        _decoy(rng, knobs) for _ in range(rng.randint(0, knobs.decoys))
    ]
    if rng.random() < knobs.stray:
        phrases.append([rng.choice(NEGATORS), *_fillers(rng, knobs, knobs.gap + 1)])
    rng.shuffle(phrases)
    used = sum(map(len, phrases))
    room = max(rng.randint(*knobs.lengths) - used, 0)
    before = sorted(rng.randint(0, room) for _ in phrases)  # fillers before each phrase
    fillers = _fillers(rng, knobs, room)
    words: list[str] = []
    for start, end, phrase in zip([0, *before], before, phrases, strict=False):
        words += [*fillers[start:end], *phrase]
    words += fillers[before[-1] :]
    _, decided = judged(words, knobs.gap)  # the rule, read off the words
    return LabeledSentence(tuple(words), label, decided)


def judged(words: Sequence[str], gap: int) -> tuple[int | None, frozenset[int]]:
    """(class, evidence) of words by the rule; class None if no cue counts.

    The cues that count must all speak for one class; a ValueError where they do not.
    """
    classes, decided = set(), set()
    marker, distance = None, 0  # of the last negator or rumour that has no cue yet
    for place, word in enumerate(words):
        if word in NEGATORS or word in RUMOURS:
            marker, distance = place, 0
            continue
        polarity = next((c for c, cues in enumerate(CUES) if word in cues), None)
        if polarity is None:
            distance += 1
            continue
        if marker is None or distance > gap:
            classes.add(polarity)
            decided.add(place)
        elif words[marker] in NEGATORS:
            classes.add(1 - polarity)
            decided |= {place, marker}
        marker = None
    if len(classes) > 1:
        raise ValueError(f"cues for both classes: {' '.join(words)!r}")
    return next(iter(classes), None), frozenset(decided)


def _cue(rng: random.Random, knobs: Knobs, label: int) -> list[str]:
    if rng.random() < knobs.negated:
        return _governed(rng, knobs, NEGATORS, 1 - label)
    return [rng.choice(CUES[label])]


def _decoy(rng: random.Random, knobs: Knobs) -> list[str]:
    return _governed(rng, knobs, RUMOURS, rng.randrange(2))


def _governed(rng, knobs: Knobs, markers: Sequence[str], polarity: int) -> list[str]:
    between = _fillers(rng, knobs, rng.randint(0, knobs.gap))
    return [rng.choice(markers), *between, rng.choice(CUES[polarity])]


def _fillers(rng: random.Random, knobs: Knobs, count: int) -> list[str]:
    weights = [1 / rank**knobs.zipf for rank in range(1, len(FILLERS) + 1)]
    return rng.choices(FILLERS, weights, k=count)
