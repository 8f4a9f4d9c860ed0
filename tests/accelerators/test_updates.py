"""An update of every system, preset and learning rule compiles for a GPU and a TPU."""

import re
from typing import Any, NamedTuple

import jax
import pytest

from attnlab.attention.presets import PRESETS
from attnlab.estimators.rules import RULES
from attnlab.settings import LearningSettings
from attnlab.tasks import TASKS
from benchmarks.accelerators.programs import Training, training, update_of
from benchmarks.accelerators.targets import TARGETS, compile_for
from tests.accelerators.small import SGD, SMALL

LOCAL = {
    "luong2015-local-m-dot": 160,
    "luong2015-local-m-general": 8,
    "luong2015-local-p-dot": 8,
    "luong2015-local-p-general": 160,
}
"""Source words: windows of 21 positions are gathered from long sentences only."""
TASK_OF = {
    "xu2015-soft": "captioning",
    "xu2015-hard": "captioning",
    "tf-rnn-attention": "classification",
}
GUMBEL = {"read": "hard", "learning": "gumbel", "feed": "sampled"}
CHAIN = {
    "read": "hard",
    "learning": "chain",
    "transition": "jumps-by-word",
    "null": 0.2,
    "readout": "additive",
}
BFLOAT16 = {"train.compute": "bfloat16"}


class Case(NamedTuple):
    """A run whose update is compiled: its task, changes of its settings, and S."""

    task: str
    changes: dict[str, Any]
    source: int = 0

    @property
    def run(self) -> Training:
        """The run, made as far as its shapes are known."""
        lengths = (self.source, 6) if self.source else None
        return training(self.task, SMALL[self.task] | self.changes, lengths)


_CASES = {
    name: Case(
        TASK_OF.get(name, "translation"), SGD | {"preset": name}, LOCAL.get(name, 0)
    )
    for name in PRESETS
} | {
    "bahdanau2014, bfloat16": Case(
        "translation", {"preset": "bahdanau2014"} | BFLOAT16
    ),
    "xu2015-soft, bfloat16": Case("captioning", {"preset": "xu2015-soft"} | BFLOAT16),
    "gumbel": Case("translation", SGD | GUMBEL),
    "chain": Case("translation", CHAIN),
    "cloze": Case("cloze", {}),
    "memn2n": Case("memn2n", {}),
    "ntm": Case("ntm", {}),
    "alignment": Case("alignment", {}),
}
CASES = {name: case for name, case in _CASES.items() if case.task in TASKS}


def test_no_system_preset_or_rule_is_left_out():
    runs = [case.run for case in CASES.values()]
    learning = {
        run.settings.estimator.learning
        for run in runs
        if isinstance(run.settings, LearningSettings)
    }
    assert learning == set(RULES)
    assert {run.settings.task for run in runs} == set(TASKS)
    assert {case.changes.get("preset") for case in CASES.values()} >= set(PRESETS)


@pytest.mark.accelerators
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_an_update_compiles(name, target):
    run = CASES[name].run
    program = compile_for(target, update_of(run), *run.arguments, donate=(0,))
    text = program.as_text()
    # The new parameters take the place of the old ones.
    least = sum(leaf.size * 4 for leaf in jax.tree.leaves(run.state.params))
    assert program.memory_analysis().alias_size_in_bytes >= least
    if name in LOCAL:  # an axis of the window's 21 positions
        assert bool(re.search(r"[\[,]21[,\]]", text)) == (LOCAL[name] > 21)
    if target == "h200":  # a TPU multiplies float32 as bfloat16, too
        assert ("bf16[" in text) == ("bfloat16" in name)
