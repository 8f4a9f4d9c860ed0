"""`experiments.align_text`: links of every line, resumed, judged, refused in a line."""

import pytest

from attnlab import runs
from attnlab.text.links import format_pharaoh
from attnlab.text.synthetic import synthetic
from experiments import align_text


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A folder with a.x and a.y, whose third lines are empty, and their links."""
    folder = tmp_path_factory.mktemp("text")
    corpus = synthetic(train=150, dev=1, test=40, words=12, lengths=(3, 6))
    pairs = [*corpus.gold["test"], *corpus.train]
    sources = [" ".join(pair.source) for pair in pairs]
    targets = [" ".join(pair.target) for pair in pairs]
    gold = [format_pharaoh(pair.sure) for pair in corpus.gold["test"]]
    sources[2] = targets[2] = gold[2] = ""
    (folder / "a.x").write_text("".join(f"{line}\n" for line in sources))
    (folder / "a.y").write_text("".join(f"{line}\n" for line in targets))
    for name, lines in (("gold.x", sources), ("gold.y", targets), ("gold", gold)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines[: len(gold)]))
    return folder


def words(text, out, *more: str, source="a.x", target="a.y") -> list[str]:
    return [
        f"--source={text / source}",
        f"--target={text / target}",
        f"--out={out}",
        *more,
    ]


@pytest.fixture(scope="module")
def aligned(text, tmp_path_factory):
    """The links of the text, and the run that made them."""
    out = tmp_path_factory.mktemp("aligned") / "a.links"
    assert align_text.main(words(text, out, "--steps=120")) == 0
    return out, out.with_name("a.links.run")


def test_every_line_has_its_links(text, aligned, capsys):
    out, run = aligned
    lines = out.read_text().split("\n")
    assert lines.pop() == "" and len(lines) == 190 and lines[2] == ""
    first = (text / "a.x").read_text().split("\n")[0].split()
    for link in lines[0].split():
        source, target = map(int, link.split("-"))
        assert source < len(first)
    assert not list(out.parent.glob("*.part"))
    assert (run / runs.RESULT).exists()
    assert align_text.main(words(text, out)) == 2
    assert capsys.readouterr().err == (
        f"align_text: {out} exists; choose another --out, or remove it\n"
    )


def test_a_stopped_program_goes_on_and_writes_the_same(
    text, aligned, tmp_path, monkeypatch
):
    whole, run = aligned
    out = tmp_path / "b.links"
    pairs = align_text._aligned

    def stopped(run, options, done):
        for number, pair in enumerate(pairs(run, options, done)):
            if number == 70:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(align_text, "_aligned", stopped)
    with pytest.raises(KeyboardInterrupt):
        align_text.main(words(text, out, f"--run={run}"))
    (part,) = tmp_path.glob("b.links.*.part")
    with part.open("a") as file:
        file.write("0-0 1-")  # a line that was cut
    assert not out.exists()
    monkeypatch.undo()
    assert align_text.main(words(text, out, f"--run={run}")) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["b.links"]


def test_a_gold_file_scores_them_and_thresholds_choose(text, aligned, tmp_path, capsys):
    _, run = aligned
    gold = ("--gold", str(text / "gold"), f"--run={run}")
    sides = {"source": "gold.x", "target": "gold.y"}
    assert align_text.main(words(text, tmp_path / "c", *gold, **sides)) == 0
    aer = float(capsys.readouterr().out.split()[1])
    assert 0 < aer < 0.5
    more = ("--sure=0.9", "--possible=0.2", f"--run={run}")
    assert align_text.main(words(text, tmp_path / "d", *more, **sides)) == 0
    marked = (tmp_path / "d").read_text()
    assert "?" in marked and "-" in marked
    more = ("--weights", f"--run={run}")
    assert align_text.main(words(text, tmp_path / "e", *more, **sides)) == 0
    link = (tmp_path / "e").read_text().split()[0]
    assert 0.5 <= float(link.split(":")[1]) <= 1


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--sure=2"], "--sure is 2.0 and --possible 2.0; they must be above 0"),
        (["--possible=0.7"], "--possible not above --sure"),
        (["--gold=nowhere"], "no file nowhere"),
        (["--run=nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_is_a_line(text, tmp_path, capsys, more, line):
    assert align_text.main(words(text, tmp_path / "out", *more)) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said
    assert not list(tmp_path.iterdir())


def test_texts_of_unequal_length_cost_nothing(text, tmp_path, capsys):
    short = tmp_path / "short.y"
    short.write_text("one\n")
    command = [f"--source={text / 'a.x'}", f"--target={short}"]
    assert align_text.main([*command, f"--out={tmp_path / 'out'}"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "has 190 lines" in said and said.endswith("has 1")
    assert [path.name for path in tmp_path.iterdir()] == ["short.y"]
