"""A run that cannot fit into memory is refused before XLA waits for it."""

import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.training import memory_check
from attnlab.training.run import run
from tests.tiny import tiny_folder


def test_bytes_of_a_tree():
    tree = {
        "a": jax.ShapeDtypeStruct((3, 4), jnp.float32),
        "b": (np.zeros(5, np.int8), jax.random.key(0)),
    }
    assert memory_check.size(tree) == 3 * 4 * 4 + 5


def test_what_is_too_large_is_refused_with_both_numbers():
    shapes = [jax.ShapeDtypeStruct((2**40,), jnp.float32)]
    with pytest.raises(MemoryError, match=r"take 4,096.0 GiB, and this .* may have \d"):
        memory_check.check_fits(shapes)
    memory_check.check_fits([jax.ShapeDtypeStruct((1000,), jnp.float32)])


def test_the_least_limit_counts(tmp_path, monkeypatch):
    unlimited = memory_check.allowed(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_check.allowed(tmp_path) == unlimited
    (tmp_path / "memory.max").write_text("1000000\n")
    assert memory_check.allowed(tmp_path) == 1_000_000
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("900000\n")
    assert memory_check.allowed(tmp_path) == 900_000
    monkeypatch.setattr(resource, "getrlimit", lambda which: (800_000, -1))
    assert memory_check.allowed(tmp_path) == 800_000


def test_a_run_that_is_too_large_says_so_in_its_folder(tmp_path):
    wide = {"model.hidden": 1_000_000, "model.encoder_hidden": 500_000}
    folder = tiny_folder(tmp_path, **wide)
    with pytest.raises(MemoryError, match="make the model smaller"):
        run(folder, console=False)
    error = runs.read_json(folder / runs.ERROR)["error"]
    assert error.startswith("MemoryError: parameters and optimizer take ")
