"""A run that trains in no time and leaves what a real one does."""

from pathlib import Path

import numpy as np
import pytest

from attnlab import runs, tasks
from tests.report.conftest import attend, sentences
from tests.tiny import tiny_folder
from tests.training.test_loop import toy

BLEU = 31.5


def finish(params, folder: Path) -> dict:
    del params
    rng = np.random.default_rng(0)
    pairs = [pair._replace(weights=attend(pair, 0.2, 9, rng)) for pair in sentences(4)]
    runs.write_alignments(folder, {"test": pairs})
    runs.write_lines(folder / runs.HYPOTHESES, [" ".join(p.target) for p in pairs])
    return {"bleu": BLEU, "aer": 0.25, "aers": {"test": {"aer": 0.25}}}


@pytest.fixture
def toy_folder(tmp_path, monkeypatch):
    """toy_folder(task=..., **settings): a folder that waits; its training is a toy's.

    The task may be another toy. wandb is offline unless the settings differ.
    """

    def make(task=None, **settings) -> Path:
        task = (toy() if task is None else task)._replace(finish=finish)
        monkeypatch.setattr(tasks, "make_task", lambda settings, folder: task)
        settings = {"wandb.mode": "offline"} | settings
        return tiny_folder(tmp_path / "luong", **settings)

    return make
