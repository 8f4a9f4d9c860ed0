"""Corpora of questions by name: to add one, write its loader and a line here."""

from collections.abc import Callable

from attnlab.tasks.memn2n.babi import babi
from attnlab.tasks.memn2n.batches import Stories
from attnlab.tasks.memn2n.files import story_files
from attnlab.tasks.memn2n.stories import stories

CORPORA: dict[str, Callable[..., Stories]] = {
    "stories": stories,
    "babi": babi,
    "files": story_files,
}
