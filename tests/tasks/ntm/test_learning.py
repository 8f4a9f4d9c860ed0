"""What the memory is for: copying sequences longer than any that were learned from."""

import pytest

from attnlab.sweep.rows import plan, write_folders
from attnlab.training.run import run
from configs.ablations import graves2014


@pytest.mark.slow
def test_a_machine_learns_to_copy_and_an_lstm_cannot_follow(tmp_path):
    planned = plan(
        graves2014.get_config(), graves2014.sweep, {"wandb.mode": "disabled"}
    )
    wanted = {"LSTM", "NTM, LSTM"}
    planned = [
        run for run in planned if run.config["row"] in wanted and not run.config["seed"]
    ]
    lstm, machine = (
        run(folder, console=False) for folder in write_folders(planned, tmp_path)
    )
    assert machine["bits_per_item"] <= 0.1
    assert machine["bits_per_item_by_size"]["16"] <= 0.5
    assert lstm["bits_per_item_by_size"]["16"] >= 1.0
