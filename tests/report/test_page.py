"""The page's data: the table's numbers, the folders' weights, and text as text."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics import aer
from attnlab.report import curves, example_stats, figures, page, render, rows, table
from attnlab.report.page.escaping import embedded
from attnlab.report.page.sentences import quantized
from attnlab.runs import AlignedSentence


def write(root: Path, folder: Path):
    """(files written, rows, table) of a page without matplotlib's figures."""
    found = rows.group([rows.checked(run) for run in runs.find(root)])
    known = {row.name: example_stats.read(row) for row in found}
    made = table.tabulate(found, known, samples=50)
    return page.write(folder, root.name, found, known, made), found, made


def shown(folder: Path) -> dict:
    """What the page would parse."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    block = re.search(
        r'<script type="application/json" id="report">(.*?)</script>', text
    )
    return json.loads(block[1])


def given(path: Path):
    """(name, value) of the one call in a data file."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("attnlab.give(") and text.endswith(");\n")
    decoder = json.JSONDecoder()
    name, end = decoder.raw_decode(text, len("attnlab.give("))
    value, end = decoder.raw_decode(text, end + 1)
    assert text[end:] == ");\n"
    return name, value


def read_back(folder: Path, report: dict, row: str, key: str):
    """(said, weights [T, S], chunk, first word, place in it) of every sentence."""
    _, said = given(folder / "data" / key / "sentences.js")
    (some,) = (each for each in report["sets"] if each["key"] == key)
    ends = [*some["chunks"][1:], some["count"]]
    for number, (start, end) in enumerate(zip(some["chunks"], ends, strict=True)):
        name, chunk = given(folder / "data" / key / f"{row}-{number}.js")
        assert name == f"{key}/{row}/{number}"
        flat = np.frombuffer(base64.b64decode(chunk["weights"]), np.uint8) / 255
        cell = word = 0
        for place in range(start, end):
            source, target = said[place][:2]
            size = len(source) * len(target)
            matrix = flat[cell : cell + size].reshape(len(target), len(source))
            yield said[place], matrix, chunk, word, place - start
            cell, word = cell + size, word + len(target)
        assert cell == flat.size


@pytest.fixture(scope="module")
def written(sweep, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return folder, *write(sweep, folder)


def test_every_number_is_the_tables(written):
    folder, _, found, made = written
    report = shown(folder)
    assert [column["key"] for column in report["columns"]] == [
        column.key for column in made.columns
    ]
    for row, line, told in zip(found, made.lines, report["rows"], strict=True):
        assert told["name"] == line.name == row.name
        assert set(told["cells"]) == set(line.cells)
        for column in made.columns:
            cell, seen = line.cells[column.key], told["cells"][column.key]
            assert seen["text"] == render.number(cell, column)
            assert seen["mean"] == pytest.approx(cell.mean, rel=1e-5)
            assert seen.get("best", False) == cell.best
            assert seen.get("marked", False) == cell.marked
            assert ("p" in seen) == (cell.p_value is not None)
            assert seen.get("p", 0) == pytest.approx(cell.p_value or 0, rel=1e-2)
            for run, seed in zip(row.runs, told["runs"], strict=True):
                number = column.scale * run.result[column.key]
                assert seed["cells"][column.key] == f"{number:,.{column.digits}f}"
    assert report["notes"] == render.sentences(made, "in bold")
    assert any(line.startswith("† differs") for line in report["notes"])


def test_curves_are_those_of_the_figures(written):
    folder, _, found, _ = written
    charts = {chart["title"]: chart for chart in shown(folder)["charts"]}
    known = {row.name: example_stats.read(row) for row in found}
    for title, bins in (
        ("BLEU by source length", curves.by_length(known)),
        ("AER by reordering distance", curves.by_distance(known)),
    ):
        chart = charts.pop(title)
        assert chart["labels"] == list(bins.labels)
        assert chart["counts"] == list(bins.counts)
        for row, line in zip(found, chart["lines"], strict=True):
            expected = figures.band(bins.values[row.name])
            for name, values in zip(("mean", "low", "high"), expected, strict=True):
                np.testing.assert_allclose(np.array(line[name], float), values, 1e-5)
    learnt = curves.learning(found)
    assert len(charts) == len(learnt) == 2
    for chart, (score, series) in zip(charts.values(), learnt.items(), strict=True):
        for row, line in zip(found, chart["lines"], strict=True):
            values = np.array([seed[1] for seed in series[row.name]], float)
            values = np.log(values) if score == "perplexity" else values
            assert line["row"] == row.slug and line["x"] == list(range(200, 3001, 200))
            np.testing.assert_allclose(line["mean"], values.mean(0), rtol=1e-5)
            np.testing.assert_allclose(line["low"], values.min(0), rtol=1e-5)
            np.testing.assert_allclose(line["high"], values.max(0), rtol=1e-5)


def test_weights_and_links_are_the_folders_to_a_510th(written):
    folder, _, found, _ = written
    report = shown(folder)
    assert [some["name"] for some in report["sets"]] == ["test"]
    for row, told in zip(found, report["rows"], strict=True):
        assert told["sets"] == ["test"]
        pairs = row.runs[0].alignments()["test"]
        known = example_stats.read(row).alignments[0]
        back = list(read_back(folder, report, row.slug, "test"))
        for n, (pair, (said, weights, chunk, _, place)) in enumerate(
            zip(pairs, back, strict=True)
        ):
            source, target, sure, possible = said
            assert (tuple(source), tuple(target)) == (pair.source, pair.target)
            links = [set(zip(flat[::2], flat[1::2], strict=True)) for flat in said[2:]]
            assert links == [pair.sure, pair.possible - pair.sure]
            assert np.abs(weights - pair.weights).max() <= 0.5 / 255 + 1e-7
            rate = float(aer.score(known.counts[n]))  # summed, these are the table's
            assert chunk["aer"][place] == pytest.approx(rate, abs=1e-4)


def test_weights_beyond_one_and_no_numbers_stay_bytes():
    weights = np.array([-0.1, 0.0, 1 / 255, 0.5, 1.0, 1.2, np.nan])
    assert quantized(weights).tolist() == [0, 0, 1, 128, 255, 255, 0]


def test_long_sets_are_cut_into_chunks_of_bounded_size(tmp_path, write_run, pairs):
    run = write_run(tmp_path, "first", 0, 0, pairs)
    rng = np.random.default_rng(0)
    words = tuple(f"w{n}" for n in range(100))
    many = [AlignedSentence(words, words, rng.random((100, 100))) for _ in range(11)]
    huge = AlignedSentence(("s",) * 300, ("t",) * 300, rng.random((300, 300)))
    runs.write_alignments(run, {"test": [*many, huge, *many[:1]]})
    write(tmp_path, tmp_path / "report")
    report = shown(tmp_path / "report")
    assert report["sets"][0]["chunks"] == [0, 4, 8, 11, 12]
    sizes = [path.stat().st_size for path in (tmp_path / "report/data/test").glob("f*")]
    assert len(sizes) == 5 and max(sizes) < 130_000
    for pair, (_, weights, *_) in zip(
        [*many, huge, many[0]],
        read_back(tmp_path / "report", report, "first", "test"),
        strict=True,
    ):
        assert np.abs(weights - pair.weights).max() <= 0.5 / 255 + 1e-7


def test_centres_samples_and_the_window_are_told(tmp_path, write_run, pairs):
    local = write_run(tmp_path, "local", 0, 0, pairs)
    config = runs.read_json(local / runs.CONFIG)
    model = {"window": "local-p", "half_width": 3, "read": "hard"}
    runs.write_json(local / runs.CONFIG, config | {"model": model})
    stepped = [
        pair._replace(
            centres=np.arange(len(pair.target)) + 0.25,
            samples=np.arange(len(pair.target)) - 1,
        )
        for pair in local_pairs(local)
    ]
    runs.write_alignments(local, {"test": stepped})
    write_run(tmp_path, "old", 0, 1, pairs)
    folder = tmp_path / "report"
    write(tmp_path, folder)
    report = shown(folder)
    assert report["rows"][0]["half_width"] == 3
    assert "half_width" not in report["rows"][1]
    back = list(read_back(folder, report, "local", "test"))
    for pair, (_, _, chunk, word, _) in zip(stepped, back, strict=True):
        here = slice(word, word + len(pair.target))
        assert chunk["centres"][here] == pair.centres.tolist()
        assert chunk["samples"][here] == pair.samples.tolist()
    for _, _, chunk, _, _ in read_back(folder, report, "old", "test"):
        assert not {"centres", "samples"} & set(chunk)
    axes = {axis["name"]: dict(axis["choices"]) for axis in report["axes"]}
    assert axes == {
        "window": {"local-p": 1, "—": 1},
        "read": {"hard": 1, "—": 1},
    }


def local_pairs(folder: Path) -> list[AlignedSentence]:
    return runs.read_alignments(folder)["test"]


def test_windows_in_subwords_are_not_drawn_over_words(tmp_path, write_run, pairs):
    run = write_run(tmp_path, "first", 0, 0, pairs)
    config = runs.read_json(run / runs.CONFIG)
    config |= {"model": {"window": "local-m", "half_width": 3}}
    runs.write_json(run / runs.CONFIG, config | {"data": {"units": "subwords"}})
    write(tmp_path, tmp_path / "report")
    assert "half_width" not in shown(tmp_path / "report")["rows"][0]


def test_equal_folders_give_equal_bytes_and_stale_data_goes(sweep, tmp_path):
    first, *_ = write(sweep, tmp_path / "one")
    (tmp_path / "two" / "data" / "test").mkdir(parents=True)
    (tmp_path / "two" / "data" / "test" / "gone-0.js").write_text("attnlab.give(1);")
    (tmp_path / "two" / "data" / "theirs.js").write_text("let somebody = 'else';")
    second, *_ = write(sweep, tmp_path / "two")
    assert first[0] == tmp_path / "one" / "index.html"
    there = {path for path in (tmp_path / "two").rglob("*") if path.is_file()}
    assert there == {*second, tmp_path / "two" / "data" / "theirs.js"}
    for one, two in zip(first, second, strict=True):
        assert one.relative_to(tmp_path / "one") == two.relative_to(tmp_path / "two")
        assert one.read_bytes() == two.read_bytes()


def test_the_page_without_its_data_is_tens_of_kilobytes(written):
    text = (written[0] / "index.html").read_text(encoding="utf-8")
    block = re.search(r'id="report">(.*?)</script>', text)[1]
    assert len(text) - len(block) < 90_000


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "a\u2028b\u2029c",
    "{{script}}",
    "\\u003c",
    "'\"&amp;",
)


def test_hostile_text_stays_data(tmp_path, write_run, pairs):
    run = write_run(tmp_path, HOSTILE[0], 0, 0, pairs)
    config = runs.read_json(run / runs.CONFIG)
    runs.write_json(run / runs.CONFIG, config | {"model": {"window": HOSTILE[1]}})
    write_run(tmp_path, "{{report}} <b>", 0, 1, pairs, "failed")
    words = (*HOSTILE, "x")
    pair = AlignedSentence(words, words[:2], np.ones((2, len(words))) / len(words))
    runs.write_alignments(run, {"<set>": [pair]})
    folder = tmp_path / "re<port>"
    write(tmp_path, folder)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<script|</script", text)) == 4  # the data and the script
    assert "<!--" not in text and "\u2028" not in text and "alert(1)</" not in text
    report = shown(folder)
    assert [row["name"] for row in report["rows"]] == [HOSTILE[0], "{{report}} <b>"]
    assert report["rows"][0]["axes"]["window"] == HOSTILE[1]
    assert report["rows"][1]["runs"][0]["failure"].startswith("failed at step 700")
    name, said = given(folder / "data" / "set" / "sentences.js")
    assert (name, tuple(said[0][0])) == ("set", words)
    raw = (folder / "data" / "set" / "sentences.js").read_text(encoding="utf-8")
    assert "<" not in raw and "\u2028" not in raw and "\u2029" not in raw


def test_embedded_json_is_the_same_json():
    value = {"a": [*HOSTILE, None, 1.5], "é": "日本"}
    assert json.loads(embedded(value)) == value
    assert "日本" in embedded(value)
    with pytest.raises(ValueError):
        embedded(float("nan"))


def test_the_policy_forbids_the_network(written):
    text = (written[0] / "index.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; script-src 'self' file: 'sha256-")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    outside = re.sub(r"http://www.w3.org/2000/svg", "", text)
    assert not re.search(r"https?://|//cdn", outside)


def test_rows_of_other_sentences_have_sets_of_their_own(tmp_path, write_run, pairs):
    write_run(tmp_path, "first", 0, 0, pairs)
    write_run(tmp_path, "second", 0, 1, pairs[2:])
    write_run(tmp_path, "third", 0, 2, pairs)
    bare = write_run(tmp_path, "bare", 0, 3, pairs)
    (bare / runs.ALIGNMENTS).unlink()
    write(tmp_path, tmp_path / "report")
    report = shown(tmp_path / "report")
    assert [some["name"] for some in report["sets"]] == ["test", "test (2)"]
    assert [some["count"] for some in report["sets"]] == [15, 14]
    assert [row["sets"] for row in report["rows"]] == [
        ["test"],
        ["test-2"],
        ["test"],
        [],
    ]


def test_sets_without_a_weight_are_left_out_and_shared_ones_come_first(
    tmp_path, write_run, pairs
):
    nothing = [AlignedSentence(("a",), (), np.zeros((0, 1)))] * 3  # of an LSTM
    for order in range(4):
        run = write_run(tmp_path, f"row {order}", 0, order, pairs)
        own = [nothing, pairs[:2], pairs[:3], pairs[:3]][order]
        runs.write_alignments(run, {"test": own})
    write(tmp_path, tmp_path / "report")
    report = shown(tmp_path / "report")
    assert [some["key"] for some in report["sets"]] == ["test-2", "test"]
    assert [row["sets"] for row in report["rows"]] == [[], ["test"]] + [["test-2"]] * 2


def test_half_a_sweep_and_runs_without_settings(tmp_path, write_run, pairs):
    write_run(tmp_path, "begun", 0, 0, pairs, "unfinished")
    write_run(tmp_path, "lost", 0, 1, pairs, "failed")
    write(tmp_path, tmp_path / "report")
    report = shown(tmp_path / "report")
    begun, lost = report["rows"]
    assert begun["cells"] == lost["cells"] == {} and report["sets"] == []
    assert begun["runs"][0]["state"] == "unfinished" and not begun["sets"]
    assert "nan | after 50% of_it" in lost["runs"][0]["failure"]
    assert any("begun, seed 0: unfinished" in line for line in report["notes"])
    assert [chart["x"] for chart in report["charts"]] == ["training step"] * 2
