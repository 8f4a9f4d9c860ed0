"""A trained run of any task: `attnlab.load(folder)`.

    run = attnlab.load("runs/hansards/local-p-general/0")

What a run can do (translate, answer, caption ...) its task says: see `trained.py` in
the task's folder.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab import arguments, runs
from attnlab.precision import check_32_bits
from attnlab.registration import plain_settings
from attnlab.task import Loader
from attnlab.tasks import spec
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.run_config import (
    RunConfig,
    learned_fingerprint,
    read_run_config,
)
from attnlab.training.run_texts import compare, digests, named_files, read_texts
from attnlab.training.step import Pytree, init_state


def load(
    folder: str | os.PathLike[str], *, places: Mapping[str, str] | None = None
) -> Any:
    """The best checkpoint of a run folder, ready to use.

    Works on a run that is still training, as soon as it has a checkpoint, and on runs
    that older versions of attnlab wrote: a setting that a run lacks has its default.

    Args:
      folder: the run's folder, of any task.
      places: where the run's files are now, by setting: {"data.files.train":
        "new/a.de,new/a.en"}. They must be of the same content.

    Returns:
      The trained run, as its task makes it: for a Neural Turing Machine an
      `attnlab.tasks.ntm.trained.TrainedMachine`.

    Raises:
      FileNotFoundError: where there is no run, or no checkpoint that can be read yet.
      ValueError: where a file is damaged, or the run has settings that this attnlab
        does not know, or files of `places` are not those of the run, or a plugin of the
        run has not been imported, or JAX_ENABLE_X64 is on: one line, which names the
        file, the setting and its value.
    """
    best = load_best(folder, places=places)
    return best.loader.make(best.folder, best.step, best.params)


class Best(NamedTuple):
    """The best checkpoint of a run, before its task makes something of it.

    folder: the run's. config: what its config.json says. loader: how its task opens it.
    step: the update that the parameters are of. params: the tree of them.
    """

    folder: Path
    config: RunConfig
    loader: Loader
    step: int
    params: Pytree


def load_best(
    folder: str | os.PathLike[str], *, places: Mapping[str, str] | None = None
) -> Best:
    """The best checkpoint of a run folder.

    Args:
      folder: as of `load`.
      places: as of `load`.

    Returns:
      The Best.

    Raises:
      FileNotFoundError: as `load`.
      ValueError: as `load`.
    """
    check_32_bits()
    folder = arguments.path("folder", folder)
    if places is not None:
        places = arguments.mapping("places", places)
    config = read_run_config(folder, places)
    settings = config.settings
    if places:
        files = named_files(settings)
        compare(read_texts(folder) or {}, digests(settings, [*places]), files)
    loader = spec(settings.task).loader(settings, folder)
    # Of an optimizer only the state's structure matters here: an epoch of any length.
    tx = make_optimizer(settings.train, make_schedule(settings.train, epoch=1))
    seed = np.uint32(settings.seed % 2**32)  # all that a key takes of it
    first = partial(init_state, loader.init, tx, loader.estimator_state)
    checkpoints = Checkpoints(folder / runs.CHECKPOINTS, fingerprint=config.fingerprint)
    complete = learned_fingerprint(plain_settings(settings))
    if checkpoints.fingerprints == {complete}:
        # config.json lacks settings that the checkpoints were saved with, as defaults.
        checkpoints.fingerprint = complete
    restored = checkpoints.restore_best(jax.eval_shape(first, seed))
    if restored is None:
        raise FileNotFoundError(f"no checkpoint that verifies in {checkpoints.folder}")
    return Best(folder, config, loader, restored.step, restored.state.params)
