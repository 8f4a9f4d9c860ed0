"""Every config file builds; every row of every sweep takes two steps, made tiny."""

import importlib
import inspect
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from attnlab.attention.presets import PRESETS
from attnlab.metrics.registry import METRICS
from attnlab.sweep import rows
from attnlab.tasks import TASKS
from attnlab.tasks.translation.task import make_task
from attnlab.text.parallel_corpora import CORPORA
from configs.translation import get_config
from tests.tiny import TINY
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

ROOT = Path(__file__).resolve().parents[1]
ALL = sorted(set((ROOT / "configs").rglob("[a-z]*.py")) - {ROOT / "configs/shared.py"})
# A row keeps what it says about attention, decoder, encoder and optimizer.
SMALL = TINY | {
    "model.layers": 1,
    "model.max_length": 12,
    "model.encoder_hidden": 4,  # two directions are as wide as the decoder: for dot
    "data.synthetic.train": 16,
    "train.batch_size": 4,
    "train.steps": 2,
    "model.half_width": 5,
    "train.warmup": 0,
    "train.learning_rate": 0.01,
}


def module_of(path: Path):
    return importlib.import_module(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
    )


def named(path: Path) -> str:
    return path.relative_to(ROOT / "configs").with_suffix("").as_posix()


FILES = [p for p in ALL if module_of(p).get_config().task == "translation"]


def tiny_rows():
    """(name, config) of every row of every config; equal models come once."""
    found = {}
    for path in FILES:
        module = module_of(path)
        sweep = getattr(module, "sweep", lambda add: add("as it is"))
        for run in rows.plan(module.get_config(), sweep, SMALL):
            train = run.config["train"]
            chosen = {key: run.config[key] for key in ("model", "estimator")}
            chosen |= {key: train[key] for key in ("optimizer", "schedule", "clip")}
            name = f"{named(path)}: {run.config['row']}"
            found.setdefault(json.dumps(chosen), (name, run.config))
    return list(found.values())


ROWS = tiny_rows()


def first_of_each_kind():
    """Of rows that learn alike with the same decoder, the first: compiling costs."""
    kinds = {}
    for name, config in ROWS:
        kind = config["estimator"], config["model"]["decoder"], config["model"]["cell"]
        kinds.setdefault(json.dumps(kind), (name, config))
    return list(kinds.values())


KINDS = first_of_each_kind()


@pytest.mark.parametrize("path", ALL, ids=named)
def test_a_config_is_built_and_survives_json(path):
    config = module_of(path).get_config()
    again = json.loads(config.to_json())
    sections = {"data", "model", "train", "evaluate", "wandb"}
    assert set(again) - {"estimator"} == {"task", "seed"} | sections
    assert config.task in TASKS
    assert config.train.stop_on in METRICS


def test_a_misspelt_setting_in_a_config_file_fails():
    config = get_config()
    with pytest.raises(AttributeError, match="hiden"):
        config.model.hiden = 3
    with pytest.raises(AttributeError, match="trian"):
        config.data.files.trian = "a"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_the_corpus_of_a_config_knows_its_options(path):
    config = module_of(path).get_config()
    assert config.data.name in CORPORA
    for name in CORPORA:
        known = inspect.signature(CORPORA[name]).parameters
        assert set(config.data.get(name, {})) <= set(known)


@pytest.mark.parametrize("path", ALL, ids=named)
def test_every_row_of_a_sweep_resolves(path):
    module = module_of(path)
    if not hasattr(module, "sweep"):
        return
    planned = rows.plan(module.get_config(), module.sweep)
    assert len({run.place for run in planned}) == len(planned)
    assert f"--config=configs/{named(path)}.py" in module.__doc__


def test_the_synthetic_defaults_are_the_loaders():
    settings = get_config().data.synthetic
    known = inspect.signature(CORPORA["synthetic"]).parameters
    given = {name: settings[name] for name in settings}
    defaults = {name: known[name].default for name in settings}
    assert given == defaults


@pytest.mark.parametrize(
    "name", [n for n, p in PRESETS.items() if "translation" in p.tasks]
)
def test_a_preset_builds_its_model_and_loss(name, tmp_path):
    overrides = SMALL | {"model.encoder_hidden": 0}
    config = rows.resolve(get_config(), {"preset": name}, overrides)
    task = make_task(json.loads(config.to_json()), tmp_path)
    params = jax.eval_shape(task.init, jax.random.key(0))
    loss, (sums, _) = jax.eval_shape(
        task.loss, params, task.batches.at(0), jax.random.key(1), task.estimator_state
    )
    assert loss.shape == sums.loss.shape == sums.tokens.shape == ()


@pytest.mark.parametrize("config", [c for _, c in ROWS], ids=[name for name, _ in ROWS])
def test_a_row_makes_an_update(config, tmp_path):
    assert_an_update_keeps_its_shapes(make_task(config, tmp_path), config["train"])


@pytest.mark.parametrize(
    "config", [c for _, c in KINDS], ids=[name for name, _ in KINDS]
)
def test_a_kind_of_row_takes_two_steps(config, tmp_path):
    task = make_task(config, tmp_path)
    state, sums, moved = two_updates(task, config["train"])
    assert int(state.step) == 2
    losses = [float(one.loss) / int(one.tokens) for one in sums]
    assert np.isfinite(losses).all()
    words = state.params["params"]["vocabulary_bias"].shape[0]
    assert losses[0] < np.log(words) + 0.5  # not worse than guessing
    assert moved > 0.8
