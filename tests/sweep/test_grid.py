"""Products in a sweep: every combination is a row, as if each had been added."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from attnlab.sweep import rows
from configs.translation import get_config


def planned(sweep) -> list[tuple[Path, dict[str, Any]]]:
    return [(run.place, dict(run.config)) for run in rows.plan(get_config(), sweep)]


def names(*template, **values) -> list[str]:
    return [
        config["row"] for _, config in planned(lambda a: a.grid(*template, **values))
    ]


def fails(*template, **values) -> str:
    with pytest.raises(ValueError) as caught:
        names(*template, **values)
    return str(caught.value)


def test_a_grid_equals_its_rows_written_out():
    def grid(add):
        add("first")
        add.grid(
            "{score}, {half_width}",
            window="local-m",
            score=["dot", "general"],
            half_width=[5, 10, 20],
            seed=range(3),
        )
        add("last", seed=7)

    def by_hand(add):
        add("first", seed=0)
        for score in ("dot", "general"):
            for width in (5, 10, 20):
                for seed in (0, 1, 2):
                    options = {"half_width": width, "seed": seed}
                    add(f"{score}, {width}", window="local-m", score=score, **options)
        add("last", seed=7)

    assert planned(grid) == planned(by_hand)
    assert len(planned(grid)) == 2 + 2 * 3 * 3


def test_the_last_list_runs_fastest_so_seeds_may_come_first():
    made = names(seed=[4, 2], score=["dot", "general"])
    assert made == ["dot", "general", "dot", "general"]
    places = planned(lambda add: add.grid(seed=[4, 2], score=["dot", "general"]))
    assert [str(place) for place, _ in places] == ["dot/4", "general/4"] + [
        "dot/2",
        "general/2",
    ]


def test_without_a_template_the_values_of_all_lists_are_the_name():
    values = {"score": ["dot", "general"], "window": "local-m", "half_width": [5]}
    assert names(**values, seed=range(1)) == ["dot, 5", "general, 5"]


def test_a_template_names_settings_in_full_by_last_words_and_by_format():
    settings = {"train.learning_rate": [0.001, 0.01], "model.score": "dot"}
    made = names("{score} at {train.learning_rate:.0e} {{x}}", **settings)
    assert made == ["dot at 1e-03 {x}", "dot at 1e-02 {x}"]
    assert names("{learning_rate!r:>6}", **settings) == [" 0.001", "  0.01"]


def test_a_setting_that_is_a_tuple_takes_a_list_of_tuples():
    made = planned(lambda add: add.grid(**{"data.edges": [(8,), (8, 16)]}))
    assert [config["data"]["edges"] for _, config in made] == [[8], [8, 16]]
    assert [config["row"] for _, config in made] == ["(8,)", "(8, 16)"]
    assert names("{edges:>9}", **{"data.edges": [(8, 16)]}) == ["  (8, 16)"]
    shared = planned(lambda add: add.grid(score=["dot"], **{"data.edges": (8, 16)}))
    assert [config["data"]["edges"] for _, config in shared] == [[8, 16]]


@pytest.mark.parametrize("files", ["a.fr,b.en", ("a.fr", "b.en")], ids=str)
def test_names_of_files_are_one_value_unless_they_are_a_list(files):
    shared = {"data.name": "files", "data.files.train": files}
    by_grid = planned(lambda add: add.grid(score=["dot"], **shared))
    assert by_grid == planned(lambda add: add("dot", score="dot", **shared))
    several = {"data.name": "files", "data.files.train": ["a.tsv", files]}
    made = planned(lambda add: add.grid("{train}", **several))
    assert [config["row"] for _, config in made] == ["a.tsv", str(files)]


def test_rows_of_a_grid_are_checked_as_others_are():
    message = fails(score=["dot", "generall"], window="global")
    assert message.startswith("row 'generall': model.score is 'generall'")
    message = fails(window=["global", "local-m"], half_width=[5, 6])
    lines = message.splitlines()
    assert len(lines) == 2 and all("model.half_width" in line for line in lines)
    assert fails(score=["dot", "dot"]) == "row 'dot': it is added twice with seed 0"


@pytest.mark.parametrize(
    ("template", "values", "parts"),
    [
        ("{scor}", {"score": ["dot"]}, ["{scor}", "choose {score}"]),
        ("{}", {"score": ["dot"]}, ["{}", "choose {score}"]),
        ("{score", {"score": ["dot"]}, ["grid '{score'", "'}'"]),
        (["dot"], {"score": ["dot"]}, ["['dot']", "text"]),
        ("{hidden:d%}", {"hidden": [8, 9]}, ["model.hidden", "8"]),
        ("{score}", {"score": ["dot", "general"], "hidden": [8, 9]}, ["{hidden}"]),
        ("x", {"score": []}, ["model.score", "empty"]),
        (None, {"seed": range(0), "score": ["dot"]}, ["seed", "empty"]),
        (None, {"seed": range(2)}, ["grid of seed", "name"]),
        (None, {"score": ("dot", "general")}, ["model.score", "['dot', 'general']"]),
        (None, {"half_width": "5, 10"}, ["half_width", "'5, 10'", "[5, 10]"]),
        (None, {"score": {"dot"}}, ["model.score", "set", "list"]),
        (None, {"score": (n for n in "ab")}, ["model.score", "generator", "list"]),
        (None, {"data.files.train": {"a.tsv"}}, ["data.files.train", "set", "list"]),
        (None, {"data.edges": [8, 16]}, ["data.edges", "[(8, 16)]"]),
        (None, {"widow": ["global"]}, ["grid of widow", "did you mean window"]),
        ("x", {"hidden": [8], "model.hidden": 8}, ["model.hidden", "twice"]),
        ("", {"score": ["dot"]}, ["''", "name"]),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", str(value)),  # in every process
)
def test_a_mistake_is_one_line(template, values, parts):
    message = fails(template, **values)
    assert len(message.splitlines()) == 1
    assert all(part in message for part in parts), message


def test_mistakes_of_grids_and_rows_are_listed_at_once():
    def sweep(add):
        add.grid("{x}", score=["dot"])
        add("a", widow="local-m")
        add.grid(score=[])

    with pytest.raises(ValueError) as caught:
        planned(sweep)
    lines = str(caught.value).splitlines()
    starts = ("grid '{x}': ", "row 'a': ", "grid of score: ")
    assert [line.startswith(s) for line, s in zip(lines, starts, strict=True)] == [
        True
    ] * 3


def test_many_values_make_all_combinations():
    axes = {"hidden": [8, 16], "score": ["dot", "general"], "steps": range(1, 4)}
    made = names("{hidden} {score} {steps}", **axes)
    assert made == [
        " ".join(map(str, row)) for row in itertools.product(*axes.values())
    ]
