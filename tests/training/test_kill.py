"""`kill -9` of a real training process, twice, and the run it resumes to."""

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.tasks import spec
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.load import load
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.run_config import read_run_config
from attnlab.training.step import init_state
from tests.tiny import tiny_folder

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
TIMES = ("seconds", "tokens_per_second", "seconds_per_step")
PATIENCE = 240.0  # seconds that a process may take to get somewhere
# Of all that draws at random and remembers: dropout, samples, a moving average.
SETTINGS = {
    "train.steps": 60,
    "train.evaluate_every": 20,
    "model.dropout": 0.2,
    "model.read": "hard",
    "estimator.learning": "reinforce",
    "estimator.baseline": "moving-average",
    "estimator.coin": 0.2,
}


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "attnlab.training.run", str(folder), "--quiet"], cwd=ROOT
    )


def kill_when(folder: Path, moment) -> None:
    """Start a run and `kill -9` it as soon as moment(folder) is true."""
    process = start(folder)
    deadline = time.monotonic() + PATIENCE
    try:
        while not moment(folder):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the moment to kill never came"
            time.sleep(0.0005)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (folder / runs.RESULT).exists()
    assert not (folder / runs.ERROR).exists()


def a_checkpoint_is_being_written(folder: Path) -> bool:
    """The first save has begun: Orbax's temporary folder is there, or the step's."""
    checkpoints = folder / "checkpoints"
    return checkpoints.is_dir() and any(checkpoints.iterdir())


def some_steps_past_a_checkpoint(folder: Path) -> bool:
    path = folder / runs.METRICS
    saved = Checkpoints(folder / "checkpoints").latest_step
    if not path.exists() or not saved:
        return False
    # read raw, since the last line may be half written
    return f'{{"step": {saved + 5}, "kind": "train"'.encode() in path.read_bytes()


def last_state(folder: Path):
    """The newest checkpoint's state: parameters, moments, counters and key."""
    config = read_run_config(folder)
    settings = config.settings
    loader = spec(settings.task).loader(settings, folder)
    tx = make_optimizer(settings.train, make_schedule(settings.train, epoch=1))
    state = loader.estimator_state
    first = partial(init_state, loader.init, tx, state, settings.seed)
    path = folder / runs.CHECKPOINTS
    checkpoints = Checkpoints(path, fingerprint=config.fingerprint)
    restored = checkpoints.restore(jax.eval_shape(first))
    assert restored is not None
    return restored


def assert_bitwise(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for one, two in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, two = jax.random.key_data(one), jax.random.key_data(two)
        assert one.dtype == two.dtype
        assert np.asarray(one).tobytes() == np.asarray(two).tobytes()


def timeless(record):
    return {key: value for key, value in record.items() if key not in TIMES}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Folders of one configuration: never interrupted, and killed at two moments."""
    root = tmp_path_factory.mktemp("kill")
    whole, killed = (tiny_folder(root / name, **SETTINGS) for name in ("a", "b"))
    assert start(whole).wait(PATIENCE) == 0
    kill_when(killed, a_checkpoint_is_being_written)
    kill_when(killed, some_steps_past_a_checkpoint)
    assert start(killed).wait(PATIENCE) == 0
    return whole, killed


def test_the_result_is_the_uninterrupted_one_but_for_times(pair):
    whole, killed = (runs.read_json(folder / runs.RESULT) for folder in pair)
    assert timeless(killed) == timeless(whole)
    assert all(np.isfinite(killed[name]) and killed[name] > 0 for name in TIMES)
    assert killed["steps"] == 60 and killed["aers"]


def test_metrics_have_every_line_once(pair):
    whole, killed = (runs.read_jsonl(folder / runs.METRICS) for folder in pair)
    assert list(map(timeless, killed)) == list(map(timeless, whole))
    steps = [line["step"] for line in killed if line["kind"] == "train"]
    assert steps == list(range(1, 61))


def test_parameters_optimizer_and_counters_are_the_same_bits(pair):
    one, two = (last_state(folder) for folder in pair)
    assert one.step == two.step == 60
    assert_bitwise(one.state, two.state)
    best, best_too = (load(folder) for folder in pair)
    assert best.step == best_too.step
    assert_bitwise(best.params, best_too.params)


@pytest.mark.parametrize(
    "name",
    [runs.HYPOTHESES, runs.SOURCES, runs.REFERENCES, runs.LOSSES, runs.ALIGNMENTS]
    + ["source.codec", "target.codec"],
)
def test_what_the_run_wrote_is_the_same_bytes(pair, name):
    whole, killed = ((folder / name).read_bytes() for folder in pair)
    assert whole == killed


def test_nothing_half_written_stays_behind(pair):
    whole, killed = (
        sorted(path.relative_to(folder).parts[:2] for path in folder.rglob("*"))
        for folder in pair
    )
    assert set(killed) == set(whole)
