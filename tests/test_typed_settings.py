"""Settings: what a record refuses and how it says so, and the ConfigDict it makes."""

import enum
import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import ml_collections
import pytest
from pydantic import Field, model_validator

from attnlab import parsing
from attnlab.attention import presets
from attnlab.attention.presets import SCORES
from attnlab.parsing import allowed, config_dict, fields_of, near, parse, section_of
from attnlab.settings import (
    MONOTONIC,
    RUN_KEYS,
    AttentionSettings,
    Choice,
    Count,
    DataSettings,
    EstimatorSettings,
    Fraction,
    LearningSettings,
    NonNegative,
    Positive,
    Range,
    Settings,
    Share,
    Size,
    TaskSettings,
    TrainSettings,
    described_arguments,
    with_corpora,
)

SHAPES = {"round": 1, "square": 2}  # a table that a Choice may name


class Part(Settings):
    """A section."""

    count: Count = 3
    """How many."""
    size: Size = 0
    share: Share = 0.5
    rate: Positive = 0.1
    weight: NonNegative = 0.0
    drop: Fraction = 0.0
    shape: Annotated[str, Choice(f"{__name__}:SHAPES", "none")] = "round"
    color: Literal["red", "blue"] = "red"
    lengths: Range = (3, 6)
    edges: tuple[int, ...] = ()
    devices: Count | Literal["all"] = 1
    longest: int | None = None
    exact: bool = False


class Whole(Settings):
    """A record of two sections."""

    seed: int = 0
    part: Part = Part()
    train: TrainSettings = TrainSettings()

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if self.part.count == 13:
            raise ValueError("part.count 13 and train.steps do not go together")
        return self


# ---- errors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "offered"),
    [
        ("count", 0, "greater than or equal to 1"),
        ("count", 2.5, "integer"),
        ("count", "3", "integer"),
        ("count", True, "integer"),
        ("count", None, "integer"),
        ("size", -1, "greater than or equal to 0"),
        ("share", 1.5, "less than or equal to 1"),
        ("rate", 0.0, "greater than 0"),
        ("weight", -0.5, "greater than or equal to 0"),
        ("drop", 1.0, "less than 1"),
        ("shape", "oval", "'round', 'square', 'none'"),
        ("color", "green", "'red', 'blue'"),
        ("lengths", [6, 3], "least, most"),
        ("lengths", [0, 3], "greater than or equal to 1"),
        ("lengths", [3], "."),
        ("lengths", "3", "list such as (3, 6)"),
        ("edges", [1, 2.5], "integer"),
        ("devices", 0, "greater than or equal to 1"),
        ("devices", "some", "'all'"),
        ("longest", "x", "integer"),
        ("exact", 1, "boolean"),
        ("exact", "yes", "boolean"),
    ],
)
def test_an_error_gives_the_path_the_value_and_what_is_allowed(setting, value, offered):
    with pytest.raises(ValueError) as error:
        parse(Whole, {"part": {setting: value}})
    line = next(line for line in str(error.value).splitlines() if offered in line)
    assert line.startswith(f"part.{setting} is {value!r}; ")


@pytest.mark.parametrize("setting", ["rate", "weight", "share", "drop"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(setting, value):
    with pytest.raises(ValueError, match=rf"part\.{setting} is -?(nan|inf).*finite"):
        parse(Whole, {"part": {setting: value}})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"part": {"cuont": 3}}, "'part.cuont'; did you mean .*count"),
        ({"trian": {}}, "'trian'"),
        ({"count": 3}, "'count'; did you mean .*count"),
        ({"train": {"stesp": 3}}, "'train.stesp'; did you mean .*steps"),
        ({"part": {"zzzzzzz": 3}}, "'part.zzzzzzz'$"),
    ],
)
def test_an_unknown_setting_names_what_is_near(config, message):
    with pytest.raises(ValueError, match=f"unknown setting {message}"):
        parse(Whole, config)


def test_settings_that_do_not_go_together_say_so_themselves():
    with pytest.raises(ValueError) as error:
        parse(Whole, {"part": {"count": 13}})
    assert str(error.value) == "part.count 13 and train.steps do not go together"


def test_all_mistakes_are_told_at_once():
    config = {"seed": "x", "part": {"count": 0, "share": 2.0}, "train": {"steps": 0}}
    with pytest.raises(ValueError) as error:
        parse(Whole, config)
    starts = [line.split(" is ")[0] for line in str(error.value).splitlines()]
    assert starts == ["seed", "part.count", "part.share", "train.steps"]


def test_a_section_that_is_no_section_is_refused():
    with pytest.raises(ValueError, match="^part is 3; .*section"):
        parse(Whole, {"part": 3})


def test_an_expected_validation_error_is_no_chain():
    """pydantic's own report, with links to its site, is not shown."""
    with pytest.raises(ValueError) as error:
        parse(Whole, {"seed": "x"})
    assert type(error.value) is ValueError and error.value.__suppress_context__


# ---- values ------------------------------------------------------------------------


def test_what_is_missing_has_its_default_and_records_are_frozen():
    record = parse(Whole, {"part": {"count": 5}})
    assert record == Whole(part=Part(count=5))
    assert (record.seed, record.part.size, record.train.steps) == (0, 0, 1500)
    with pytest.raises(ValueError, match="frozen"):
        record.part.count = 4
    assert hash(record) == hash(parse(Whole, {"part": {"count": 5}}))


def test_values_keep_their_types():
    given = {"lengths": [2, 2], "edges": [3, 4], "rate": 1, "devices": "all"}
    part = parse(Whole, {"part": given | {"longest": 7}}).part
    assert part.lengths == (2, 2) and part.edges == (3, 4)
    assert type(part.rate) is float and part.rate == 1.0
    assert part.devices == "all" and part.longest == 7
    assert parse(Whole, {"part": {"longest": None}}).part.longest is None
    assert parse(Whole, {"part": {"shape": "none"}}).part.shape == "none"


def test_keys_of_a_run_are_no_settings():
    keys = dict.fromkeys(RUN_KEYS, 1)
    assert parse(Whole, keys | {"seed": 3}).seed == 3
    with pytest.raises(ValueError, match="'part.version'"):
        parse(Whole, {"part": {"version": 2}})


def test_a_choice_is_that_of_its_table(monkeypatch):
    choice = Choice(f"{__name__}:SHAPES", "none")
    assert choice.names() == ["round", "square", "none"]
    assert choice.check("square") == "square"
    monkeypatch.setitem(SHAPES, "oval", 3)  # imported when it is checked
    assert parse(Whole, {"part": {"shape": "oval"}}).part.shape == "oval"
    with pytest.raises(ValueError, match="'round', 'square', 'oval', 'none'"):
        choice.check("star")
    scores = Choice("attnlab.attention.presets:SCORES", "none").names()
    assert scores == [*SCORES, "none"]


# ---- what there is to set ----------------------------------------------------------


def test_fields_by_path_with_their_sentence():
    fields = dict(fields_of(Whole))
    assert fields["part.count"].description == "How many."
    assert fields["part.count"].default == 3
    assert "part" not in fields and "train.steps" in fields
    assert [path for path, _ in fields_of(Part, "a.")][0] == "a.count"
    assert section_of(Whole.model_fields["part"]) is Part
    assert section_of(Whole.model_fields["seed"]) is None


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("count", "int at least 1"),
        ("share", "float at least 0.0, at most 1.0"),
        ("rate", "float more than 0.0"),
        ("drop", "float at least 0.0, less than 1.0"),
        ("shape", "round, square, none"),
        ("color", "red, blue"),
        ("lengths", "(int, int)"),
        ("edges", "(int, ...)"),
        ("devices", "int or all"),
        ("longest", "int"),
        ("exact", "bool"),
    ],
)
def test_what_a_setting_may_be_in_words(setting, text):
    assert allowed(Part.model_fields[setting]) == text


def test_near_matches():
    assert near("stesp", ["steps", "seed"]) == "; did you mean steps?"
    assert near("xyz", ["steps", "seed"]) == ""
    assert near("step", ["steps", "stem"]).count(" or ") == 1


# ---- ConfigDict --------------------------------------------------------------------


def test_a_config_dict_holds_every_setting_and_comes_back():
    config = config_dict(Whole(part=Part(count=5)))
    assert isinstance(config, ml_collections.ConfigDict)
    assert config.part.count == 5 and config.part.lengths == (3, 6)
    assert config.part.longest is None
    assert parse(Whole, config) == Whole(part=Part(count=5))
    config.part.edges = (1, 2)
    config.train.steps = 7
    assert parse(Whole, config).part.edges == (1, 2)
    assert parse(Whole, json.loads(config.to_json())).train.steps == 7


@pytest.mark.parametrize(
    ("setting", "right", "wrong"),
    [
        ("count", 4, "four"),
        ("rate", 0.2, "fast"),
        ("color", "green", 3),  # a wrong choice is found by parse, a wrong type here
        ("exact", True, "yes"),
        ("longest", 3, "long"),  # None by default: a placeholder of its type
        ("edges", (1, 2), 3),
    ],
)
def test_a_config_dict_keeps_types(setting, right, wrong):
    config = config_dict(Whole())
    config.part[setting] = right
    assert config.part[setting] == right
    with pytest.raises(TypeError):
        config.part[setting] = wrong


def test_a_setting_of_several_types_takes_each():
    config = config_dict(Whole())
    for value in ("all", 2):
        config.part.devices = value
        assert parse(Whole, config).part.devices == value


def test_a_config_dict_is_locked():
    with pytest.raises(AttributeError, match="cuont"):
        config_dict(Whole()).part.cuont = 3


class Color(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    ("annotation", "plain"),
    [
        (Annotated[int, Field(ge=1)], int),
        (int | None, int),
        (Annotated[int, Field(ge=1)] | None, int),
        (int | str, object),
        (Literal["a", "b"], str),
        (Literal["a", 1], object),
        (tuple[int, ...], tuple),
        (Sequence[int], tuple),
        (Sequence, tuple),
        (dict[str, int], dict),
        (Color, Color),
    ],
)
def test_the_plain_type_of_an_annotation(annotation, plain):
    assert parsing._plain_type(annotation) is plain


# ---- corpora -----------------------------------------------------------------------


def load_lines(*, size: Count = 10, lengths: Range = (3, 6), **hidden) -> str:
    """Lines.

    Args:
      size: how many
        lines.
      lengths: fewest and most words.
      **hidden: not for settings.

    Returns:
      The lines.
    """
    return f"{size} of {lengths} {hidden}"


def load_folder(folder: str = "corpora", name: str | None = None) -> str:
    """Files of a folder."""
    return f"{folder}/{name}"


def load_nothing() -> str:
    """A corpus without options."""
    return "nothing"


LOADERS = {"lines": load_lines, "folder": load_folder, "nothing": load_nothing}


@with_corpora(LOADERS)
class SomeData(DataSettings):
    """Which corpus."""

    rows: Count = 2


class SomeSettings(TaskSettings):
    task: Literal["some"] = "some"
    data: SomeData = SomeData()


def test_a_corpus_is_a_section_of_its_loaders_arguments():
    fields = dict(fields_of(SomeSettings))
    assert fields["data.lines.size"].description == "how many lines."
    assert fields["data.lines.size"].default == 10
    assert "data.lines.hidden" not in fields
    assert not any(path.startswith("data.nothing") for path in fields)
    assert allowed(fields["data.name"]) == "lines, folder, nothing"
    data = parse(SomeSettings, {"data": {"lines": {"size": 4}}}).data
    assert data.name == "lines"  # the first
    assert data.load() == "4 of (3, 6) {}"
    assert data.options == {"size": 4, "lengths": (3, 6)}
    assert data.rows == 2 and SomeData.corpora == LOADERS
    assert SomeData.__doc__ == "Which corpus."


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "words"}, "data.name is 'words'.*'lines', 'folder', 'nothing'"),
        ({"lines": {"size": 0}}, "data.lines.size is 0.*1"),
        ({"lines": {"lengths": [6, 3]}}, r"data.lines.lengths is \[6, 3\].*least"),
        ({"lines": {"hidden": 1}}, "'data.lines.hidden'"),
        ({"nothing": {}}, "'data.nothing'"),
    ],
)
def test_the_options_of_a_corpus_are_checked(data, message):
    with pytest.raises(ValueError, match=message):
        parse(SomeSettings, {"data": data})


def test_a_corpus_without_options_or_with_none_by_default_loads():
    nothing = parse(SomeSettings, {"data": {"name": "nothing"}}).data
    assert nothing.options == {} and nothing.load() == "nothing"
    folder = {"name": "folder", "folder": {"name": "a"}}
    assert parse(SomeSettings, {"data": folder}).data.load() == "corpora/a"
    assert config_dict(SomeData()).folder.name is None


def test_described_arguments():
    described = described_arguments(load_lines)
    assert described["lengths"] == "fewest and most words."
    assert described_arguments(load_folder) == {}

    def two(a, b):
        """Two at once.

        Args:
          a, b: both.
        """

    assert described_arguments(two) == {"a": "both.", "b": "both."}


# ---- sections that several tasks have ----------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "offered"),
    [
        ("model.score", "bilinear", "'dot', .*'uniform', 'none'"),
        ("model.window", "localp", "'global', 'local-m', 'local-p'"),
        ("model.normalizer", "max", "'softmax', .*'entmax-1.5', 'monotonic', 'mocha'"),
        ("model.read", "firm", "'soft', 'top-k', 'hard', 'straight-through'"),
        ("model.gaussian", "on", "'after', 'before'"),
        ("model.half_width", 0, "1"),
        ("model.max_length", 0, "1"),
        ("model.k", 0, "1"),
        ("model.chunk", 0, "1"),
        ("estimator.learning", "em", "'cross-entropy', 'reinforce', .*'gumbel'"),
        ("estimator.baseline", "mean", "'none', 'moving-average'"),
        ("estimator.credit", "word", "'step', 'to-go', 'sentence'"),
        ("estimator.feed", "both", "'expected', 'sampled'"),
    ],
)
def test_choices_of_attention_and_estimator(setting, value, offered):
    section, name = setting.split(".")
    with pytest.raises(ValueError, match=f"{setting} is {value!r}; .*{offered}"):
        parse(LearningSettings, {"task": "any", section: {name: value}})


def test_the_sentence_of_every_setting():
    """docs/settings.md shows it."""
    for record in (AttentionSettings, EstimatorSettings, TrainSettings):
        for path, field in fields_of(record):
            assert field.description and field.description[-1] in ".:", path


def test_the_settings_know_all_monotonic_attentions():
    assert tuple(presets.MONOTONIC) == MONOTONIC
    local = {"task": "any", "model": {"normalizer": "mocha", "window": "local-p"}}
    with pytest.raises(ValueError, match="^model.normalizer mocha .*window .*local-p"):
        parse(LearningSettings, local)


def test_cross_checks_have_no_path_but_their_own_words():
    config = {"task": "any", "model": {"score": "uniform", "coverage": True}}
    with pytest.raises(ValueError, match="^model.coverage .*uniform$"):
        parse(LearningSettings, config)
    hard: Mapping[str, Any] = {"task": "any", "model": {"read": "hard"}}
    with pytest.raises(ValueError, match="^a hard read .*estimator.learning"):
        parse(LearningSettings, hard)


def test_settings_import_neither_jax_nor_ml_collections():
    code = (
        "import sys, attnlab.settings as s; s.AttentionSettings();"
        "print({'jax', 'ml_collections', 'flax'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"


def test_bytes_that_are_not_utf8_name_their_setting():
    with pytest.raises(ValueError, match=r"^train.stop_on is 'a\\udcff'; .* UTF-8$"):
        parse(Whole, {"train": {"stop_on": "a\udcff"}})


@pytest.mark.parametrize("value", [10**12, 2**63, -1, 0])
def test_sizes_of_arrays_are_bounded_by_name(value):
    for name in ("batch_size", "halve_after", "warmup"):
        given = value if name != "warmup" else value or -1
        with pytest.raises(ValueError, match=f"^train.{name} is {given}; it must be "):
            parse(Whole, {"train": {name: given}})


@pytest.mark.parametrize("value", [5, [5], [1, 2, 3], "abc"])
def test_what_is_no_pair_is_named_with_an_example(value):
    with pytest.raises(ValueError) as error:
        parse(Whole, {"part": {"lengths": value}})
    assert str(error.value) == (
        f"part.lengths is {value!r}; it must be a list such as (3, 6)"
    )


def test_kinds_that_a_setting_may_be_are_one_line():
    with pytest.raises(ValueError) as error:
        parse(Whole, {"part": {"devices": 0}})
    (line,) = str(error.value).splitlines()
    assert line.startswith("part.devices is 0; it must be ")
    assert "or equal to 1, or " in line and "'all'" in line
