"""experiments.align of several runs: one panel a sentence, in files of three kinds."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import attnlab
from attnlab import runs
from attnlab.report import figures, heatmaps
from attnlab.text.vocabulary import Vocabulary
from experiments import align

RUNS = Path(__file__).resolve().parents[1] / "fixtures" / "runs_v1"
FIRST = runs.AlignedSentence(
    ("das", "haus", "ist", "alt"),
    ("the", "house", "is"),
    np.zeros((3, 4)),
    frozenset({(0, 0), (1, 1)}),
    frozenset({(0, 0), (1, 1), (2, 3)}),
)
SECOND = runs.AlignedSentence(
    ("ein", "boot"), ("a", "boat"), np.zeros((2, 2)), *[frozenset({(0, 0)})] * 2
)


@pytest.fixture
def sweep(tmp_path):
    """Two rows that were tested on `odd` and `dev`, one of them with two seeds."""
    for number, (row, seed) in enumerate([("dot", 0), ("dot", 1), ("local-p", 0)]):
        folder = tmp_path / "sweep" / row / str(seed)
        config = {"row": row, "slug": row, "seed": seed, "order": number}
        runs.write_json(folder / runs.CONFIG, config)
        rng = np.random.default_rng(number)
        pairs = [
            pair._replace(weights=rng.uniform(size=pair.weights.shape))
            for pair in (FIRST, SECOND)
        ]
        runs.write_alignments(folder, {"odd": pairs, "dev": pairs[:1]})
    return tmp_path / "sweep"


def words(sweep, *more: str, out: Path) -> list[str]:
    return [f"--run={sweep}/dot/0", f"--run={sweep}/local-p/0", f"--out={out}", *more]


def texts(file: Path) -> str:
    """The words of an SVG, which has them as comments beside their outlines."""
    return " ".join(re.findall(r"<!-- (.*?) -->", file.read_text()))


@pytest.fixture
def panels(monkeypatch):
    """What was asked of `heatmaps.panel`."""
    asked, draw = [], heatmaps.panel

    def panel(pairs, **options):
        asked.append((pairs, options))
        return draw(pairs, **options)

    monkeypatch.setattr(heatmaps, "panel", panel)
    return asked


def test_variants_stand_side_by_side_with_gold_last(sweep, tmp_path, capsys, panels):
    out = tmp_path / "a.svg"
    more = ("--gold=odd", "--sentence=1", "--title=Two of them")
    assert align.main(words(sweep, *more, out=out)) == 0
    assert capsys.readouterr() == (f"wrote {out}\n", "")
    ((pairs, options),) = panels
    assert [name.split("   AER ")[0] for name in pairs] == ["dot", "local-p"]
    assert options == {"gold": "gold", "title": "Two of them"}
    for row, pair in zip(("dot", "local-p"), pairs.values(), strict=True):
        (expected, _) = runs.read_alignments(sweep / row / "0")["odd"]
        assert np.array_equal(pair.weights, expected.weights)
    drawn = texts(out)
    for text in ("das", "alt", "house", "gold", "Two of them", "sure gold link"):
        assert text in drawn
    assert ElementTree.parse(out).getroot().tag.endswith("svg")
    again = tmp_path / "b.svg"
    assert align.main(words(sweep, *more, out=again)) == 0
    assert again.read_bytes() == out.read_bytes()


def test_several_sentences_are_pages_of_one_pdf(sweep, tmp_path, panels):
    out = tmp_path / "a.pdf"
    more = ("--gold=odd", "--sentence=2,1", "--sentence=2")
    assert align.main(words(sweep, *more, out=out)) == 0
    sources = [next(iter(pairs.values())).source for pairs, _ in panels]
    assert sources == [SECOND.source, FIRST.source, SECOND.source]
    assert b"/Count 3" in out.read_bytes()


@pytest.mark.parametrize("size", [(7.0, 4.0), (2.8, 6.0)])
def test_a_page_has_the_size_that_is_asked_for(sweep, tmp_path, panels, size):
    out = tmp_path / "a.png"
    more = ("--gold=odd", "--sentence=1", "--title=wide", f"--size={size[0]}x{size[1]}")
    assert align.main(words(sweep, *more, out=out)) == 0
    with Image.open(out) as image:
        inches = np.array(image.size) / figures.DPI
        light = np.asarray(image.convert("L")).astype(float)
    assert inches == pytest.approx(size, abs=0.02)
    # Nothing is cut off: the edges are blank, and something reaches far out.
    edges = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    assert (edges == 255).all()
    rows, columns = np.nonzero(light < 200)
    spread = np.ptp(columns) / light.shape[1], np.ptp(rows) / light.shape[0]
    assert max(spread) > 0.8


def test_a_row_of_two_seeds_says_which(sweep, tmp_path, panels):
    more = (f"--run={sweep}/dot/1", "--gold=odd", "--sentence=1")
    assert align.main(words(sweep, *more, out=tmp_path / "a.png")) == 0
    ((pairs, _),) = panels
    names = [name.split("   AER ")[0] for name in pairs]
    assert names == ["dot, seed 0", "local-p", "dot, seed 1"]


def test_one_run_may_be_shown_with_its_gold_links(sweep, tmp_path, panels):
    out = tmp_path / "a.png"
    assert (
        align.main(
            [f"--run={sweep}/dot/0", "--gold=dev", "--sentence=1", f"--out={out}"]
        )
        == 0
    )
    ((pairs, _),) = panels
    assert len(pairs) == 1


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--gold=even", "--sentence=1"], "unknown --gold 'even'; of "),
        (["--sentence=1"], "no --gold is named; of "),
        (["--gold=odd", "--sentence=3"], "--sentence is 3; "),
        (["--gold=odd", "--sentence=0"], "has 1 to 2"),
        (["--gold=odd"], "give --sentence=NUMBER of a gold set, or --source"),
        (["--gold=odd", "--sentence=1,2"], "2 sentences are pages of a .pdf"),
        (["--source=das haus"], "2 runs would translate --source in words of their"),
        (["--source=a", "--target=b", "--sentence=1"], "give --sentence=NUMBER"),
        (["--source=a", "--target=b", "--gold=odd"], "--gold is for --sentence"),
        (["--target=b", "--gold=odd", "--sentence=1"], "--target is for --source"),
        (["--gold=odd", "--sentence=1", "--font=Nonesuch"], "no font 'Nonesuch' is"),
        (["--gold=odd", "--sentence=1", "--size=0.5x0.5"], "too small for 3 images"),
    ],
)
def test_what_cannot_be_drawn_is_a_line(sweep, tmp_path, capsys, more, expected):
    out = tmp_path / "a.png"
    assert align.main(words(sweep, *more, out=out)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("align: ") and expected in line
    assert not out.exists()


@pytest.mark.parametrize(
    "flag", ["--sentence=two", "--size=big", "--size=7x0", "--sentence=1,"]
)
def test_what_is_no_number_is_a_line(sweep, tmp_path, capsys, flag):
    with pytest.raises(SystemExit) as stop:
        align.main(words(sweep, flag, out=tmp_path / "a.png"))
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert repr(flag.partition("=")[2]) in line


def test_another_ending_and_other_words_are_a_line(sweep, tmp_path, capsys):
    gold = ("--gold=odd", "--sentence=1")
    assert align.main(words(sweep, *gold, out=tmp_path / "a.gif")) == 2
    assert "must end in .png, .pdf, .svg" in capsys.readouterr().err
    other = sweep / "local-p" / "0"
    runs.write_alignments(other, {"odd": [SECOND, FIRST]})
    assert align.main(words(sweep, *gold, out=tmp_path / "a.png")) == 2
    assert "'local-p" in capsys.readouterr().err


def test_the_folder_of_a_sweep_names_its_runs(sweep, tmp_path, capsys):
    for more in (["--gold=odd", "--sentence=1"], ["--source=a"]):
        assert align.main([f"--run={sweep}", *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        folders = [f"{sweep}/{place}" for place in ("dot/0", "dot/1", "local-p/0")]
        assert line == (
            f"align: {sweep} is no run, it holds runs: {', '.join(folders)}"
        )


def test_a_run_that_has_not_finished_is_a_line(sweep, tmp_path, capsys):
    (sweep / "dot" / "0" / runs.ALIGNMENTS).unlink()
    gold = ("--gold=odd", "--sentence=1")
    assert align.main(words(sweep, *gold, out=tmp_path / "a.png")) == 2
    assert str(sweep / "dot" / "0") in capsys.readouterr().err


def test_letters_that_no_font_has_are_said_and_the_rest_is_drawn(
    sweep, tmp_path, capsys
):
    pair = FIRST._replace(source=("家", "집", "घर", "x"))
    for row in ("dot", "local-p"):
        runs.write_alignments(sweep / row / "0", {"odd": [pair]})
    out = tmp_path / "a.png"
    assert align.main(words(sweep, "--sentence=1", out=out)) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("align: no installed font has ")
    assert out.exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two trained runs: one row twice, the second as another seed."""
    root = tmp_path_factory.mktemp("trained")
    for name in ("a", "b"):
        shutil.copytree(RUNS / "local-p-general" / "0", root / name)
    return root


def test_words_of_ones_own_are_aligned_by_each_run(trained, tmp_path, capsys, panels):
    out = tmp_path / "a.pdf"
    source = (trained / "a" / "sources.txt").read_text().splitlines()[0]
    target = (trained / "a" / "references.txt").read_text().splitlines()[0]
    both = [f"--run={trained}/a", f"--run={trained}/b", f"--out={out}"]
    command = [*both, f"--source={source} qq", f"--target={target}"]
    assert align.main(command) == 0
    ((pairs, options),) = panels
    assert set(pairs) == {f"{trained}/a", f"{trained}/b"}  # alike but for their folder
    assert options["gold"] is None
    first, second = pairs.values()
    assert first.source == (*source.split(), "qq")
    assert np.array_equal(first.weights, second.weights)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"align: {trained}/{name} does not know the source qq" for name in "ab"
    ]


def test_the_posterior_of_a_gold_sentence_is_computed(trained, tmp_path, panels):
    name = next(iter(runs.read_alignments(trained / "a")))
    both = [f"--run={trained}/a", f"--out={tmp_path / 'a.png'}"]
    gold = [f"--gold={name}", "--sentence=1"]
    assert align.main([*both, *gold]) == 0
    assert align.main([*both, *gold, "--kind=posterior"]) == 0
    (prior, _), (posterior, _) = panels
    (first,), (second,) = prior.values(), posterior.values()
    assert first.source == second.source and first.sure == second.sure
    assert not np.allclose(first.weights, second.weights)


def test_an_aligner_is_drawn_alone(tmp_path, monkeypatch, capsys, panels):
    folder, weights = tmp_path / "aligner" / "0", np.eye(2)
    config = {"task": "alignment", "row": "full", "seed": 0}
    runs.write_json(folder / runs.CONFIG, config)
    vocabulary = Vocabulary.build([["a", "b", "x", "y"]])
    sides = SimpleNamespace(vocabulary=vocabulary)
    aligner = SimpleNamespace(
        folder=folder,
        pair_aligner=SimpleNamespace(source=sides, target=sides),
        align=lambda source, target: SimpleNamespace(
            source=tuple(source.split()),
            target=tuple(target.split()),
            alignment=weights,
        ),
    )
    monkeypatch.setattr(attnlab, "load", lambda folder: aligner, raising=False)
    out = tmp_path / "a.png"
    one = [f"--run={folder}", "--source=a b", f"--out={out}"]
    assert align.main(one) == 2
    assert "does not translate; give a --target" in capsys.readouterr().err
    assert align.main([*one, "--target=x q"]) == 0
    ((pairs, _),) = panels
    assert [pair.target for pair in pairs.values()] == [("x", "q")]
    assert np.array_equal(next(iter(pairs.values())).weights, weights)
    said = capsys.readouterr()
    assert said.out == f"wrote {out}\n" and out.exists()
    assert said.err == f"align: {folder} does not know the target q\n"


def test_one_run_says_unknown_words_and_writes_svg(trained, tmp_path, capsys):
    out = tmp_path / "a.svg"
    one = [f"--run={trained}/a", f"--out={out}", "--source=al qq", "--target=x"]
    assert align.main(one) == 0
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"align: {trained}/a does not know the source qq",
        f"align: {trained}/a does not know the target x",
    ]
    assert f"wrote {out}" in said.out and out.read_text().startswith("<?xml")
