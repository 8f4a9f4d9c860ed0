"""Your own stories with questions: JSON lines, or files as bAbI has them."""

from pydantic import validate_call

from attnlab.tasks.memn2n.babi import entry_of, parse, words_of
from attnlab.tasks.memn2n.batches import Sentence, Stories, StoryQuestion
from attnlab.text.example_files import (
    ExampleLine,
    HeldOut,
    Keyed,
    existing,
    is_json_lines,
    origin,
    read_examples,
    read_splits,
)
from attnlab.text.read_text import read_lines

TASK = "files"  # the kind of all questions


@validate_call
def story_files(
    *,
    train: str | None = None,
    dev: str | None = None,
    test: str | None = None,
    held_out: HeldOut = 0.1,
) -> Stories:
    """Your own questions over stories; words are lower-cased, without punctuation.

    Args:
      train: a file of JSON lines {"story": ["a sentence", ...], "question": ...,
        "answer": ..., "support": [0, 2]}, of which support may be left out; or, where
        its name says nothing of JSON, of lines as bAbI has them. Several with commas
        between.
      dev: the same, to choose the best checkpoint by; held out of train where it is not
        given.
      test: the same, to judge it by; likewise.
      held_out: share of the stories of train that is held out for dev, and for test.

    Returns:
      The corpus.

    Raises:
      ValueError: for a line of another form, a sentence without a word, and support
        that the story has not; the line is named.
      FileNotFoundError: for a file that is not there.
    """
    splits = read_splits(_read, train, dev, test, held_out)
    return Stories("files", **splits, about=origin(train, dev, test))


def _read(paths: str) -> Keyed[StoryQuestion]:
    keyed: Keyed[StoryQuestion] = []
    for path in paths.split(","):
        if is_json_lines(path):
            for question in map(_question, read_examples(path, ())):
                keyed.append((_key(question), question))
            continue
        stories = parse(read_lines(existing(path)), TASK, path)
        if not any(stories):
            raise ValueError(f"{path} holds no question")
        for story in filter(None, stories):
            # The whole story: its first questions know less of it than its last.
            keyed += [(_key(story[-1]), question) for question in story]
    return keyed


def _key(question: StoryQuestion) -> str:
    return "\n".join(map(" ".join, question.story))


def _question(line: ExampleLine) -> StoryQuestion:
    story = [
        _words(line, f"story[{n}]", text) for n, text in enumerate(line.texts("story"))
    ]
    support = line.fields.get("support") or []
    if not isinstance(support, list):
        raise line.wrong("support", support, "a list of the story's sentences, from 0")
    for fact in support:
        # True is a number to Python.
        whole = isinstance(fact, int) and not isinstance(fact, bool)
        if not whole or not 0 <= fact < len(story):
            raise line.wrong("support", fact, f"a sentence from 0 to {len(story) - 1}")
    return StoryQuestion(
        tuple(story),
        _words(line, "question", line.text("question")),
        entry_of(line.text("answer")),
        frozenset(support),
        TASK,
    )


def _words(line: ExampleLine, name: str, text: str) -> Sentence:
    words = words_of(text)
    if not words:
        raise line.wrong(name, text, "a text of words")
    return words
