"""The embedded evidence is learned: right classes, and weight on what decides them."""

import pytest

from attnlab import runs
from attnlab.sweep.execute import run_all
from attnlab.sweep.local import Local
from attnlab.sweep.rows import plan, write_folders
from configs.ablations import classification

WANTED = ("attention (additive)", "hard, marginal")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    config = classification.get_config()
    config.wandb.mode = "disabled"
    planned = [
        run
        for run in plan(config, classification.sweep)
        if run.config["row"] in WANTED and run.config["seed"] == 0
    ]
    run_all(write_folders(planned, folder), Local(), cache=folder / "compiled")
    return {run.row: run.result for run in runs.find(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("row", WANTED)
def test_classes_are_right_and_attention_points_at_the_evidence(results, row):
    assert results[row]["accuracy"] >= 0.98
    assert results[row]["pointing"] >= 0.5  # evidence is a tenth of the words
