"""The parameters of a run as a safetensors file, which other programs read."""

import json
import os

import jax
import numpy as np

from attnlab.training.load import load_best
from attnlab.training.step import Pytree


def named_weights(params: Pytree) -> dict[str, np.ndarray]:
    """The arrays of a tree by their dotted paths.

    Args:
      params: the tree: dicts, tuples and records.

    Returns:
      {"params.decoder.cell.kernel": array}, in the order of the tree.

    Raises:
      ValueError: where two arrays would share a name.
    """
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    weights: dict[str, np.ndarray] = {}
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if name in weights:
            raise ValueError(f"two parameters are called {name}")
        weights[name] = np.asarray(leaf, order="C")
    return weights


def weights_file(folder: str | os.PathLike[str]) -> bytes:
    """The best parameters of a run in the format of safetensors.

    Its metadata, which are texts, have the run's configuration: `config` (config.json),
    `step` (the update that the parameters are of), `task`, `row` and `seed`.

    Args:
      folder: the run's.

    Returns:
      The content of the file.

    Raises:
      FileNotFoundError: where there is no run, or no checkpoint yet.
      ValueError: where a file is damaged.
      ImportError: where safetensors is not installed.
    """
    try:
        from safetensors.numpy import save
    except ModuleNotFoundError:
        raise ImportError(
            "safetensors is not installed: pip install safetensors"
        ) from None
    best = load_best(folder)
    plain = best.config.plain
    metadata = {
        "task": best.config.settings.task,
        "row": str(plain.get("row", "")),
        "seed": str(best.config.settings.seed),
        "step": str(best.step),
        "config": json.dumps(plain, ensure_ascii=False),
    }
    return save(named_weights(best.params), metadata)
