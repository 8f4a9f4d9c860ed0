"""Stories made to order: people who walk about and carry things, in bAbI's manner.

Where a person is follows from one sentence, the person's last move. Where a thing is
follows from two: who took or dropped it last, and that person's last move until then
(until now, if it is still carried). So the sentences that support an answer are known.
"""

import random
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, validate_call

from attnlab.settings import Examples, ascending
from attnlab.tasks.memn2n.batches import Sentence, Stories, StoryQuestion

PEOPLE = ("mary", "john", "sandra", "daniel", "fred", "julie")
PLACES = ("kitchen", "garden", "office", "bathroom", "hallway", "bedroom")
THINGS = ("football", "apple", "milk")
MOVES = ("went to", "moved to", "walked to")
TAKES = ("took", "grabbed")
DROPS = ("dropped", "left")
KINDS = ("1", "2")  # supporting facts
PATIENCE = 1_000  # stories in a row that do not serve


def _kinds(facts: str) -> list[str]:
    return [kind.strip() for kind in facts.split(",")]


def _are_kinds(facts: str) -> str:
    if not set(_kinds(facts)) <= set(KINDS):
        raise ValueError("choose '1', '2', '1,2'")
    return facts


# Shorter stories hardly ever allow a question with two supporting facts.
Length = Annotated[int, Field(ge=3)]


@validate_call
def stories(
    *,
    facts: Annotated[str, AfterValidator(_are_kinds)] = "1,2",
    train: Examples = 4_000,
    dev: Examples = 200,
    test: Examples = 500,
    sentences: Annotated[tuple[Length, Length], AfterValidator(ascending)] = (4, 12),
    people: Annotated[int, Field(ge=1, le=len(PEOPLE))] = 4,
    seed: int = 0,
) -> Stories:
    """Generated stories with questions about them; the same arguments, the same text.

    No question of `dev` or `test` occurs twice in them or in `train`.

    Args:
      facts: supporting facts of a question: 1, 2, or "1,2" for a mixture.
      train: training questions.
      dev: questions of the development set.
      test: questions of the test set.
      sentences: shortest and longest story, drawn uniformly.
      people: how many walk about, the more the harder.
      seed: of the text.

    Returns:
      The corpus.

    Raises:
      ValueError: where so few words do not allow so many different questions.
    """
    taken: set[tuple] = set()
    least, most = sentences

    def draw(split: str, count: int) -> list[StoryQuestion]:
        rng = random.Random(f"attnlab stories {seed} {split}")
        questions: list[StoryQuestion] = []
        misses = 0
        while len(questions) < count:
            kind = rng.choice(_kinds(facts))
            question = _question(rng, kind, rng.randint(least, most), PEOPLE[:people])
            if question is None or question[:2] in taken:
                misses += 1
                if misses > PATIENCE:
                    raise ValueError(
                        f"cannot find {count} new questions for {split}: sentences "
                        f"{sentences} and {people} people allow too few"
                    )
                continue
            misses = 0
            if split != "train":
                taken.add(question[:2])
            questions.append(question)
        return questions

    held = {"test": draw("test", test), "dev": draw("dev", dev)}
    about = f"Generated: who went where with what; {facts} supporting facts."
    return Stories("stories", draw("train", train), held["dev"], held["test"], about)


def _question(
    rng: random.Random, kind: str, length: int, people: Sequence[str]
) -> StoryQuestion | None:
    """A story of `length` sentences and a question of that kind, if it allows one."""
    story: list[Sentence] = []
    at: dict[str, tuple[str, int]] = {}  # person -> place, and its sentence
    carried: dict[str, tuple[str, int]] = {}  # thing -> person, likewise
    lying: dict[str, tuple[str, frozenset[int]]] = {}  # thing -> place, its facts
    for now in range(length):
        person = rng.choice(people)
        free = [t for t in THINGS if t not in carried and _near(t, person, at, lying)]
        held = [thing for thing, (holder, _) in carried.items() if holder == person]
        deed = rng.random()
        if deed < 0.25 and person in at and free:
            thing = rng.choice(free)
            carried[thing] = (person, now)
            lying.pop(thing, None)
            story.append((person, rng.choice(TAKES), "the", thing))
        elif deed < 0.4 and held:
            thing = rng.choice(held)
            del carried[thing]
            place, moved = at[person]
            lying[thing] = (place, frozenset({moved, now}))
            story.append((person, rng.choice(DROPS), "the", thing))
        else:
            places = [p for p in PLACES if p != at.get(person, ("", 0))[0]]
            at[person] = (rng.choice(places), now)
            words = rng.choice(MOVES).split()
            story.append((person, *words, "the", at[person][0]))
    if kind == "1":
        if not at:
            return None
        person = rng.choice(sorted(at))
        place, moved = at[person]
        asked = ("where", "is", person)
        return StoryQuestion(tuple(story), asked, place, frozenset({moved}), kind)
    things = sorted({*carried, *lying})
    if not things:
        return None
    thing = rng.choice(things)
    if thing in lying:
        place, facts = lying[thing]
    else:
        holder, took = carried[thing]
        place, moved = at[holder]
        facts = frozenset({took, moved})
    return StoryQuestion(
        tuple(story), ("where", "is", "the", thing), place, facts, kind
    )


def _near(thing: str, person: str, at: dict, lying: dict) -> bool:
    """Nobody has named the thing's place yet, or the person is there."""
    if thing not in lying:
        return True
    return person in at and lying[thing][0] == at[person][0]
