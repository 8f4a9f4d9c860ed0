"""Every config file builds; every row of every sweep takes two steps, made tiny."""

import importlib
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from attnlab.attention.presets import PRESETS
from attnlab.metrics.registry import METRICS
from attnlab.parsing import parse
from attnlab.sweep import rows
from attnlab.tasks import make_task, parse_settings, spec
from attnlab.tasks.translation.settings import TranslationSettings
from configs.translation import get_config
from tests.tiny import TINY
from tests.updates import assert_an_update_keeps_its_shapes, two_updates

ROOT = Path(__file__).resolve().parents[1]
ALL = sorted((ROOT / "configs").rglob("[a-z]*.py"))
# A row keeps what it says about attention, decoder, encoder and optimizer.
SMALL = TINY | {
    "model.layers": 1,
    "model.encoder_hidden": 4,  # two directions are as wide as the decoder: for dot
    "data.synthetic.train": 16,
    "train.batch_size": 4,
    "train.steps": 2,
    "train.warmup": 0,
    "train.stop_on": "bleu",  # whatever strings are judged by
    "train.learning_rate": 0.01,
}


def module_of(path: Path):
    return importlib.import_module(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
    )


def leaves(tree, prefix=""):
    """(dotted path, value) of nested dicts."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def named(path: Path) -> str:
    return path.relative_to(ROOT / "configs").with_suffix("").as_posix()


FILES = [p for p in ALL if module_of(p).get_config().task == "translation"]


def tiny_plan(path: Path):
    """The runs of a config, made small."""
    module = module_of(path)
    config = module.get_config()
    # Not among SMALL: as options of an attention, no row might take them.
    config.model.max_length, config.model.half_width = 12, 5
    sweep = getattr(module, "sweep", lambda add: add("as it is"))
    return rows.plan(config, sweep, SMALL)


def tiny_rows():
    """{name: settings} of every row of every config; equal models come once."""
    distinct = {}
    for path in FILES:
        for run in tiny_plan(path):
            train = run.settings.train
            key = (
                run.settings.model,
                run.settings.estimator,
                (train.optimizer, train.schedule, train.clip),
            )
            name = f"{named(path)}: {run.config['row']}"
            distinct.setdefault(key, (name, run.settings))
    return dict(distinct.values())


ROWS = tiny_rows()


def first_of_each_kind():
    """Of rows that learn alike with the same decoder, the first: compiling costs."""
    kinds = {}
    for name, settings in ROWS.items():
        kind = settings.estimator, settings.model.decoder, settings.model.cell
        kinds.setdefault(kind, name)
    return list(kinds.values())


@pytest.mark.parametrize("path", ALL, ids=named)
def test_a_config_is_built_and_survives_json(path):
    config = module_of(path).get_config()
    again = json.loads(config.to_json())
    sections = {"data", "model", "train", "evaluate", "wandb"}
    usual = {"task", "seed", "tensorboard", "plugins"}
    assert set(again) - {"estimator"} == usual | sections
    assert parse_settings(again) == parse_settings(config)
    assert config.train.stop_on in METRICS


def test_a_misspelt_setting_in_a_config_file_fails():
    config = get_config()
    with pytest.raises(AttributeError, match="hiden"):
        config.model.hiden = 3
    with pytest.raises(AttributeError, match="trian"):
        config.data.files.trian = "a"


@pytest.mark.parametrize("path", ALL, ids=named)
def test_the_defaults_of_a_config_are_its_records(path):
    """A config file changes settings, and adds none."""
    config = module_of(path).get_config()
    kind = spec(config.task).settings
    changed, defaults = (
        {path for path, _ in leaves(settings.model_dump())}
        for settings in (parse(kind, config), kind())
    )
    assert changed == defaults


@pytest.mark.parametrize("path", ALL, ids=named)
def test_every_row_of_a_sweep_resolves(path):
    module = module_of(path)
    if not hasattr(module, "sweep"):
        return
    planned = rows.plan(module.get_config(), module.sweep)
    assert len({run.place for run in planned}) == len(planned)
    assert f"--config=configs/{named(path)}.py" in module.__doc__


@pytest.mark.parametrize("name", TranslationSettings().data.corpora)
def test_the_options_of_a_corpus_are_its_loaders(name):
    settings = TranslationSettings().data.model_copy(update={"name": name})
    defaults = settings.corpora[name].__kwdefaults__ or {}
    assert {k: v for k, v in settings.options.items() if k in defaults} == defaults


@pytest.mark.parametrize(
    "name", [n for n, p in PRESETS.items() if "translation" in p.tasks]
)
def test_a_preset_builds_its_model_and_loss(name, tmp_path):
    overrides = SMALL | {"model.encoder_hidden": 0}
    config = rows.resolve(get_config(), {"preset": name}, overrides)
    task = make_task(parse_settings(config), tmp_path)
    params = jax.eval_shape(task.init, jax.random.key(0))
    loss, (sums, _) = jax.eval_shape(
        task.loss, params, task.batches.at(0), jax.random.key(1), task.estimator_state
    )
    assert loss.shape == sums.loss.shape == sums.tokens.shape == ()


def test_the_argument_of_the_config_is_a_preset():
    config = rows.resolve(get_config("bahdanau2014"), {})
    assert (config.model.decoder, config.model.eos_in_memory) == ("bahdanau", True)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_makes_an_update(row):
    assert_an_update_keeps_its_shapes(ROWS[row])


@pytest.mark.parametrize("row", first_of_each_kind())
def test_a_kind_of_row_takes_two_steps(row):
    state, sums, moved = two_updates(ROWS[row])
    assert int(state.step) == 2
    losses = [float(step.loss) / int(step.tokens) for step in sums]
    assert np.isfinite(losses).all()
    words = state.params["params"]["vocabulary_bias"].shape[0]
    assert losses[0] < np.log(words) + 0.5  # not worse than guessing
    assert moved > 0.8
