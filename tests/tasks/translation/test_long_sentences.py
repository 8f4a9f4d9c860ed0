"""Sentences too long to train from are left out, those of a test set are named."""

import pytest

from attnlab.tasks.translation.task import make_task
from tests.tiny import tiny


def run_task(tmp_path, **data):
    files = {f"data.files.{name}": value for name, value in data.items()}
    return make_task(tiny(**{"data.name": "files", **files}), tmp_path)


LONG = "wort " * 10_000
HUGE = "ab" * 500_000  # one word of a megabyte


@pytest.mark.parametrize("line", [LONG, HUGE, "wort " * 210_000])
def test_long_training_lines_are_left_out_and_counted(tmp_path, line):
    lines = ["das Haus", "ja", "nein"] * 8
    (tmp_path / "a").write_text("\n".join([*lines, line]) + "\n")
    (tmp_path / "b").write_text("\n".join([*lines, line]) + "\n")
    (tmp_path / "c").write_text("ja\n" * 8)
    train, dev = f"{tmp_path}/a,{tmp_path}/b", f"{tmp_path}/c,{tmp_path}/c"
    task = run_task(tmp_path, train=train, dev=dev, test=dev)
    if line == HUGE:  # one word, though a long one
        assert task.notes == []
        assert max(map(len, (tmp_path / "source.codec").read_text().split("\n"))) > 999
    else:
        (note,) = task.notes
        assert note.startswith("1 of 25 training pairs are longer than 12 with the end")


def test_a_test_sentence_of_ten_thousand_words_is_named(tmp_path):
    for name, text in {"a": "ja\n" * 8, "b": f"ja\n{LONG}\n"}.items():
        (tmp_path / name).write_text(text)
    train, test = f"{tmp_path}/a,{tmp_path}/a", f"{tmp_path}/b,{tmp_path}/b"
    message = "sentence 2 of test has 10000 words, more than 1000"
    with pytest.raises(ValueError, match=message):
        run_task(tmp_path, train=train, dev=train, test=test)
