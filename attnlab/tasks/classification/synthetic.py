"""Word salad with planted evidence: a class, and the words that decide it.

    the plot hardly ever boring with a reportedly superb score ...     positive

Cues speak for a class. A negator before a cue turns it round, a rumour before it voids
it, each with at most `gap` fillers between. So neither the cues alone nor the order
alone decide, and where to look is known: at the cues that count, and their negators.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import validate_call

from attnlab.settings import Count, Examples, NonNegative, Range, Share, Size
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


class EvidenceOptions(NamedTuple):
    """How sentences are made: arguments of `evidence`."""

    lengths: tuple[int, int]
    cues: int
    decoys: int
    negated: float
    stray: float
    gap: int
    zipf: float


@validate_call
def evidence(
    *,
    train: Examples = 6_000,
    dev: Examples = 500,
    test: Examples = 1_000,
    lengths: Range = (8, 30),
    test_lengths: Range | None = None,
    cues: Count = 2,
    decoys: Size = 2,
    negated: Share = 0.4,
    stray: Share = 0.5,
    gap: Size = 1,
    zipf: NonNegative = 0.5,
    seed: int = 0,
) -> Labeled:
    """Sentences of two classes with their evidence; the same arguments, the same text.

    No sentence of `dev` or `test` occurs twice in them or in `train`.

    Args:
      train: training sentences.
      dev: sentences of the development set.
      test: sentences of the test set.
      lengths: shortest and longest sentence, drawn uniformly.
      test_lengths: the same of the test set; none: as the others.
      cues: a sentence has 1 to so many cues that count, all for its class.
      decoys: and 0 to so many voided ones, each for either class.
      negated: chance of a cue that counts to be one of the other class, turned round.
      stray: chance of a sentence to hold a negator with no cue in its reach.
      gap: fillers between a negator or a rumour and its cue, at most.
      zipf: the filler of rank r has weight 1 / r ** zipf.
      seed: of the text.

    Returns:
      The corpus, of two classes.

    Raises:
      ValueError: where sentences cannot be long enough for their cues.
    """
    options = EvidenceOptions(lengths, cues, decoys, negated, stray, gap, zipf)
    longest = (cues + decoys + 1) * (gap + 2)
    for name, pair in {"lengths": lengths, "test_lengths": test_lengths}.items():
        if pair is not None and pair[1] < longest:
            raise ValueError(
                f"{name} is {pair}; the longest must be at least {longest}: so many "
                "words have cues, decoys and markers"
            )
    taken: set[tuple[str, ...]] = set()

    def draw(split: str, count: int, options: EvidenceOptions) -> list[LabeledSentence]:
        rng = random.Random(f"evidence {seed} {split}")
        examples = []
        while len(examples) < count:
            example = make_example(rng, options)
            if example.words not in taken:
                examples.append(example)
                if split != "train":
                    taken.add(example.words)
        return examples

    longer = options._replace(lengths=test_lengths or lengths)
    # The test set is drawn first, so that it stays the same whatever the others are.
    return Labeled(
        name="evidence",
        test=draw("test", test, longer),
        dev=draw("dev", dev, options),
        train=draw("train", train, options),
        classes=SENTIMENTS[2],
        about="Generated word salad with planted evidence; every class is exact.",
    )


def make_example(rng: random.Random, options: EvidenceOptions) -> LabeledSentence:
    """A sentence, its class, and the positions that decide it.

    Args:
      rng: of the corpus.
      options: how sentences are made.

    Returns:
      The sentence.
    """
    label = rng.randrange(2)
    phrases = [
        _cue(rng, options, label) for _ in range(rng.randint(1, options.cues))
    ] + [_decoy(rng, options) for _ in range(rng.randint(0, options.decoys))]
    if rng.random() < options.stray:
        phrases.append([rng.choice(NEGATORS), *_fillers(rng, options, options.gap + 1)])
    rng.shuffle(phrases)
    used = sum(map(len, phrases))
    room = max(rng.randint(*options.lengths) - used, 0)
    before = sorted(rng.randint(0, room) for _ in phrases)  # fillers before each phrase
    fillers = _fillers(rng, options, room)
    words: list[str] = []
    for start, end, phrase in zip([0, *before], before, phrases, strict=False):
        words += [*fillers[start:end], *phrase]
    words += fillers[before[-1] :]
    _, decided = class_by_rule(words, options.gap)  # the rule, read off the words
    return LabeledSentence(tuple(words), label, decided)


def class_by_rule(words: Sequence[str], gap: int) -> tuple[int | None, frozenset[int]]:
    """The class of a sentence by the rule, read off its words.

    Args:
      words: the sentence.
      gap: fillers between a negator or a rumour and its cue, at most.

    Returns:
      The class, None where no cue counts; the positions of the words that decide it.

    Raises:
      ValueError: where the cues that count speak for both classes.
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


def _cue(rng: random.Random, options: EvidenceOptions, label: int) -> list[str]:
    if rng.random() < options.negated:
        return _governed(rng, options, NEGATORS, 1 - label)
    return [rng.choice(CUES[label])]


def _decoy(rng: random.Random, options: EvidenceOptions) -> list[str]:
    return _governed(rng, options, RUMOURS, rng.randrange(2))


def _governed(
    rng: random.Random, options: EvidenceOptions, markers: Sequence[str], polarity: int
) -> list[str]:
    between = _fillers(rng, options, rng.randint(0, options.gap))
    return [rng.choice(markers), *between, rng.choice(CUES[polarity])]


def _fillers(rng: random.Random, options: EvidenceOptions, count: int) -> list[str]:
    weights = [1 / rank**options.zipf for rank in range(1, len(FILLERS) + 1)]
    return rng.choices(FILLERS, weights, k=count)
