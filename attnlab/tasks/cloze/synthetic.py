"""Cloze questions made to order: short stories in which one sentence has the answer.

    @entity4 praised @entity1 in oslo on monday . later , @entity1 was warned by
    @entity4 in oslo . on friday , @entity2 praised @entity1 in rome .

    in rome , @entity1 was lauded by @placeholder

The query tells one fact in other words. Others in the story share its verb, its names
or its place, so that no word alone finds the sentence, and who is in it most often is
no answer.
"""

import random
from collections.abc import Collection, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field, validate_call

from attnlab.settings import Examples, Range, Share
from attnlab.tasks.cloze.questions import PLACEHOLDER, Cloze, ClozeQuestion

VERBS = {  # in the story: in the query
    "praised": "lauded",
    "criticised": "blamed",
    "phoned": "called",
    "warned": "cautioned",
    "hired": "employed",
    "invited": "welcomed",
    "helped": "assisted",
    "defeated": "routed",
    "arrested": "detained",
    "followed": "trailed",
    "rescued": "saved",
    "questioned": "interviewed",
}
PLACES = ("oslo", "rome", "cairo", "lima", "delhi", "quito", "paris", "dakar")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OPENERS = ("later ,", "meanwhile ,", "officials said", "a report said", "again ,")
FEW = 3  # verbs, places and days of a story: so that its facts share them
PATIENCE = 1_000  # stories without a question in a row, before there seems to be none


class Fact(NamedTuple):
    """Who did what to whom, where and when."""

    subject: str
    verb: str
    object: str
    place: str
    day: str


@validate_call
def synthetic_cloze(
    *,
    train: Examples = 20_000,
    dev: Examples = 500,
    test: Examples = 500,
    facts: Range = (4, 7),
    entities: Annotated[int, Field(ge=3)] = 8,
    synonyms: Share = 1.0,
    seed: int = 0,
) -> Cloze:
    """Generated stories; the sentence that tells the answer is `ClozeQuestion.support`.

    The same arguments give the same questions; no story of dev or test occurs again
    there or in train.

    Args:
      train, dev, test: questions of each split.
      facts: fewest and most sentences of a story, drawn uniformly.
      entities: names of a story, at most; at least half as many.
      synonyms: share of queries with another verb than the story.
      seed: of the stories.

    Returns:
      The questions.

    Raises:
      ValueError: for an argument out of its range, and where there are too few stories.
    """
    taken: set[tuple[str, ...]] = set()

    def draw(split: str, count: int) -> list[ClozeQuestion]:
        rng = random.Random(f"attnlab cloze {seed} {split}")
        questions, misses = [], 0
        while len(questions) < count:
            name = f"{split} {len(questions)}"
            question = _question(name, rng, facts, entities, synonyms)
            if question is None or question.passage in taken:
                misses += 1
                if misses == PATIENCE:
                    raise ValueError(
                        f"cannot find {count} stories for {split}: facts {facts} of "
                        f"{entities} entities allow too few"
                    )
                continue
            misses = 0
            # Training stories may repeat; those that are tested are seen once.
            if split != "train":
                taken.add(question.passage)
            questions.append(question)
        return questions

    # Test and dev first: training stories avoid theirs, however many there are.
    held_out = {"test": draw("test", test), "dev": draw("dev", dev)}
    return Cloze(
        "synthetic",
        train=draw("train", train),
        **held_out,
        about="Generated stories; where the answer is told is known.",
    )


def _question(
    name: str,
    rng: random.Random,
    facts: tuple[int, int],
    entities: int,
    synonyms: float,
) -> ClozeQuestion | None:
    """A story and a question that one answer fits; None where the draw has none."""
    # At least half of the names: few make the answer easy to guess.
    size = rng.randint(max(3, entities // 2), entities)
    cast = rng.sample([f"@entity{n}" for n in range(entities)], size)
    # Sorted: the order of a set or dict must not decide what is drawn.
    verbs = rng.sample(sorted(VERBS), FEW)
    places, days = rng.sample(PLACES, FEW), rng.sample(DAYS, FEW)
    story = [
        Fact(subject, rng.choice(verbs), other, rng.choice(places), rng.choice(days))
        for subject, other in (rng.sample(cast, 2) for _ in range(rng.randint(*facts)))
    ]
    at = rng.randrange(len(story))
    fact, hidden = story[at], rng.choice(("subject", "object"))
    answer = getattr(fact, hidden)
    first_cue = rng.choice(("place", "day"))
    # As few cues as leave one answer.
    for cues in ((), (first_cue,), ("place", "day")):
        parts = {"verb", "subject", "object", *cues} - {hidden}
        fits = [other for other in story if _agree(other, fact, parts)]
        if all(getattr(other, hidden) == answer for other in fits):
            break
    else:
        return None
    if len(fits) > 1:  # told twice: which of the two sentences is the support?
        return None

    passage: list[str] = []
    support: tuple[int, ...] = ()
    for number, event in enumerate(story):
        words = _sentence(event, rng)
        if number == at:
            support = tuple(range(len(passage), len(passage) + len(words)))
        passage += words
    query = _query(fact, hidden, cues, rng.random() < synonyms, rng)
    return ClozeQuestion(
        name,
        tuple(passage),
        tuple(query),
        answer,
        support=support,
        support_answer=tuple(s for s in support if passage[s] == answer),
    )


def _agree(fact: Fact, other: Fact, parts: Collection[str]) -> bool:
    return all(getattr(fact, part) == getattr(other, part) for part in parts)


def _sentence(fact: Fact, rng: random.Random) -> list[str]:
    """A fact as the story tells it: in many orders, and with words that say nothing."""
    tail = ["in", fact.place, "on", fact.day]
    front = [*tail[2:], ","] if rng.random() < 0.3 else []
    if front:
        tail = tail[:2]
    elif rng.random() < 0.3:
        front = rng.choice(OPENERS).split()
    return [*front, *_clause(fact, fact.verb, rng), *tail, "."]


def _query(
    fact: Fact, hidden: str, cues: Sequence[str], synonym: bool, rng: random.Random
) -> list[str]:
    """The fact in other words, `@placeholder` for one of the two, with the cues."""
    fact = fact._replace(**{hidden: PLACEHOLDER})
    verb = VERBS[fact.verb] if synonym else fact.verb
    front = ["in", fact.place, ","] if "place" in cues else []
    tail = ["on", fact.day] if "day" in cues else []
    return [*front, *_clause(fact, verb, rng), *tail]


def _clause(fact: Fact, verb: str, rng: random.Random) -> list[str]:
    """Active or passive."""
    if rng.random() < 0.5:
        return [fact.subject, verb, fact.object]
    return [fact.object, "was", verb, "by", fact.subject]
