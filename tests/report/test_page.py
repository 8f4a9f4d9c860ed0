"""The page's data: the table's numbers, the folders' weights, and text as text."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics import alignment_error_rate as aer
from attnlab.report import curves, example_stats, page, render, report, table
from attnlab.report.page import charts
from attnlab.report.page.escaping import embedded
from attnlab.report.page.sentences import quantized
from attnlab.report.row_curves import learning_curves
from attnlab.runs import AlignedSentence


def write(root: Path, folder: Path):
    """(files written, rows, table) of a page with its learning curves."""
    grouped = report.read_rows(root)
    stats = {row.name: example_stats.read(row) for row in grouped}
    printed = table.make_table(grouped, stats, samples=50)
    learning = page.chart_of(learning_curves(curves.learning(grouped)))
    drawn = [(learning, "Learning <curves>.")]
    return page.write(folder, root.name, grouped, printed, drawn), grouped, printed


def content_of(folder: Path) -> dict:
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


def read_back(folder: Path, content: dict, row: str, key: str):
    """(words, weights [T, S], chunk, first word, place in it) of every sentence."""
    _, words = given(folder / "data" / key / "sentences.js")
    (group,) = (each for each in content["sets"] if each["key"] == key)
    ends = [*group["chunks"][1:], group["count"]]
    for number, (start, end) in enumerate(zip(group["chunks"], ends, strict=True)):
        name, chunk = given(folder / "data" / key / f"{row}-{number}.js")
        assert name == f"{key}/{row}/{number}"
        flat = np.frombuffer(base64.b64decode(chunk["weights"]), np.uint8) / 255
        cell = word = 0
        for place in range(start, end):
            source, target = words[place][:2]
            size = len(source) * len(target)
            matrix = flat[cell : cell + size].reshape(len(target), len(source))
            yield words[place], matrix, chunk, word, place - start
            cell, word = cell + size, word + len(target)
        assert cell == flat.size


@pytest.fixture(scope="module")
def written(sweep, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return folder, *write(sweep, folder)


def test_every_number_is_the_tables(written):
    folder, _, grouped, printed = written
    content = content_of(folder)
    assert [column["key"] for column in content["columns"]] == [
        column.key for column in printed.columns
    ]
    for row, line, row_json in zip(
        grouped, printed.lines, content["rows"], strict=True
    ):
        assert row_json["name"] == line.name == row.name
        assert set(row_json["cells"]) == set(line.cells)
        for column in printed.columns:
            cell, seen = line.cells[column.key], row_json["cells"][column.key]
            assert seen["text"] == render.number(cell, column)
            assert seen["mean"] == pytest.approx(cell.mean, rel=1e-5)
            assert seen.get("best", False) == cell.best
            assert seen.get("mark", "") == cell.mark
            assert ("p_both" in seen) == (cell.p_both is not None)
            assert seen.get("p_both", 0) == pytest.approx(cell.p_both or 0, rel=1e-2)
            assert ("p" in seen) == (cell.p_value is not None)
            assert seen.get("p", 0) == pytest.approx(cell.p_value or 0, rel=1e-2)
            cells_of = given(folder / "data" / "seeds.js")[1][row.slug]
            for run, cells in zip(row.runs, cells_of, strict=True):
                number = column.scale * run.result[column.key]
                assert cells[column.key] == f"{number:,.{column.digits}f}"
    assert content["notes"] == render.sentences(printed, "in bold")
    assert any(line.startswith("† differs") for line in content["notes"])


def frame_of(folder: Path) -> ElementTree.Element:
    text = (folder / "index.html").read_text(encoding="utf-8")
    (svg,) = re.findall(r"<figure>(<svg.*?</svg>)<figcaption>", text, re.DOTALL)
    return ElementTree.fromstring(svg)


def element_of(fragment) -> ElementTree.Element:
    tag, attributes, children = fragment
    element = ElementTree.Element(tag, attributes)
    for child in children:
        if isinstance(child, str):
            element.text = child
        else:
            element.append(element_of(child))
    return element


def svg_of(folder: Path) -> ElementTree.Element:
    """The only chart with the lines of all rows, as the page puts it together."""
    root = frame_of(folder)
    layers = {group.get("data-layer"): group for group in root.iter("g")}
    for slug in content_of(folder)["curves"]:
        name, parts = given(folder / "data" / "curves" / f"{slug}.js")
        assert name == f"curves/{slug}"
        for chart, layer, fragment in parts:
            assert chart == 0
            layers[str(layer)].append(element_of(fragment))
    return root


def test_points_of_curves_have_their_values_as_titles(written):
    folder, _, grouped, _ = written
    titles = [title.text for title in svg_of(folder).iter("title")]
    learnt = curves.learning(grouped)
    assert set(learnt) == {"BLEU", "perplexity"}
    expected = []
    for score, series in learnt.items():
        for name, seeds in series.items():
            values = np.array([seed[1] for seed in seeds], float)
            values = np.log(values) if score == "perplexity" else values
            mean, low, high = values.mean(0), values.min(0), values.max(0)
            expected += [
                f"{name}, step {step:,}: {mean[n]:.4g} ({low[n]:.4g} to {high[n]:.4g})"
                for n, step in enumerate(seeds[0][0])
            ]
    assert sorted(titles) == sorted(expected) and len(titles) == 2 * 3 * 15


def test_every_row_of_a_curve_can_be_turned_off(written):
    folder, _, grouped, _ = written
    groups = svg_of(folder).findall(".//g[@data-line]")
    names = [group.get("data-line") for group in groups]
    # two axes, and in each a line with its band, and the values
    assert {name: names.count(name) for name in names} == {
        row.name: 4 for row in grouped
    }


def test_charts_suit_the_policy_of_the_page(written):
    """No style, no script, no address: it would be refused, with a line each."""
    marks = {each.get("id") for each in svg_of(written[0]).iter()}
    for element in svg_of(written[0]).iter():
        assert "style" not in element.attrib and ":" not in element.tag
        assert element.tag not in ("style", "script", "metadata")
        assert element.get("href", "#").startswith("#")
        assert element.tag != "use" or element.get("href")[1:] in marks
    text = (written[0] / "index.html").read_text(encoding="utf-8")
    assert "Learning &lt;curves&gt;." in text
    assert not frame_of(written[0]).findall(".//*[@data-line]")


def test_hostile_names_stay_text_in_charts():
    name = "</svg><script>alert(1)</script> $x$ \x01"
    figure = learning_curves({"BLEU": {name: [([1, 2], [3.0, 4.0])]}})
    chart = page.chart_of(figure)
    assert "<script" not in chart.frame and chart.frame.count("</svg>") == 1
    (row,) = chart.rows
    assert row == name
    titles = [
        title.text
        for _, fragment in chart.rows[row]
        for title in element_of(fragment).iter("title")
    ]
    assert titles[0].startswith("</svg><script>alert(1)</script> $x$ ")


def test_rows_of_equal_looks_are_drawn_without_each_other():
    """matplotlib defines a mark once for all rows that look alike, of 24 or more."""
    curves_of = {f"row {n}": [([1, 2], [n, n + 1.0])] for n in range(30)}
    chart = page.chart_of(learning_curves({"BLEU": curves_of}))
    marks = {e.get("id") for e in ElementTree.fromstring(chart.frame).iter()}
    assert list(chart.rows) == list(curves_of)
    for parts in chart.rows.values():
        elements = [element_of(part) for _, part in parts]
        used = [use.get("href") for each in elements for use in each.iter("use")]
        assert len(used) == 4 and {href[1:] for href in used} <= marks


def points_of(path) -> np.ndarray:
    """The points of an SVG path of straight lines."""
    numbers = re.findall(r"-?[\d.]+", path.get("d"))
    return np.array(numbers, float).reshape(-1, 2)


def test_points_are_where_matplotlib_draws_them():
    rng = np.random.default_rng(0)
    steps = list(range(0, 1600, 100))
    two = [(steps, rng.normal(30, 3, 16)), (steps[:12], rng.normal(30, 3, 12))]
    gap = [(steps, [*rng.normal(25, 3, 16)])]
    drawn = learning_curves({"BLEU": {"a": two, "b": gap}, "AER": {"b": two}})
    figure = drawn.figure()
    for axes in figure.axes:
        for number, line in enumerate(axes.get_lines()):
            line.set_gid(f"line {axes.get_ylabel()} {number}")
        for number, band in enumerate(axes.collections):
            band.set_gid(f"band {axes.get_ylabel()} {number}")
    figure.axes[-1].get_legend().set(visible=False, in_layout=False)
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight")
    svg = re.sub(r' xmlns="[^"]+"', "", file.getvalue())
    theirs = {}
    for group in ElementTree.fromstring(svg).iter("g"):
        if (name := group.get("id", "")).startswith("line "):
            theirs[name] = points_of(next(group.iter("path")))
    chart = page.chart_of(drawn)
    lines = {row: [] for row in chart.rows}
    for row, parts in chart.rows.items():
        for layer, part in parts:
            for path in element_of(part).findall(".//path[@fill='none']"):
                lines[row].append((layer, points_of(path)))
    (rest, mean), other = lines["a"], lines["b"]
    for (layer, points), name in (
        (rest, "line BLEU 0"),
        (mean, "line BLEU 1"),
        (other[0], "line BLEU 2"),
        (other[1], "line AER 0"),
        (other[2], "line AER 1"),
    ):
        assert layer == (2 if "AER" in name else 0)
        np.testing.assert_allclose(points, theirs[name], atol=0.03)  # points of 1/72 in
    assert len(theirs) == 5


def test_a_line_of_many_points_keeps_its_shape():
    steps = list(range(4000))
    wave = np.sin(np.array(steps) / 300.0)
    chart = page.chart_of(learning_curves({"BLEU": {"a": [(steps, wave)]}}))
    (line,) = [
        points_of(path)
        for _, part in chart.rows["a"]
        for path in element_of(part).iter("path")
    ]
    assert len(line) < 1000  # most of them lie where nobody sees them
    ends = line[[0, -1], 0]
    at = (line[:, 0] - ends[0]) / (ends[1] - ends[0]) * steps[-1]
    height = line[:, 1].max() - line[:, 1].min()
    shape = 1 - 2 * (line[:, 1] - line[:, 1].min()) / height
    np.testing.assert_allclose(shape, np.sin(at / 300.0), atol=0.01)


def test_long_curves_have_a_bounded_number_of_values():
    steps = list(range(10_000))
    figure = learning_curves({"BLEU": {"a": [(steps, steps)]}})
    (parts,) = page.chart_of(figure).rows.values()
    titles = [t for _, part in parts for t in element_of(part).iter("title")]
    assert 10 < len(titles) <= charts.MOST_VALUES


def test_weights_and_links_are_the_folders_to_a_510th(written):
    folder, _, grouped, _ = written
    content = content_of(folder)
    assert [each["name"] for each in content["sets"]] == ["test"]
    for row, row_json in zip(grouped, content["rows"], strict=True):
        assert row_json["sets"] == {"test": [0, 1, 2]}
        pairs = row.runs[0].alignments()["test"]
        aligned = example_stats.read(row).alignments[0]
        back = list(read_back(folder, content, row.slug, "test"))
        for n, (pair, (sentence, weights, chunk, _, place)) in enumerate(
            zip(pairs, back, strict=True)
        ):
            source, target, sure, possible = sentence
            assert (tuple(source), tuple(target)) == (pair.source, pair.target)
            links = [
                set(zip(flat[::2], flat[1::2], strict=True)) for flat in sentence[2:]
            ]
            assert links == [pair.sure, pair.possible - pair.sure]
            assert np.abs(weights - pair.weights).max() <= 0.5 / 255 + 1e-7
            rate = float(aer.score(aligned.counts[n]))  # summed, these are the table's
            assert chunk["aer"][place] == pytest.approx(rate, abs=1e-4)


def test_further_seeds_have_files_of_their_own(written):
    folder, _, grouped, _ = written
    for row in grouped:
        for run in row.runs[1:]:
            name, chunk = given(folder / f"data/test/{row.slug}/{run.seed}-0.js")
            assert name == f"test/{row.slug}/{run.seed}/0"
            flat = np.frombuffer(base64.b64decode(chunk["weights"]), np.uint8)
            pairs = run.alignments()["test"]
            wanted = quantized(np.concatenate([p.weights.ravel() for p in pairs]))
            assert flat.tolist() == wanted[: len(flat)].tolist() and len(flat) > 100


def test_own_translations_of_further_seeds_are_left_out(tmp_path, write_run, pairs):
    for seed in range(3):
        run = write_run(tmp_path, "row", seed, 0, pairs)
        said = [pair._replace(target=(f"{seed}", *pair.target[1:])) for pair in pairs]
        sets = {"forced": pairs, "own": said[:5]}
        runs.write_alignments(run, sets)
    write(tmp_path, tmp_path / "report")
    (row,) = content_of(tmp_path / "report")["rows"]
    assert row["sets"] == {"forced": [0, 1, 2], "own": [0]}


def test_every_setting_that_varies_is_an_axis(tmp_path, write_run, pairs):
    for order in range(3):
        run = write_run(tmp_path, f"row {order}", 0, order, pairs)
        model = {"window": "global", "width": 8 * order, "score": "dot"}
        train = {
            "width": [order % 2],
            "rate": None if order else 0.1 + 0.2,
            "devices": order,
        }
        config = runs.read_json(run / runs.CONFIG) | {"model": model, "train": train}
        runs.write_json(run / runs.CONFIG, config)
    write(tmp_path, tmp_path / "report")
    content = content_of(tmp_path / "report")
    axes = {axis["name"]: dict(axis["choices"]) for axis in content["axes"]}
    assert axes == {
        "model.width": {"0": 1, "8": 1, "16": 1},
        "train.width": {"[0]": 2, "[1]": 1},
        "rate": {"0.3": 1, "—": 2},
    }
    assert [row["axes"] for row in content["rows"]] == [[0, 0, 0], [1, 1, 1], [2, 0, 1]]


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
    content = content_of(tmp_path / "report")
    assert content["sets"][0]["chunks"] == [0, 4, 8, 11, 12]
    sizes = [path.stat().st_size for path in (tmp_path / "report/data/test").glob("f*")]
    assert len(sizes) == 5 and max(sizes) < 130_000
    for pair, (_, weights, *_) in zip(
        [*many, huge, many[0]],
        read_back(tmp_path / "report", content, "first", "test"),
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
    content = content_of(folder)
    assert content["rows"][0]["half_width"] == 3
    assert "half_width" not in content["rows"][1]
    back = list(read_back(folder, content, "local", "test"))
    for pair, (_, _, chunk, word, _) in zip(stepped, back, strict=True):
        here = slice(word, word + len(pair.target))
        assert chunk["centres"][here] == pair.centres.tolist()
        assert chunk["samples"][here] == pair.samples.tolist()
    for _, _, chunk, _, _ in read_back(folder, content, "old", "test"):
        assert not {"centres", "samples"} & set(chunk)
    axes = {axis["name"]: dict(axis["choices"]) for axis in content["axes"]}
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
    assert "half_width" not in content_of(tmp_path / "report")["rows"][0]


def test_equal_folders_give_equal_bytes_and_stale_data_goes(sweep, tmp_path):
    first, *_ = write(sweep, tmp_path / "one")
    (tmp_path / "two" / "data" / "test").mkdir(parents=True)
    (tmp_path / "two" / "data" / "test" / "gone-0.js").write_text("attnlab.give(1);")
    (tmp_path / "two" / "data" / "theirs.js").write_text("let somebody = 'else';")
    second, *_ = write(sweep, tmp_path / "two")
    assert first[0] == tmp_path / "one" / "index.html"
    there = {path for path in (tmp_path / "two").rglob("*") if path.is_file()}
    assert there == {*second, tmp_path / "two" / "data" / "theirs.js"}
    for a, b in zip(first, second, strict=True):
        assert a.relative_to(tmp_path / "one") == b.relative_to(tmp_path / "two")
        assert a.read_bytes() == b.read_bytes()


def test_the_page_without_its_data_is_tens_of_kilobytes(written):
    text = (written[0] / "index.html").read_text(encoding="utf-8")
    block = re.search(r'id="report">(.*?)</script>', text)[1]
    svg = ElementTree.tostring(frame_of(written[0]))
    assert len(text) - len(block) - len(svg) < 95_000


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
    content = content_of(folder)
    assert [row["name"] for row in content["rows"]] == [HOSTILE[0], "{{report}} <b>"]
    window = dict((axis["name"], axis["choices"]) for axis in content["axes"])["window"]
    assert HOSTILE[1] in dict(window)
    assert content["rows"][1]["runs"][0]["failure"].startswith("failed at step 700")
    name, sentence = given(folder / "data" / "set" / "sentences.js")
    assert (name, tuple(sentence[0][0])) == ("set", words)
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
    content = content_of(tmp_path / "report")
    assert [each["name"] for each in content["sets"]] == ["test", "test (2)"]
    assert [each["count"] for each in content["sets"]] == [15, 14]
    assert [row["sets"] for row in content["rows"]] == [
        {"test": [0]},
        {"test-2": [0]},
        {"test": [0]},
        {},
    ]


def test_sets_without_a_weight_are_left_out_and_shared_ones_come_first(
    tmp_path, write_run, pairs
):
    nothing = [AlignedSentence(("a",), (), np.zeros((0, 1)))] * 3  # of an LSTM
    for order in range(4):
        run = write_run(tmp_path, f"row {order}", 0, order, pairs)
        aligned = [nothing, pairs[:2], pairs[:3], pairs[:3]][order]
        runs.write_alignments(run, {"test": aligned})
    write(tmp_path, tmp_path / "report")
    content = content_of(tmp_path / "report")
    assert [each["key"] for each in content["sets"]] == ["test-2", "test"]
    assert [[*row["sets"]] for row in content["rows"]] == [
        [],
        ["test"],
        ["test-2"],
        ["test-2"],
    ]


def test_half_a_sweep_and_runs_without_settings(tmp_path, write_run, pairs):
    write_run(tmp_path, "begun", 0, 0, pairs, "unfinished")
    write_run(tmp_path, "lost", 0, 1, pairs, "failed")
    write(tmp_path, tmp_path / "report")
    content = content_of(tmp_path / "report")
    begun, lost = content["rows"]
    assert begun["cells"] == lost["cells"] == {} and content["sets"] == []
    assert begun["runs"][0]["state"] == "unfinished" and not begun["sets"]
    assert "nan | after 50% of_it" in lost["runs"][0]["failure"]
    assert any("begun, seed 0: unfinished" in line for line in content["notes"])
