"""Strict JAX, two CPU devices, one BLAS thread, and the fixtures of every test."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# All of this is read when jax, NumPy or wandb is first imported: before any test.
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # more of them spin, and hinder each other
os.environ["MPLBACKEND"] = "Agg"
os.environ["WANDB_MODE"] = "disabled"  # never sync, whatever the user's shell says
os.environ["WANDB_SILENT"] = "true"
os.environ["WANDB_ERROR_REPORTING"] = "false"  # else it starts threads of its own
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Most of the time goes into machine code for programs that run once, so it is not
# polished, unless ATTNLAB_OPTIMIZE is set: .ci/run does so on the second Python.
WANTED = {"xla_force_host_platform_device_count": "2"}
if not os.environ.get("ATTNLAB_OPTIMIZE"):
    WANTED["xla_backend_optimization_level"] = "0"
FLAGS = os.environ.get("XLA_FLAGS", "")
for name, value in WANTED.items():
    if name not in FLAGS:
        FLAGS += f" --{name}={value}"
os.environ["XLA_FLAGS"] = FLAGS.strip()

# The first example of a test compiles, so no deadline; CI draws the same ones always.
settings.register_profile("attnlab", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("attnlab")


def pytest_configure(config):
    del config
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_debug_key_reuse", True)


@pytest.fixture
def rng():
    """The JAX random key 0: split it before its second use."""
    import jax

    return jax.random.key(0)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real corpora: $ATTNLAB_DATA, else ../shared/data.

    Tests that ask for it carry `@pytest.mark.data` and are deselected by default.
    """
    folder = Path(os.environ.get("ATTNLAB_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.fail(
            f"there is no data folder {folder}; set ATTNLAB_DATA, or leave these tests "
            'out with -m "not data"',
            pytrace=False,
        )
    return folder.resolve()
