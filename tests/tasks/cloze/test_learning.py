"""An attentive reader learns the stories, looks where they tell the answer, and beats
what needs no attention."""

import pytest

from attnlab import runs
from attnlab.sweep.execute import run_all
from attnlab.sweep.local import Local
from attnlab.sweep.rows import plan, write_folders
from configs.ablations import hermann2015


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    config = hermann2015.get_config()
    config.wandb.mode = "disabled"
    names = ("attentive", "uniform attention")
    specs = [
        run
        for run in plan(config, hermann2015.sweep)
        if run.config["row"] in names and run.settings.seed == 0
    ]
    run_all(write_folders(specs, folder), Local(), cache=folder / "compiled")
    return {run.row: run.result for run in runs.find(folder)}


@pytest.mark.slow
def test_attention_finds_the_sentence_and_its_answer(results):
    attentive = results["attentive"]
    assert attentive["accuracy"] >= 0.8
    assert attentive["pointing"] >= 0.7


@pytest.mark.slow
def test_baselines_fall_behind(results):
    best = results["attentive"]["accuracy"]
    assert best > results["uniform attention"]["accuracy"] + 0.1
    for baseline in ("most_frequent", "exclusive_frequency", "chance"):
        assert best > results["attentive"][baseline] + 0.2
