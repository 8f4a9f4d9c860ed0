"""The runs of a sweep as a DataFrame: every number, every setting, every state."""

import math

import pytest

from attnlab import runs
from attnlab.report.results import results

SETTINGS = {
    "task": "translation",
    "version": 2,
    "model": {"score": "dot", "window": "local-p", "half_width": 3},
    "train": {"steps": 600},
}


@pytest.fixture
def three(tmp_path, write_run, pairs):
    """A finished, an unfinished and a failed run of rows with settings."""
    states = ("finished", "unfinished", "failed")
    for order, state in enumerate(states):
        extra = {"size": 7} if state == "finished" else None
        folder = write_run(tmp_path, state, order, order, pairs, state, result=extra)
        config = runs.read_json(folder / runs.CONFIG)
        runs.write_json(folder / runs.CONFIG, config | SETTINGS)
    return tmp_path


def test_every_run_is_a_row_with_its_state(three):
    frame = results(three)
    assert list(frame["row"]) == ["finished", "unfinished", "failed"]
    assert list(frame["state"]) == ["finished", "unfinished", "failed"]
    assert list(frame["seed"]) == [0, 1, 2]
    assert list(frame["folder"]) == ["finished/0", "unfinished/1", "failed/2"]
    assert list(frame["error"][:2]) == ["", ""]
    assert "the loss is nan" in frame["error"][2]


def test_numbers_are_those_of_result_json(three):
    frame = results(three)
    result = runs.read_json(three / "finished/0" / runs.RESULT)
    for key in ("bleu", "aer", "perplexity", "parameters", "size", "bleu_signature"):
        assert frame[key][0] == result[key]
    assert frame["aers.test.aer_shift_1"][0] == result["aers"]["test"]["aer_shift_1"]
    assert frame["bleu"].dtype == float and math.isnan(frame["bleu"][1])


def test_settings_go_by_their_dotted_path(three):
    frame = results(three)
    assert set(frame["model.score"]) == {"dot"}
    assert set(frame["train.steps"]) == {600} and set(frame["model.half_width"]) == {3}
    assert set(frame["task"]) == {"translation"}
    assert not {"version", "slug", "order", "model"} & set(frame.columns)
    assert frame.columns.is_unique


def test_settings_of_an_older_version_have_todays_names(three):
    path = three / "finished/0" / runs.CONFIG
    old = runs.read_json(path) | {"task": "translate", "model": {"normaliser": "x"}}
    runs.write_json(path, {key: old[key] for key in old if key != "version"})
    frame = results(three)
    assert frame["model.normalizer"][0] == "x" and frame["task"][0] == "translation"
    assert "model.normaliser" not in frame.columns


def test_damaged_runs_are_rows_too(three):
    (three / "finished/0" / runs.CONFIG).write_text("{")
    (three / "unfinished/1" / runs.METRICS).write_bytes(b'{"step": \n{}\n')
    frame = results(three).set_index("folder")
    assert set(frame["state"]) == {"failed"}
    assert "config.json" in frame["error"]["finished/0"]
    assert "metrics.jsonl" in frame["error"]["unfinished/1"]


def test_errors_name_the_folder(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        results(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        results(tmp_path / "nowhere")
