"""Files of lines that go on where a stopped program left them."""

import pytest

from experiments import line_files
from experiments.line_files import Parts


def written(parts, records):
    """Write records, the program being stopped before the end."""

    def stopped():
        yield from records
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.write(stopped())


def test_files_go_on_together_from_what_all_of_them_have(tmp_path):
    outputs = [tmp_path / "new/a", tmp_path / "new/b"]
    written(Parts(outputs, [], "model"), [("a0\n", "b0\n"), ("a1\n", "b1\n")])
    assert not any(path.exists() for path in outputs)
    with Parts(outputs, [], "model").parts[0].open("a") as file:
        file.write("a2\ncut")  # b has no such line
    parts = Parts(outputs, [], "model")
    assert parts.done == 2
    parts.write([("A2\n", "B2\n")])
    assert [path.read_text() for path in outputs] == ["a0\na1\nA2\n", "b0\nb1\nB2\n"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a", "b"]


def test_the_last_of_groups_of_lines_is_made_again(tmp_path):
    outputs = [tmp_path / "best", tmp_path / "scores"]
    groups = [f"{n} ||| x\n{n} ||| y\n" for n in range(4)]
    written(
        Parts(outputs, [], 0, groups=True), [(group, "s\n") for group in groups[:3]]
    )
    parts = Parts(outputs, [], 0, groups=True)
    assert parts.done == 2  # the third may have had more lines
    parts.write([(group, "s\n") for group in groups[2:]])
    assert outputs[0].read_text() == "".join(groups)
    assert outputs[1].read_text() == "s\n" * 4


@pytest.mark.parametrize(
    "cut", ["", "2", "2 |", "2 ||| x\n2 ||| ", "2 ||| x\n3 ||| z\n"]
)
def test_a_group_that_was_cut_is_made_again(tmp_path, cut):
    out = tmp_path / "best"
    whole = "0 ||| x\n1 ||| x\n1 ||| y\n"
    (part,) = Parts([out], [], 0, groups=True).parts
    part.write_text(whole + cut)
    parts = Parts([out], [], 0, groups=True)
    left = part.read_text().splitlines()
    assert left == (whole + cut).splitlines()[: len(left)]
    assert {int(line.split()[0]) for line in left} == set(range(parts.done))


def test_another_text_or_model_begins_anew(tmp_path):
    text, out = tmp_path / "text", tmp_path / "out"
    text.write_text("one\n")
    written(Parts([out], [text], "model"), [("1\n",)])
    assert Parts([out], [text], "model").done == 1
    assert Parts([out], [text], "other").done == 0
    assert Parts([out], [text], "model", again=True).done == 0
    written(Parts([out], [text], "model"), [("1\n",)])
    text.write_text("one\ntwo\n")
    assert Parts([out], [text], "model").done == 0


def test_what_fails_before_the_first_line_leaves_nothing(tmp_path):
    written(Parts([tmp_path / "out"], [], 0), [])
    assert not list(tmp_path.iterdir())
    Parts([tmp_path / "out"], [], 0).write([])
    assert (tmp_path / "out").read_bytes() == b""


def test_outputs_that_cannot_be_are_named(tmp_path):
    there = tmp_path / "there"
    there.write_text("")
    with pytest.raises(ValueError, match="there exists"):
        line_files.check_new([tmp_path / "a", there], [])
    with pytest.raises(ValueError, match="a is named for two"):
        line_files.check_new([tmp_path / "a", tmp_path / "a"], [there])
    with pytest.raises(FileNotFoundError, match="no file"):
        line_files.check_new([], [tmp_path])


@pytest.mark.parametrize("lines", [10, None])
def test_progress_says_how_many_and_how_long(capsys, lines):
    times = iter(range(0, 1000, 10))
    items = line_files.watched("abcdef", 1, lines, "read", clock=lambda: next(times))
    assert list(items) == [*"abcdef"]
    first, second = capsys.readouterr().err.splitlines()
    count = "4 of 10" if lines else "4"
    assert first == f"read {count} lines{'  0:01:00 left' if lines else ''}"
    assert second.startswith("read 7 of 10" if lines else "read 7 lines")
