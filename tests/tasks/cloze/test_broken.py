"""Broken cloze questions: an error names file and line."""

import pytest

from attnlab.tasks.cloze.corpora import read_questions


def test_a_cloze_question_that_is_broken(tmp_path):
    (tmp_path / "a.question").write_bytes(b"x\n\na\xff\n")
    with pytest.raises(ValueError, match=r"a.question:3: not UTF-8"):
        read_questions(tmp_path)
    (tmp_path / "a.question").write_bytes(b"x\0")
    with pytest.raises(ValueError, match=r"a.question:1: a NUL byte"):
        read_questions(tmp_path)
