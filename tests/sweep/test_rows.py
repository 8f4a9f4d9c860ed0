"""Rows of a sweep: names of settings, presets, overrides, folders."""

import json
from pathlib import Path

import numpy as np
import pytest

from attnlab import runs
from attnlab.attention.presets import PRESETS
from attnlab.sweep import rows
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.run_config import learned_fingerprint
from configs.captioning import get_config as captions
from configs.classification import get_config as classify
from configs.translation import get_config

OF_CAPTIONS = {"gate", "doubly_stochastic"}  # in a preset, not of translation


def one(**settings):
    """The configuration of a sweep's only row."""
    (run,) = rows.plan(get_config(), lambda add: add("row", **settings))
    return run.config


def planned(*lines, overrides=None):
    """The runs of (name, settings) lines."""

    def sweep(add):
        for name, settings in lines:
            add(name, **settings)

    return rows.plan(get_config(), sweep, overrides)


def fails(*lines, overrides=None) -> str:
    with pytest.raises(ValueError) as caught:
        planned(*lines, overrides=overrides)
    return str(caught.value)


def test_a_setting_is_found_by_its_last_word():
    config = one(window="local-m", half_width=3, learning_rate=0.5, limit=9)
    assert config["model"]["window"] == "local-m"
    assert config["model"]["half_width"] == 3
    assert config["train"]["learning_rate"] == 0.5
    assert config["data"]["hansards"]["limit"] == 9


def test_a_setting_may_be_named_in_full():
    settings = {"train.steps": 7, "data.synthetic.seed": 5, "data.edges": (8, 16)}
    config = one(**settings)
    assert config["train"]["steps"] == 7
    assert config["data"]["synthetic"]["seed"] == 5
    assert config["data"]["edges"] == [8, 16]


def test_a_word_that_is_a_full_name_means_that_setting():
    config = one(seed=3)  # data.synthetic.seed ends with the same word
    assert config["seed"] == 3
    assert config["data"]["synthetic"]["seed"] == 0


def test_an_ambiguous_word_is_answered_with_the_choices():
    message = fails(("a", {"edges": (8,)}))
    assert message == (
        "row 'a': setting 'edges' is ambiguous; choose data.edges, evaluate.edges"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("widow", "did you mean window"),
        ("train.stepz", "did you mean train.steps"),
        ("half_widht", "did you mean half_width"),
        ("zzzzzz", "unknown setting 'zzzzzz'"),
    ],
)
def test_an_unknown_setting_is_named_with_a_hint(name, hint):
    message = fails(("a (b)", {name: 1}))
    assert message.startswith(f"row 'a (b)': unknown setting {name!r}")
    assert hint in message


def test_a_section_is_no_setting():
    assert "unknown setting 'train.adam'" in fails(("a", {"train.adam": 1}))
    assert "unknown setting 'model'" in fails(("a", {"model": "luong"}))


def test_a_value_of_another_type_names_the_setting():
    message = fails(("a", {"half_width": "wide"}))
    assert "setting 'model.half_width'" in message and "row 'a'" in message


def test_a_whole_number_will_do_for_a_real_one():
    assert one(learning_rate=1)["train"]["learning_rate"] == 1.0


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_what_its_paper_decides(name):
    base = {"translation": get_config, "classification": classify}[
        PRESETS[name].tasks[0]
    ]()
    (run,) = rows.plan(base, lambda add: add("row", preset=name))
    config = run.config
    assert config["model"]["preset"] == name
    there = config["model"] | config["estimator"]
    settings = PRESETS[name].settings.items()
    for key, value in settings:
        assert there.get(key, value) == value
    assert {key for key, _ in settings} - there.keys() <= OF_CAPTIONS


@pytest.mark.parametrize(
    "name", [n for n in PRESETS if "captioning" in PRESETS[n].tasks]
)
def test_a_preset_sets_what_a_captioner_has(name):
    config = rows.resolve(captions(), {"preset": name})
    there = {**config.model, **config.estimator, **config.train}
    assert all(there.get(k, v) == v for k, v in PRESETS[name].settings.items())
    assert "decoder" not in there and config.model.annotations == "conv"


def test_what_a_row_says_outranks_its_preset():
    assert one(preset="luong2015-local-p-general")["model"]["half_width"] == 10
    config = one(half_width=4, preset="luong2015-local-p-general")
    assert config["model"]["half_width"] == 4
    assert config["model"]["window"] == "local-p"


def test_a_preset_outranks_the_config_file():
    base = get_config()
    base.model.preset = "bahdanau2014"
    base.model.decoder = "luong"
    assert rows.resolve(base, {}).model.decoder == "bahdanau"
    assert base.model.decoder == "luong"  # the base is not touched


def test_an_unknown_preset_is_answered_with_the_choices():
    message = fails(("a", {"preset": "bahdanau"}))
    assert "unknown preset 'bahdanau'; choose bahdanau2014, " in message


def test_the_command_line_outranks_rows_and_presets():
    overrides = {"train.steps": 9, "model.window": "local-m", "model.half_width": 2}
    for run in planned(
        ("a", {"steps": 100, "window": "global"}),
        ("b", {"preset": "luong2015-local-p-general"}),
        overrides=overrides,
    ):
        assert run.config["train"]["steps"] == 9
        assert run.config["model"]["window"] == "local-m"
        assert run.config["model"]["half_width"] == 2


def test_a_preset_on_the_command_line_sets_its_choices():
    (run,) = planned(
        ("a", {"window": "local-m"}), overrides={"model.preset": "bahdanau2014"}
    )
    assert run.config["model"]["decoder"] == "bahdanau"
    assert run.config["model"]["window"] == "local-m"  # the row's own word


def test_rows_keep_the_order_of_their_first_lines_over_seeds():
    lines = [(name, {"seed": seed}) for seed in (1, 0) for name in ("b (x)", "a")]
    found = planned(*lines)
    assert [str(run.place) for run in found] == ["b-x/1", "a/1", "b-x/0", "a/0"]
    assert [run.config["order"] for run in found] == [0, 1, 0, 1]
    assert [run.config["row"] for run in found] == ["b (x)", "a", "b (x)", "a"]
    assert {run.config["slug"] for run in found} == {"b-x", "a"}


def test_a_configuration_is_plain_json():
    config = one(window="local-p")
    assert json.loads(json.dumps(config)) == config


def test_the_same_row_twice_is_refused():
    message = fails(("a", {"seed": 1}), ("a", {"seed": 1, "window": "local-m"}))
    assert message == "row 'a': it is added twice with seed 1"


def test_a_seed_for_all_runs_is_named_as_the_reason():
    def sweep(add):
        for seed in range(2):
            add("a", seed=seed)

    with pytest.raises(ValueError, match="twice with seed 3; --config.seed is for all"):
        rows.plan(get_config(), sweep, {"seed": 3})


def test_rows_that_would_share_a_folder_are_refused():
    message = fails(("local-p (dot)", {}), ("Local-P dot", {"seed": 1}))
    for part in ("'local-p (dot)'", "'Local-P dot'", "folder 'local-p-dot'"):
        assert part in message


# Rows are checked before anything starts.


def test_every_mistake_of_every_row_is_listed_at_once():
    message = fails(
        ("good", {}),
        ("one", {"score": "generall", "steps": 0}),
        ("two", {"widow": "local-m"}),
        ("three", {"read": "hard", "learning": "reinforse"}),
        ("one", {"score": "generall", "steps": 0, "seed": 1}),
    )
    lines = message.splitlines()
    assert len(lines) == 4  # the second seed's mistakes are those of the first
    for line, parts in zip(
        lines,
        [
            ["'one'", "model.score", "'generall'", "'general'"],
            ["'one'", "train.steps", "0"],
            ["'two'", "'widow'", "window"],
            ["'three'", "reinforse"],
        ],
        strict=True,
    ):
        assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("settings", "option", "takers"),
    [
        (
            {"window": "global", "half_width": 5},
            "model.half_width",
            ["window local-m", "window local-p"],
        ),
        (
            {"window": "local-m", "gaussian": "before"},
            "model.gaussian",
            ["window local-p"],
        ),
        ({"k": 3}, "model.k", ["read top-k", "learning top-k"]),
        (
            {"score": "general", "max_length": 9},
            "model.max_length",
            ["score location"],
        ),
        ({"score": "none", "coverage": True}, "model.coverage", ["score general"]),
        (
            {"score": "none", "window": "local-m", "half_width": 5},
            "model.half_width",
            [],
        ),
        # Also where it is the default: it says something that is not so.
        ({"window": "global", "model.half_width": 10}, "model.half_width", []),
    ],
    ids=lambda value: "" if isinstance(value, list) else str(value),
)
def test_an_option_that_no_choice_of_the_row_takes_is_named(settings, option, takers):
    message = fails(("good", {}), ("x", settings))
    assert len(message.splitlines()) == 1
    assert "row 'x'" in message and option in message
    assert all(taker in message for taker in takers)


@pytest.mark.parametrize(
    "settings",
    [
        {"window": "local-m", "half_width": 5},
        {"window": "local-p", "half_width": 5, "gaussian": "before"},
        {"score": "location", "max_length": 9},
        {"read": "top-k", "k": 3},
        {"read": "hard", "learning": "top-k", "k": 3},
        {"score": "general", "coverage": True},
        {"preset": "luong2015-local-m-dot", "half_width": 5},
        {"preset": "shankar2018-joint", "k": 3},
        {"preset": "luong2015-local-p-dot", "window": "global"},  # it pins half_width
    ],
    ids=str,
)
def test_an_option_that_a_choice_takes_is_none(settings):
    assert one(**settings)["model"]


def test_a_default_or_a_config_files_value_may_be_taken_by_nothing():
    base = get_config()
    base.model.half_width = 7
    (run,) = rows.plan(base, lambda add: add("row", window="global"))
    assert run.config["model"]["half_width"] == 7


def test_an_option_on_the_command_line_has_to_be_taken_by_some_row():
    lines = [("global", {}), ("local", {"window": "local-m"})]
    for run in planned(*lines, overrides={"model.half_width": 4}):
        assert run.config["model"]["half_width"] == 4
    message = fails(*lines, overrides={"model.gaussian": "before"})
    assert "model.gaussian" in message and "window local-p" in message


def test_a_task_without_such_an_attention_has_no_such_options():
    base = pytest.importorskip("configs.ntm").get_config()  # a task can be removed
    (run,) = rows.plan(base, lambda add: add("row", slots=7), {"model.width": 5})
    assert (run.config["model"]["slots"], run.config["model"]["width"]) == (7, 5)


def test_a_sweep_without_rows_is_refused():
    assert fails() == "the sweep adds no row"


def test_folders_are_made_in_order_and_found_again(tmp_path):
    lines = [("b", {}), ("a", {"seed": 2})]
    folders = rows.write_folders(planned(*lines), tmp_path)
    assert folders == [tmp_path / "b" / "0", tmp_path / "a" / "2"]
    configs = [runs.read_json(folder / runs.CONFIG) for folder in folders]
    assert configs == [run.config for run in planned(*lines)]
    assert rows.write_folders(planned(*lines), tmp_path) == folders


def test_a_folder_of_another_configuration_says_what_differs(tmp_path):
    (folder,) = rows.write_folders(planned(("a", {})), tmp_path)
    Checkpoints(folder / runs.CHECKPOINTS).save(1, {"w": np.ones(2)})
    before = _files(tmp_path)
    changed = planned(("new", {}), ("a", {"readouts": 4, "steps": 3}))
    with pytest.raises(ValueError) as caught:
        rows.write_folders(changed, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'a' / '0'} holds a run of another")
    assert "model.readouts was 64, is now 4" in message
    assert "train.steps was 1500, is now 3" in message
    assert "--workdir" in message
    assert _files(tmp_path) == before  # not even the new row's folder


def test_place_in_the_table_and_wandb_may_change(tmp_path):
    (folder,) = rows.write_folders(planned(("a", {})), tmp_path)
    moved = planned(("first", {}), ("a", {}), overrides={"wandb.mode": "disabled"})
    rows.write_folders(moved, tmp_path)
    config = runs.read_json(folder / runs.CONFIG)
    assert (config["order"], config["wandb"]["mode"]) == (1, "disabled")


def test_a_finished_run_cannot_be_decoded_otherwise_in_silence(tmp_path):
    (folder,) = rows.write_folders(planned(("a", {})), tmp_path)
    runs.write_json(folder / runs.RESULT, {"bleu": 1.0})
    before = _files(tmp_path)
    with pytest.raises(ValueError, match="evaluate.beams was 1, is now 5"):
        rows.write_folders(planned(("a", {"beams": 5})), tmp_path)
    assert _files(tmp_path) == before


def test_a_run_that_learned_nothing_is_made_anew(tmp_path):
    (folder,) = rows.write_folders(planned(("a", {"score": "dot"})), tmp_path)
    left = [folder / name for name in ("source.codec", runs.METRICS)]
    for path in left:
        path.write_text("")
    rows.write_folders(planned(("a", {"score": "general"})), tmp_path)
    assert runs.read_json(folder / runs.CONFIG)["model"]["score"] == "general"
    assert not any(path.exists() for path in left)


def test_what_a_later_version_has_got_does_not_stop_an_old_run(tmp_path):
    (folder,) = rows.write_folders(planned(("a", {})), tmp_path)
    old = runs.read_json(folder / runs.CONFIG)
    del old["data"]["shards"], old["train"]["devices"], old["train"]["strategy"]
    del old["model"]["coverage"]
    runs.write_json(folder / runs.CONFIG, old)
    saved = Checkpoints(folder / runs.CHECKPOINTS, fingerprint=learned_fingerprint(old))
    saved.save(1, {"w": np.ones(2)})
    rows.write_folders(planned(("a", {"beams": 5, "devices": 2})), tmp_path)
    config = runs.read_json(folder / runs.CONFIG)
    assert learned_fingerprint(config) == learned_fingerprint(old)
    assert (config["evaluate"]["beams"], config["train"]["devices"]) == (5, 2)
    runs.write_json(folder / runs.RESULT, {"bleu": 1.0})
    before = _files(tmp_path)
    rows.write_folders(planned(("a", {"beams": 5})), tmp_path)  # finished: as it was
    assert _files(tmp_path) == before


def test_a_run_under_way_is_not_given_other_settings(tmp_path):
    (folder,) = rows.write_folders(planned(("a", {})), tmp_path)
    before = _files(tmp_path)
    with runs.only_one(folder):
        with pytest.raises(ValueError, match="under other settings of evaluate, model"):
            rows.write_folders(planned(("a", {"beams": 5, "hidden": 8})), tmp_path)
        rows.write_folders(planned(("new", {}), ("a", {})), tmp_path)  # its place
    kept = {path: content for path, content in _files(tmp_path).items()}
    assert {path: kept[path] for path in before} == before


def _files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
