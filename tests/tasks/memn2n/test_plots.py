"""Figures of hops, and the choice among restarts."""

import json

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import example_stats, figures, rows
from attnlab.tasks.memn2n import best_seed, plots

STORY = ("mary went home", "john took $5", "mary left")


def write(root, row, seed, order=0, story=STORY, predicted="home", **result):
    folder = root / runs.slug(row) / str(seed)
    named = {"row": row, "slug": runs.slug(row), "seed": seed, "order": order}
    runs.write_json(folder / runs.CONFIG, named | {"task": "memn2n"})
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]], np.float32)[:, : len(story)]
    links = frozenset({(0, 0), (1, 0)})
    pairs = [
        runs.AlignedSentence(story, ("hop 1", "hop 2"), weights, links, links),
        runs.AlignedSentence(story[:2], ("hop 1", "hop 2"), weights[:, :2]),
    ]
    runs.write_alignments(folder, {"test": pairs})
    labels = [
        {"question": f"where is {who}", "answer": "home", "predicted": predicted}
        for who in ("mary", "john")
    ]
    text = np.frombuffer(json.dumps(labels).encode(), np.uint8)
    runs.write_arrays(folder / runs.EXAMPLES, {"questions": text})
    runs.write_json(folder / runs.RESULT, named | result)


def read(root):
    read_rows = rows.group(runs.find(root))
    return read_rows, {row.name: example_stats.read(row) for row in read_rows}


def texts(page):
    return [text.get_text() for axes in page.axes for text in axes.texts]


def test_rows_stand_beside_each_other_over_the_questions_they_share(tmp_path):
    write(tmp_path, "one", 0)
    write(tmp_path, "two", 0, 1, predicted="garden")
    drawn = []
    plots.draw(*read(tmp_path), lambda *figure: drawn.append(figure))
    assert [name for _, name, _ in drawn] == ["answers-1", "answers-2"]
    page = drawn[0][0]
    labels = texts(page)
    drawn_texts = {"one", "two", "home", "garden", "where is mary?", "gold: home"}
    assert drawn_texts < set(labels)
    assert "john took \\$5" in labels and ".9" in labels
    images = [axes.get_images()[0] for axes in page.axes if axes.get_images()]
    assert len(images) == 2
    np.testing.assert_allclose(images[0].get_array()[:, 0], [0.9, 0.1, 0.0])
    by_text = {text.get_text(): text for axes in page.axes for text in axes.texts}
    assert by_text["mary went home"].get_color() != by_text["mary left"].get_color()
    assert by_text["garden"].get_color() == plots.WRONG != by_text["home"].get_color()
    (path,) = figures.save(page, tmp_path / "page", formats=["png"])
    assert path.stat().st_size > 1000


def test_rows_of_other_stories_have_a_figure_each(tmp_path):
    write(tmp_path, "one", 0)
    write(tmp_path, "two", 0, 1, story=("a b", "c d"))
    drawn = []
    plots.draw(*read(tmp_path), lambda *figure: drawn.append(figure[1]))
    assert drawn == ["answer-one", "answer-two"]


def test_a_baseline_without_weights_is_left_out(tmp_path):
    write(tmp_path, "one", 0)
    nothing = runs.AlignedSentence(STORY, (), np.zeros((0, 3)))
    write(tmp_path, "lstm", 0, 1)
    runs.write_alignments(tmp_path / "lstm" / "0", {"test": [nothing, nothing]})
    read_rows, stats = read(tmp_path)
    drawn = []
    plots.draw(read_rows, stats, lambda *figure: drawn.append(figure))
    assert "lstm" not in texts(drawn[0][0]) and "one" in texts(drawn[0][0])


def test_the_best_restart_is_chosen_by_training_alone(tmp_path, capsys):
    for seed, (loss, accuracy) in enumerate([(0.3, 0.99), (0.1, 0.8), (0.2, 0.9)]):
        write(
            tmp_path, "task 1", seed, accuracy=accuracy, train_loss=loss, pointing=0.5
        )
    (row,) = rows.group(runs.find(tmp_path))
    best = best_seed.best_of(row)
    assert best is not None and best.seed == 1
    assert best_seed.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "| task 1 | 3 | 20.0 | 0.500 | — | 1.0 to 20.0 |" in printed
    assert "| mean; rows above 5 % | | 20.0; 1 |" in printed
    for by in ("loss", "test_loss", "train_accuracy"):
        with pytest.raises(ValueError, match=f"not '{by}'"):
            best_seed.best_of(row, by)
    assert best_seed.main([str(tmp_path), "--by", "dev_loss"]) == 2
    assert "has no dev_loss" in capsys.readouterr().err
