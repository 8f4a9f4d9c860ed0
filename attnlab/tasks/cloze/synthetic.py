"""Cloze questions made to order: short stories in which one sentence has the answer.

    @entity4 praised @entity1 in oslo on monday . later , @entity1 was warned by
    @entity4 in oslo . on friday , @entity2 praised @entity1 in rome .

    in rome , @entity1 was lauded by @placeholder

The query tells one fact in other words. Others in the story share its verb, its names
or its place, so that no word alone finds the sentence, and who is in it most often is
no answer.
"""

import random
from typing import NamedTuple

from attnlab.tasks.cloze.corpora import PLACEHOLDER, Cloze, ClozeQuestion

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


def synthetic_cloze(
    *,
    train: int = 20_000,
    dev: int = 500,
    test: int = 500,
    facts: tuple[int, int] = (4, 7),
    entities: int = 8,
    synonyms: float = 1.0,
    seed: int = 0,
) -> Cloze:
    """Stories with the sentence that tells the answer known (`ClozeQuestion.support`).

    The same arguments give the same questions; no story of `dev` or `test` is told
    again there or in `train`.

    facts: fewest and most sentences of a story, drawn uniformly.
    entities: the most in one story, at least 3; the fewest are half of that.
    synonyms: the chance of a query to have another verb than the story.

    Raises ValueError naming a knob out of its range.
    """
    for name, count in {"train": train, "dev": dev, "test": test}.items():
        if count < 1:
            raise ValueError(f"{name} is {count}; it must be positive")
    if len(facts) != 2 or not 1 <= facts[0] <= facts[1]:
        raise ValueError(f"facts are {tuple(facts)}; give fewest and most, at least 1")
    if entities < 3:
        raise ValueError(f"entities is {entities}; a story needs at least 3")
    if not 0.0 <= synonyms <= 1.0:
        raise ValueError(f"synonyms is {synonyms}; it must be in [0, 1]")
    taken: set[tuple[str, ...]] = set()

    def draw(split: str, count: int) -> list[ClozeQuestion]:
        rng = random.Random(f"attnlab cloze {seed} {split}")
        found, misses = [], 0
        while len(found) < count:
            name = f"{split} {len(found)}"
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
            if split != "train":
                taken.add(question.passage)
            found.append(question)
        return found

    held = {"test": draw("test", test), "dev": draw("dev", dev)}
    return Cloze(
        "synthetic",
        train=draw("train", train),
        **held,
        about="Generated stories; where the answer is told is known.",
    )


def _question(name, rng, facts, entities, synonyms) -> ClozeQuestion | None:
    """A story and a question that one answer fits; None where the draw has none."""
    size = rng.randint(max(3, entities // 2), entities)
    cast = rng.sample([f"@entity{n}" for n in range(entities)], size)
    verbs = rng.sample(sorted(VERBS), FEW)
    places, days = rng.sample(PLACES, FEW), rng.sample(DAYS, FEW)
    story = [
        Fact(subject, rng.choice(verbs), other, rng.choice(places), rng.choice(days))
        for subject, other in (rng.sample(cast, 2) for _ in range(rng.randint(*facts)))
    ]
    at = rng.randrange(len(story))
    fact, hidden = story[at], rng.choice(("subject", "object"))
    answer = getattr(fact, hidden)
    told = rng.choice(("place", "day"))
    for cues in ((), (told,), ("place", "day")):
        shown = {"verb", "subject", "object", *cues} - {hidden}
        fits = [one for one in story if all(_same(one, fact, cue) for cue in shown)]
        if all(getattr(one, hidden) == answer for one in fits):
            break
    else:
        return None
    if len(fits) > 1:  # told twice: which of the two sentences is the support?
        return None

    passage: list[str] = []
    support: tuple[int, ...] = ()
    for number, one in enumerate(story):
        words = _sentence(one, rng)
        if number == at:
            support = tuple(range(len(passage), len(passage) + len(words)))
        passage += words
    query = _query(fact, hidden, cues, rng.random() < synonyms, rng)
    where = tuple(position for position in support if passage[position] == answer)
    return ClozeQuestion(
        name, tuple(passage), tuple(query), answer, support=support, told=where
    )


def _same(one: Fact, other: Fact, part: str) -> bool:
    return getattr(one, part) == getattr(other, part)


def _sentence(fact: Fact, rng: random.Random) -> list[str]:
    """A fact as the story tells it: in many orders, and with words that say nothing."""
    tail = ["in", fact.place, "on", fact.day]
    front = [*tail[2:], ","] if rng.random() < 0.3 else []
    if front:
        tail = tail[:2]
    elif rng.random() < 0.3:
        front = rng.choice(OPENERS).split()
    return [*front, *_clause(fact, fact.verb, rng), *tail, "."]


def _query(fact: Fact, hidden: str, cues, synonym: bool, rng) -> list[str]:
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
