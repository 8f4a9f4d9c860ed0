"""Captioners learn digit scenes, and look at the digits that they name."""

import pytest

from attnlab import runs
from attnlab.sweep.execute import run_all
from attnlab.sweep.local import Local
from attnlab.sweep.rows import plan, write_folders
from configs.ablations import xu2015

LEAST = {"soft": (0.95, 0.6), "hard, reinforce": (0.9, 0.4)}  # pointing, exact


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, runs.Run]:
    folder = tmp_path_factory.mktemp("sweep")
    config = xu2015.get_config()
    config.wandb.mode = "disabled"
    specs = [run for run in plan(config, xu2015.sweep) if run.config["row"] in LEAST]
    run_all(write_folders(specs, folder), Local(), cache=folder / "compiled")
    return {run.row: run for run in runs.find(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("row", LEAST)
def test_words_look_at_their_digits(results, row):
    pointing, exact = LEAST[row]
    assert results[row].result["pointing"] >= pointing
    assert results[row].result["exact"] >= exact
