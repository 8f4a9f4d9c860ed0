"""`experiments.translate`: a line a line, resumed, scored, refused in a line."""

import io
import math
import sys

import pytest

import attnlab
from attnlab import runs
from attnlab.training.run import run
from experiments import translate
from tests.tiny import tiny_folder

WORDS = {"ein": "a", "das": "the", "haus": "house", "boot": "boat", "alt": "old"}
GERMAN = [f"{a} {b}" for a in WORDS for b in WORDS] + [*WORDS]
ENGLISH = [" ".join(WORDS[word] for word in line.split()) for line in GERMAN]


def trained(root, **more):
    (root / "text.de").write_text("\n".join(GERMAN) + "\n")
    (root / "text.en").write_text("\n".join(ENGLISH) + "\n")
    text = f"{root}/text.de,{root}/text.en"
    splits = {f"data.files.{split}": text for split in ("train", "dev", "test")}
    quick = {"train.steps": 60, "train.evaluate_every": 60}
    quick |= {"data.name": "files", "train.learning_rate": 0.03}
    folder = tiny_folder(root / "runs", **splits, **quick, **more)
    run(folder, console=False)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of word-by-word text."""
    return trained(tmp_path_factory.mktemp("translate"))


@pytest.fixture(scope="module")
def text(folder):
    """A text with an empty line and an unknown word, longer than what is read once."""
    lines = [*GERMAN[:3], "", "das\tklavier", *GERMAN[3:], "das"]
    path = folder.parents[2] / "new.de"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def expected(folder, text):
    """Its translations, one at a time."""
    loaded = attnlab.load(folder)
    return [loaded.translate(line) for line in text.read_text().split("\n")[:-1]]


def command(folder, text, *more):
    return [f"--run={folder}", f"--source-file={text}", "--at-once=7", *more]


def lines_of(path):
    *lines, last = path.read_text().split("\n")
    assert last == ""
    return lines


def test_every_line_has_its_translation(folder, text, expected, tmp_path, capsys):
    out = tmp_path / "new" / "a.en"
    files = [f"--scores={tmp_path}/scores", f"--alignments={tmp_path}/links"]
    assert translate.main(command(folder, text, f"--out={out}", *files)) == 0
    said = capsys.readouterr()
    assert said.out == ""
    (line, last) = said.err.splitlines()
    words = len(text.read_text().split())
    assert line == (
        f"1 of {words} source words are unknown to the run and read as <unk>: klavier"
    )
    assert str(out) in last and f"{len(expected)} lines" in last
    assert lines_of(out) == [str(each) for each in expected]
    assert lines_of(out)[3] == "" and lines_of(tmp_path / "links")[3] == ""
    for score, each in zip(lines_of(tmp_path / "scores"), expected, strict=True):
        assert float(score) == pytest.approx(each.log_probability, rel=1e-4, abs=1e-5)
    for links, each in zip(lines_of(tmp_path / "links"), expected, strict=True):
        pairs = {tuple(map(int, link.split("-"))) for link in links.split()}
        assert pairs == each.links()
    assert not list(tmp_path.rglob("*.part"))
    assert translate.main(command(folder, text, f"--out={out}")) == 2
    assert f"{out} exists" in capsys.readouterr().err


def test_text_goes_through_pipes(folder, text, expected, monkeypatch, capsys):
    stdin = io.TextIOWrapper(io.BytesIO(text.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert translate.main(command(folder, "-")) == 0
    said = capsys.readouterr()
    assert said.out.split("\n")[:-1] == [str(each) for each in expected]
    assert (
        "klavier" in said.err
        and f"lines to stdout, by the run in {folder}\n" in said.err
    )


@pytest.mark.parametrize("more", [["--beams=2"], ["--n-best=2"]])
def test_a_stopped_program_goes_on_and_writes_the_same(
    folder, text, tmp_path, monkeypatch, more
):
    scores = f"--scores={tmp_path}/scores"
    whole = tmp_path / "whole"
    assert translate.main(command(folder, text, f"--out={whole}", scores, *more)) == 0
    whole_scores = (tmp_path / "scores").read_bytes()
    (tmp_path / "scores").unlink()
    records = translate._translated

    def stopped(*arguments):
        for number, record in enumerate(records(*arguments)):
            if number == 10:
                raise KeyboardInterrupt
            yield record

    monkeypatch.setattr(translate, "_translated", stopped)
    again = command(folder, text, f"--out={tmp_path}/b.en", scores, *more)
    with pytest.raises(KeyboardInterrupt):
        translate.main(again)
    (part,) = tmp_path.glob("b.en.*.part")
    with part.open("a") as file:
        file.write("10 ||| a li")  # a line that was cut
    monkeypatch.undo()
    first = []
    monkeypatch.setattr(
        translate,
        "_translated",
        lambda run, options, rows, done: (
            first.append(done) or records(run, options, rows, done)
        ),
    )
    assert translate.main(again) == 0
    assert first == [9 if "--n-best=2" in more else 10]  # may a group have more?
    assert (tmp_path / "b.en").read_bytes() == whole.read_bytes()
    assert (tmp_path / "scores").read_bytes() == whole_scores
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "b.en",
        "scores",
        "whole",
    ]


def test_lists_of_the_best_are_as_moses_has_them(folder, text, tmp_path):
    out = tmp_path / "best"
    assert translate.main(command(folder, text, f"--out={out}", "--n-best=3")) == 0
    loaded = attnlab.load(folder)
    lists = list(loaded.n_best(text.read_text().split("\n")[:-1], 3))
    rows = [line.split(" ||| ") for line in lines_of(out)]
    expected = [(str(n), str(each)) for n, best in enumerate(lists) for each in best]
    assert [tuple(row[:2]) for row in rows] == expected
    assert ["3", "", "0.000000"] in rows  # of the empty line
    for row, each in zip(rows, [each for best in lists for each in best], strict=True):
        assert float(row[2]) == pytest.approx(each.score, rel=1e-4, abs=1e-5)


def test_a_given_translation_is_scored(folder, tmp_path, capsys):
    root = folder.parents[2]
    files = [f"--target-file={root}/text.en", f"--alignments={tmp_path}/links"]
    files += [f"--out={tmp_path}/scores", "--score", "--kind=posterior"]
    assert translate.main(command(folder, root / "text.de", *files)) == 0
    said = capsys.readouterr().out
    perplexity = runs.read_json(folder / runs.RESULT)["perplexity"]
    assert float(said.split("perplexity ")[1].split()[0]) == pytest.approx(
        perplexity, rel=1e-4
    )
    loaded = attnlab.load(folder)
    rows = [line.split("\t") for line in lines_of(tmp_path / "scores")]
    links = lines_of(tmp_path / "links")
    assert len(rows) == len(links) == len(GERMAN)
    for number in (0, 26):
        pair = loaded.align(GERMAN[number], ENGLISH[number], kind="posterior")
        log_probability, words, units, each = rows[number]
        assert float(log_probability) == pytest.approx(pair.score, rel=1e-4)
        assert int(words) == len(pair.target) == int(units) - 1
        mean = float(log_probability) / int(units)
        assert float(each) == pytest.approx(math.exp(-mean), rel=1e-3)
        pairs = {tuple(map(int, link.split("-"))) for link in links[number].split()}
        assert pairs == pair.links()


def test_subwords_give_plain_words(tmp_path, capsys):
    pieces = {"data.units": "subwords", "data.source_vocabulary": 30}
    folder = trained(tmp_path, **pieces, **{"data.target_vocabulary": 30})
    source = tmp_path / "one.de"
    source.write_text("das haus\n\nhaus boot\n")
    assert translate.main(command(folder, source)) == 0
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 4 and lines[1] == "" and "\u2581" not in "".join(lines)
    loaded = attnlab.load(folder)
    assert lines[0] == str(loaded.translate("das haus"))
    target = tmp_path / "one.en"
    target.write_text("the house\n\nhouse boat\n")
    score = [f"--target-file={target}", "--score"]
    assert translate.main(command(folder, source, *score)) == 0
    said = capsys.readouterr()
    units = [int(line.split("\t")[2]) for line in said.out.splitlines()]
    pieces = loaded.translator.target.encode(("the", "house")).ids
    assert units[0] == len(pieces) + 1 and units[1] == 1
    assert "4 words" in said.err


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--source-file=nowhere"], "no file nowhere"),
        (["--run=nowhere"], "nowhere"),
        (["--beams=0"], "beams is 0"),
        (["--n-best=3", "--beams=2"], "count is 3, more than beams, 2"),
        (["--score"], "--score and --target-file"),
        (["--target-file=text.en"], "--score and --target-file"),
        (["--score", "--target-file=a", "--beams=2"], "leave out --beams"),
        (["--score", "--target-file=a", "--source-file=-"], "--source-file=- cannot"),
        (["--kind=posterior"], "--kind=posterior"),
        (["--at-once=0"], "--at-once is 0"),
        (["--scores=same", "--alignments=same"], "same is named for two outputs"),
    ],
)
def test_what_cannot_be_is_a_line(folder, text, tmp_path, capsys, more, line):
    words = command(folder, text, f"--out={tmp_path}/out", *more)
    assert translate.main(words) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("translate: ") and line in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"das\n\xff\n", ":2: not UTF-8"),
        (b"das\nh\0aus\n", ":2: a NUL byte"),
        (b"das\n" + b"haus " * 1001, ":2: 1,001 words, more than 1,000"),
    ],
)
def test_a_broken_line_costs_nothing(folder, tmp_path, capsys, content, line):
    source = tmp_path / "broken.de"
    source.write_bytes(content)
    assert translate.main(command(folder, source, f"--out={tmp_path}/out")) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"translate: {source}{line}")
    assert [path.name for path in tmp_path.iterdir()] == ["broken.de"]


def test_a_text_without_lines_is_one_without_translations(folder, tmp_path, capsys):
    source = tmp_path / "empty.de"
    source.write_text("")
    assert translate.main(command(folder, source, f"--out={tmp_path}/out")) == 0
    assert (tmp_path / "out").read_bytes() == b""
    score = ["--score", f"--target-file={source}"]
    assert translate.main(command(folder, source, *score)) == 0
    assert "nothing to score" in capsys.readouterr().err
