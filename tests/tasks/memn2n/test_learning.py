"""What the embedded stories are for: hops find the facts, and an LSTM does not."""

import pytest

from attnlab import runs
from attnlab.sweep.execute import run_all
from attnlab.sweep.local import Local
from attnlab.sweep.rows import plan, write_folders
from configs.ablations import sukhbaatar2015

WANTED = ("lstm", "PE LS RN", "1 hop")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    config = sukhbaatar2015.get_config()
    config.wandb.mode = "disabled"
    planned = [
        run
        for run in plan(config, sukhbaatar2015.sweep)
        if run.config["row"] in WANTED and run.config["seed"] == 0
    ]
    run_all(write_folders(planned, folder), Local(), cache=folder / "compiled")
    return {run.row: run.result for run in runs.find(folder)}


@pytest.mark.slow
def test_three_hops_answer_and_point_at_the_facts(results):
    assert results["PE LS RN"]["accuracy"] >= 0.97
    assert results["PE LS RN"]["pointing"] >= 0.95


@pytest.mark.slow
def test_one_hop_cannot_follow_two_facts_and_the_lstm_is_lost(results):
    two_facts = {name: result["tasks"]["2"] for name, result in results.items()}
    assert two_facts["PE LS RN"] > two_facts["1 hop"] + 0.1
    assert results["lstm"]["accuracy"] < results["PE LS RN"]["accuracy"] - 0.2
