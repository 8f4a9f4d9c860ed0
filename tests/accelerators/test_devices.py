"""An update of eight devices compiles, and exchanges its gradient once."""

from functools import partial

import pytest

from attnlab.nn.launches import launching
from attnlab.training.loop import make_update
from attnlab.training.parallel import STRATEGIES, Layout, parallel_update
from benchmarks.accelerators.programs import training
from benchmarks.accelerators.targets import TARGETS, compile_lowered, devices_of
from benchmarks.hlo import collectives
from tests.accelerators.small import SGD, SMALL

# A hard read remembers its rewards, which are exchanged as well.
PRESETS = {"jit": "rnnencdec", "pmap": "rnnencdec", "shard_map": "deng2018-hard"}


@pytest.mark.accelerators
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_eight_devices_exchange(strategy, target):
    run = training(
        "translation", SMALL["translation"] | SGD | {"preset": PRESETS[strategy]}
    )
    way = parallel_update(
        partial(make_update, run.task, run.settings.train),
        Layout(strategy, devices_of(target, 8)),
        shared=run.task.shared,
    )
    with launching(TARGETS[target].backend):
        lowered = way.lower(*run.arguments)
    program = compile_lowered(target, lowered)
    counts = collectives(program.as_text())
    if strategy == "jit":  # the compiler divides the work, in loops too
        assert counts["all-reduce"] > 1
    else:
        assert counts.pop("all-reduce") == 1
        assert not set(counts) - {"unknown loops"}
