"""What the embedded pair is for: attention finds the links, a fixed context is lost."""

from pathlib import Path

import pytest

from attnlab import runs
from attnlab.metrics.bleu_score import by_length
from attnlab.sweep.execute import run_all
from attnlab.sweep.local import Local
from attnlab.sweep.rows import plan, write_folders
from configs.ablations import synthetic

WANTED = ("none", "global (additive)", "local-p (general)")


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, runs.Run]:
    folder: Path = tmp_path_factory.mktemp("sweep")
    config = synthetic.get_config()
    config.wandb.mode = "disabled"
    planned = plan(config, synthetic.sweep)
    planned = [
        run
        for run in planned
        if run.config["row"] in WANTED and run.config["seed"] == 0
    ]
    run_all(write_folders(planned, folder), Local(), cache=folder / "compiled")
    return {run.row: run for run in runs.find(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("row", WANTED[1:])
def test_attention_finds_the_links(results, row):
    result = results[row].result
    assert result["aer"] <= 0.05
    assert result["bleu"] >= 90.0


@pytest.mark.slow
def test_a_fixed_context_falls_behind_on_long_sentences(results):
    def curve(row):
        sources, references, hypotheses = (
            results[row].lines(name)
            for name in (runs.SOURCES, runs.REFERENCES, runs.HYPOTHESES)
        )
        lengths = [len(line.split()) for line in sources]
        actual = by_length(hypotheses, references, lengths, edges=(8, 14))
        return [part.bleu for part in actual]

    fixed, attended = curve("none"), curve("global (additive)")
    assert attended[-1] > 90.0
    assert fixed[-1] < 0.5 * attended[-1]
    assert fixed[-1] < fixed[0]
