"""An algorithmic problem in numbers."""

import pytest

from attnlab.tasks.ntm import data
from attnlab.tasks.ntm.describe import describe
from tests.corpora.tables import panel, rows


def test_an_algorithmic_task():
    problem = data.copy(lengths=(2, 4), test=(3, 9))
    description = describe(problem)
    assert description.about.startswith(
        "9 inputs and 8 outputs a step; trained on 3 sizes"
    )
    table = rows(description, "sequences")
    assert list(table) == ["train 2", "train 4", "test 3", "test 9"]
    assert table["test 9"]["steps"] == "19"
    assert table["test 9"]["of them scored"] == f"{9 / 19:.1%}"
    assert rows(description, "steps")["train"]["most"] == "9"
    assert panel(description, "steps")["train"][5] == pytest.approx(1 / 3)
