"""Your own cloze questions as JSON lines, whose names become entities.

    {"passage": "Ann met Bo. Bo left.", "question": "@placeholder left",
     "answer": "Bo", "candidates": ["Ann", "Bo"]}                (on one line)

With candidates a text is cut here: candidates are looked for as they are written, the
longest first, and become @entity0, @entity1, ...; other words are lower-cased. Without
them the text has such entities already, with blanks between its words.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from attnlab.tasks.cloze.questions import PLACEHOLDER, ClozeQuestion, is_entity
from attnlab.text.example_files import ExampleLine, Keyed, read_examples
from attnlab.text.words import find_words, split_words

TOKEN = re.compile(r"@?\w+(?:['\u2019]\w+)*|[^\w\s]")

Words = tuple[str, ...]


class NamedText(NamedTuple):
    """Texts whose names are entities.

    texts: as words. names: by entity, of those that are in a text.
    """

    texts: tuple[Words, ...]
    names: Mapping[str, str]

    def entity(self, name: str) -> str | None:
        """The entity of a name.

        Args:
          name: a candidate.

        Returns:
          The entity; None where no text has the name.
        """
        cut = words_of(name)
        return next(
            (e for e, other in self.names.items() if words_of(other) == cut), None
        )


def words_of(text: str) -> Words:
    """Words and punctuation marks as they are written, @entity0 being a word.

    Args:
      text: of any kind.

    Returns:
      Its words.
    """
    return tuple(find_words(TOKEN, text))


def with_entities(texts: Sequence[str], candidates: Sequence[str]) -> NamedText:
    """Texts cut into words, with entities for the names of candidates.

    Args:
      texts: of passage and question.
      candidates: names of one or more words.

    Returns:
      The texts, their other words lower-cased, and the names of their entities.

    Raises:
      ValueError: for an entity in a text that is no candidate.
    """
    numbered = {words_of(name): n for n, name in reversed([*enumerate(candidates)])}
    # The longest first: "New York City" is not "New York" and a word.
    lengths = sorted({len(name) for name in numbered}, reverse=True)
    names: dict[str, str] = {}

    def cut(text: str) -> Words:
        given, words, place = words_of(text), [], 0
        while place < len(given):
            for length in lengths:
                number = numbered.get(given[place : place + length])
                if number is not None:
                    entity = f"@entity{number}"
                    names[entity] = candidates[number]
                    words.append(entity)
                    place += length
                    break
            else:
                if is_entity(given[place]):
                    raise ValueError(f"{given[place]} is not among the candidates")
                words.append(given[place].lower())
                place += 1
        return tuple(words)

    return NamedText(tuple(map(cut, texts)), names)


def read_json_questions(paths: str) -> Keyed[ClozeQuestion]:
    """The questions of a file of JSON lines.

    Args:
      paths: of the file, or of several with commas between.

    Returns:
      Each question with its passage.

    Raises:
      ValueError: for a line that is broken; it is named.
      FileNotFoundError: for a file that is not there.
    """
    lines = read_examples(paths, ())
    return [(line.text("passage"), _question(line)) for line in lines]


def _question(line: ExampleLine) -> ClozeQuestion:
    texts = [line.text("passage"), line.text("question")]
    given = line.text("answer")
    if line.fields.get("candidates") is None:
        passage, query = (tuple(split_words(text)) for text in texts)
        answer, names = given, {}
        if not is_entity(answer):
            needed = "an entity such as @entity3; or give candidates"
            raise line.wrong("answer", given, needed)
    else:
        candidates = line.texts("candidates")
        if words_of(given) not in map(words_of, candidates):
            raise line.wrong(
                "answer", given, f"among candidates: {_listed(candidates)}"
            )
        try:
            named = with_entities(texts, candidates)
        except ValueError as error:
            raise ValueError(f"{line.where}: {error}: {_listed(candidates)}") from None
        (passage, query), names = named.texts, named.names
        answer = named.entity(given)
    if PLACEHOLDER not in query:
        raise line.wrong("question", texts[1], f"one with {PLACEHOLDER} in it")
    if answer is None or answer not in passage:
        raise line.wrong("answer", given, "in the passage")
    return ClozeQuestion(
        line.where,
        passage,
        query,
        answer,
        # What is called by its number has no other name.
        tuple((entity, name) for entity, name in names.items() if not is_entity(name)),
        address=texts[0],
    )


def _listed(candidates: Sequence[str]) -> str:
    more = ", ..." if len(candidates) > 10 else ""
    return ", ".join(f"{name:.40}" for name in candidates[:10]) + more
