"""attnlab.load: translate, align and plot with the checkpoint of a run."""

import copy
import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

import attnlab
from attnlab import runs
from attnlab.report import heatmaps
from attnlab.tasks import parse_settings
from attnlab.tasks.translation.trained import AlignedTranslation
from attnlab.text.pairs import Pair
from attnlab.training.run import run
from tests.tiny import tiny_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished tiny run."""
    folder = tiny_folder(tmp_path_factory.mktemp("trained"))
    run(folder, console=False)
    return folder


@pytest.fixture(scope="module")
def loaded(folder):
    return attnlab.load(folder)


@pytest.fixture(scope="module")
def sources(folder):
    return runs.read_lines(folder / runs.SOURCES)


def test_it_is_the_best_checkpoint_of_the_run(folder, loaded):
    result = runs.read_json(folder / runs.RESULT)
    assert loaded.step == result["best_step"]
    assert loaded.settings == parse_settings(runs.read_config(folder))
    assert attnlab.load(str(folder)).step == loaded.step


def test_it_translates_the_test_set_as_the_run_did(folder, loaded, sources):
    actual = loaded.translate(sources)
    assert [str(one) for one in actual] == runs.read_lines(folder / runs.HYPOTHESES)


def test_it_aligns_the_gold_set_as_the_run_did(folder, loaded):
    for pair in runs.read_alignments(folder)["test"]:
        actual = loaded.align(" ".join(pair.source), " ".join(pair.target))
        assert (actual.source, actual.target) == (pair.source, pair.target)
        np.testing.assert_allclose(actual.alignment, pair.weights, rtol=1e-4, atol=1e-6)


def test_a_given_translation_has_the_log_probability_of_the_run(folder, loaded):
    """Summed, result.json's perplexity; whatever the length penalty of a search is."""
    result = runs.read_json(folder / runs.RESULT)
    sources, references = (
        runs.read_lines(folder / name) for name in (runs.SOURCES, runs.REFERENCES)
    )
    pairs = [
        Pair(tuple(source.split()), tuple(target.split()))
        for source, target in zip(sources, references, strict=True)
    ]
    scored = list(loaded.align_all(pairs, at_once=3))
    assert [each[:2] for each in scored] == pairs
    assert [each.units for each in scored] == [len(pair.target) + 1 for pair in pairs]
    total = sum(each.log_probability for each in scored)
    mean = -total / sum(each.units for each in scored)
    np.testing.assert_allclose(np.exp(mean), result["perplexity"], rtol=1e-5)
    one = loaded.align(sources[1], references[1], kind="posterior")
    np.testing.assert_allclose(one.score, scored[1].score, rtol=1e-5)
    assert one.score == one.log_probability < 0
    np.testing.assert_allclose(one.perplexity, np.exp(-one.score / one.units))


def test_sides_without_words_are_scored_and_texts_are_no_pairs(loaded):
    empty = list(loaded.align_all([Pair(("n0",), ()), Pair((), ("N0",)), Pair((), ())]))
    assert [each.units for each in empty] == [1, 2, 1]
    assert all(np.isfinite(each.log_probability) for each in empty)
    assert [each.alignment.shape for each in empty] == [(0, 1), (1, 0), (0, 0)]
    assert list(loaded.align_all([])) == []
    with pytest.raises(ValueError, match="'a b'"):
        list(loaded.align_all([("a b", "c")]))
    with pytest.raises(ValueError, match="^pairs is"):
        loaded.align_all("a b")
    with pytest.raises(ValueError, match="'after'"):
        loaded.align_all([], kind="after")


def test_many_lines_are_translated_as_one_by_one(loaded, sources):
    lines = [*sources, "", sources[0]]
    actual = list(loaded.translate_all((f"{line}\n" for line in lines), at_once=3))
    assert [str(each) for each in actual] == [
        str(each) for each in loaded.translate(lines)
    ]
    greedy = actual[0]
    assert greedy.score == greedy.log_probability
    assert actual[-2].units == 0 and np.isnan(actual[-2].perplexity)
    lists = list(loaded.n_best(lines[:2], 3))
    assert [len(best) for best in lists] == [3, 3]
    scores = [each.score for each in lists[0]]
    assert scores == sorted(scores, reverse=True)
    beamed = loaded.translate(lines[0], beams=3)
    assert str(lists[0][0]) == str(beamed)
    np.testing.assert_allclose(
        beamed.log_probability, beamed.score * beamed.units, rtol=1e-5
    )


def test_unknown_words_are_replaced_where_that_is_asked(loaded, sources):
    codec = copy.copy(loaded.translator.target)
    codec.words = (*codec.words[:4], *("<unk>" for _ in codec.words[4:]))
    translator = copy.copy(loaded.translator)
    translator.target = codec
    blind = dataclasses.replace(loaded, translator=translator)
    ((_, plain),) = blind.n_best(sources[:1], 2)  # of two one has words
    ((_, replaced),) = blind.n_best(sources[:1], 2, replace_unknown=True)
    assert set(plain.target) == {"<unk>"}
    expected = [plain.source[s] for s in plain.alignment.argmax(axis=1)]
    assert list(replaced.target) == expected


def test_a_corpus_in_lower_case_is_asked_in_lower_case(loaded):
    assert loaded.words("A\tb  C") == ["A", "b", "C"]
    data = loaded.settings.data
    files = data.files.model_copy(update={"lowercase": True})
    data = data.model_copy(update={"name": "files", "files": files})
    settings = loaded.settings.model_copy(update={"data": data})
    lowered = dataclasses.replace(loaded, settings=settings)
    assert lowered.words("A\tb  C") == ["a", "b", "c"]
    assert lowered.translate("A b").source == ("a", "b")
    assert lowered.align("A", "B").target == ("b",)


@pytest.mark.parametrize("lines", ["a b", b"a", 5, None])
def test_what_is_no_list_of_lines_is_named(loaded, lines):
    with pytest.raises(ValueError, match="^lines is"):
        loaded.translate_all(lines)


def test_a_list_of_best_ones_needs_a_count_and_beams(loaded):
    for count in (0, 1.5, "2"):
        with pytest.raises(ValueError, match="^count is"):
            loaded.n_best(["a"], count)
    with pytest.raises(ValueError, match="count is 3, more than beams, 2"):
        loaded.n_best(["a"], 3, beams=2)
    with pytest.raises(ValueError, match="^at_once is 0"):
        loaded.translate_all(["a"], at_once=0)
    with pytest.raises(ValueError, match="no sentence"):
        list(loaded.translate_all([3]))


def test_one_sentence_gives_one_translation_and_many_a_list(loaded, sources):
    one = loaded.translate(sources[0])
    (same,) = loaded.translate(sources[:1])
    assert str(one) == str(same)
    assert one.source == tuple(sources[0].split())
    assert one.alignment.shape == (len(one.target), len(one.source))
    assert np.isfinite(one.score) and one.score < 0


def test_rows_of_an_alignment_sum_to_one_and_links_are_their_largest(loaded, sources):
    actual = loaded.align(sources[0], sources[1])  # any words will do for a target
    np.testing.assert_allclose(actual.alignment.sum(axis=1), 1.0, rtol=1e-4)
    largest = {(int(s), t) for t, s in enumerate(actual.alignment.argmax(axis=1))}
    assert actual.links() == largest


def test_a_word_that_is_likelier_of_nothing_has_no_link():
    weights = np.array([[0.5, 0.2], [0.3, 0.2], [0.0, 0.0]])  # lack 0.3, 0.5 and 1
    pair = AlignedTranslation(("a", "b"), ("x", "y", "z"), weights, 0.0)
    assert pair.links() == {(0, 0), (0, 1)}
    assert pair._replace(null=True).links() == {(0, 0)}


def test_a_model_says_whether_words_may_be_of_nothing(loaded, sources):
    assert not loaded.align(sources[0], "a b").null
    assert not loaded.translate(sources[0]).null
    translator = copy.copy(loaded.translator)
    translator.null = True
    chain = dataclasses.replace(loaded, translator=translator)
    assert chain.align(sources[0], "a b", kind="posterior").null
    assert chain.translate(sources[0]).null


def test_the_posterior_reads_the_target_word_too(loaded, folder):
    pair = runs.read_alignments(folder)["test"][0]
    texts = " ".join(pair.source), " ".join(pair.target)
    prior, posterior = (loaded.align(*texts, kind=k) for k in ("prior", "posterior"))
    np.testing.assert_allclose(posterior.alignment.sum(axis=1), 1.0, rtol=1e-4)
    assert not np.allclose(prior.alignment, posterior.alignment)
    with pytest.raises(ValueError, match="'after'.*prior, posterior"):
        loaded.align(*texts, kind="after")


def test_an_unknown_word_is_read_as_unknown(loaded):
    actual = loaded.translate("xylophone")
    assert actual.source == ("xylophone",)
    assert actual.alignment.shape[1] == 1


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.png", ["a.png"]),
        ("a.pdf", ["a.pdf"]),
        ("new/a", ["new/a.png", "new/a.pdf"]),
    ],
)
def test_a_translation_is_plotted(loaded, sources, tmp_path, name, written):
    aligned = loaded.align(sources[0], sources[1])
    actual = aligned.plot(tmp_path / name, title="a title")
    assert {str(path.relative_to(tmp_path)) for path in actual} == set(written)
    for path in actual:
        head = path.read_bytes()[:4]
        assert head == (b"\x89PNG" if path.suffix == ".png" else b"%PDF")


def test_another_ending_is_refused(loaded, sources, tmp_path):
    with pytest.raises(ValueError, match="'.jpg'.*.png, .pdf"):
        loaded.align(sources[0], "a").plot(tmp_path / "a.jpg")


def test_an_empty_translation_is_not_plotted(loaded, sources, tmp_path):
    aligned = loaded.align(sources[0], "a")
    empty = aligned._replace(target=(), alignment=aligned.alignment[:0])
    with pytest.raises(ValueError, match=f"{sources[0]!r}.*empty"):
        empty.plot(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_a_pair_without_words_on_a_side_is_refused(loaded):
    with pytest.raises(ValueError, match="'a', ''"):
        loaded.align("a", "")


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        attnlab.load(tmp_path)


def test_a_run_that_has_not_begun_is_named(tmp_path):
    folder = tiny_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=str(folder)):
        attnlab.load(folder)


def test_a_run_without_a_checkpoint_is_named(tmp_path, folder):
    young = tiny_folder(tmp_path)
    for name in ("source.codec", "target.codec"):
        (young / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(FileNotFoundError, match=str(young / "checkpoints")):
        attnlab.load(young)


def test_a_configuration_that_was_edited_is_noticed(tmp_path, folder):
    young = tiny_folder(tmp_path, **{"model.hidden": 4})
    for name in ("source.codec", "target.codec"):
        (young / name).write_bytes((folder / name).read_bytes())
    (young / "checkpoints").symlink_to(folder / "checkpoints")
    with pytest.raises(ValueError, match="configuration"):
        attnlab.load(young)


def test_a_run_of_an_unknown_task_is_named(tmp_path):
    runs.write_json(tmp_path / runs.CONFIG, {"task": "poetry"})
    with pytest.raises(ValueError, match="'poetry'.*translation"):
        attnlab.load(tmp_path)


def test_what_is_loaded_prints_in_a_line(loaded, sources, folder):
    text = repr(loaded)
    assert str(folder) in text and "global general" in text
    assert len(text) < 100 + len(str(folder))
    aligned = loaded.align(sources[0], "a b")
    assert repr(aligned) == f"<{sources[0]!r} → 'a b'>"


def test_a_notebook_shows_a_translation_as_a_picture(loaded, sources):
    aligned = loaded.align(sources[0], "a b")
    assert "<svg" in aligned._repr_html_()
    empty = aligned._replace(target=(), alignment=aligned.alignment[:0])
    assert "<svg" not in empty._repr_html_()


def test_a_sentence_without_words_has_a_translation_without(loaded, sources):
    for blank in ("", " \t "):
        empty = loaded.translate(blank)
        assert (empty.source, empty.target) == ((), ())
        assert empty.alignment.shape == (0, 0) and empty.score == 0.0
    mixed = loaded.translate(["", sources[0], "", sources[1]])
    alone = loaded.translate(sources[:2])
    assert [str(one) for one in mixed] == ["", str(alone[0]), "", str(alone[1])]
    assert loaded.translate(["", ""])[1].target == ()


@pytest.mark.parametrize("text", [[["ein", "mann"]], [3], [None]])
def test_what_is_no_sentence_is_named(loaded, text):
    with pytest.raises(ValueError, match="is no sentence"):
        loaded.translate(text)


@pytest.mark.parametrize("text", [5, None, b"a", {"a": 1}])
def test_what_is_no_list_of_sentences_is_named(loaded, text):
    with pytest.raises(ValueError, match="^text is "):
        loaded.translate(text)


def test_a_side_that_is_no_text_is_named(loaded):
    with pytest.raises(ValueError, match="^source is 5"):
        loaded.align(5, "a")
    with pytest.raises(ValueError, match="^target is None"):
        loaded.align("a", None)


@pytest.mark.parametrize("beams", [0, -1, 1.5, "2", float("nan"), 2**63])
def test_a_search_needs_a_beam(loaded, sources, beams):
    with pytest.raises(ValueError, match=re.escape(f"beams is {beams!r}")):
        loaded.translate(sources[0], beams=beams)


def test_weights_that_are_no_numbers_are_not_drawn(tmp_path):
    weights = np.array([[0.5, np.nan]])
    with pytest.raises(ValueError, match="finite, this one has nan"):
        AlignedTranslation(("a", "b"), ("c",), weights, 0.0).plot(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_a_picture_of_one_word_and_of_long_ones_stays_readable(tmp_path):
    one = AlignedTranslation(("a", "b"), ("c",), np.full((1, 2), 0.5), 0.0)
    long = AlignedTranslation(("x" * 300, "b"), ("y" * 200, "z"), np.eye(2), 0.0)
    for name, pair in {"one": one, "long": long}.items():
        (path,) = pair.plot(tmp_path / f"{name}.png")
        with Image.open(path) as picture:
            assert max(picture.size) < 1000
    figure = heatmaps.heat_map(runs.AlignedSentence(*one[:3]))
    figure.draw_without_rendering()
    bar = figure.axes[-1]
    boxes = [label.get_window_extent() for label in bar.get_yticklabels()]
    assert len(boxes) == 3
    for low, high in zip(boxes, boxes[1:], strict=False):
        assert low.y1 <= high.y0  # no number lies on another


def test_letters_that_the_font_lacks_are_one_line(tmp_path):
    pair = AlignedTranslation(("\u732b", "\u306f"), ("the", "cat"), np.eye(2), 0.0)
    with pytest.warns(RuntimeWarning) as caught:
        pair.plot(tmp_path / "cjk.png")
    (line,) = [str(warning.message) for warning in caught]
    assert "\u306f\u732b" in line and "\n" not in line
    with pytest.raises(ValueError, match="no font 'Nonesuch Sans'"):
        pair.plot(tmp_path / "cjk.png", font="Nonesuch Sans")
