"""Strict JAX, two CPU devices, one BLAS thread, and the fixtures of every test."""

import gc
import importlib.metadata
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
os.environ["XDG_CACHE_HOME"] = str(ROOT / ".cache")  # not the user's: corpora, fonts
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Most of the time goes into machine code for programs that run once, so it is not
# polished, unless ATTNLAB_OPTIMIZE is set: then as far as for users, by
# `attnlab.compilation`. .ci/run does so on the second Python.
WANTED = {
    "xla_force_host_platform_device_count": "2",
    "xla_backend_optimization_level": "1",
}
if not os.environ.get("ATTNLAB_OPTIMIZE"):
    WANTED["xla_backend_optimization_level"] = "0"
    # Without fusion emitters a compilation takes a third of its time, and as one LLVM
    # module nine tenths of that. The XLA of newer releases has no choice of emitters,
    # and ends a process for an option that it doesn't know.
    if importlib.metadata.version("jax").startswith("0.10."):
        WANTED["xla_cpu_use_fusion_emitters"] = "false"
        WANTED["xla_cpu_parallel_codegen_split_count"] = "1"
FLAGS = os.environ.get("XLA_FLAGS", "")
for name, value in WANTED.items():
    if name not in FLAGS:
        FLAGS += f" --{name}={value}"
os.environ["XLA_FLAGS"] = FLAGS.strip()

# A worker gets whole files. These take longest, 20 to 200 processor seconds each, and
# one of them at the end would leave the other worker idle.
LONGEST = (
    "estimators/test_enumeration.py",
    "attention/test_contract.py",
    "estimators/test_objective.py",
    "tasks/translation/test_translator.py",
    "test_configs.py",
    "training/test_replicas.py",
    "attention/test_windows.py",
    "tasks/captioning/test_task.py",
    "nn/test_decoders.py",
    "nn/test_losses.py",
    "tasks/translation/test_compute.py",
    "training/test_loop.py",
)

# Where programs draw, JAX checks that no key is used twice. It then takes a slower way
# through every call, so not in the other folders; and what it finds is the same on
# every Python, so not on the second one.
DRAWING = ("estimators", "tasks", "training", "test_configs.py")
CHECK_KEYS = not os.environ.get("ATTNLAB_OPTIMIZE")

# The first example of a test compiles, so no deadline; CI draws the same ones always.
settings.register_profile("attnlab", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("attnlab")


def pytest_configure(config):
    del config
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_runtest_setup(item):
    import jax

    draws = item.path.relative_to(ROOT / "tests").parts[0] in DRAWING
    jax.config.update("jax_debug_key_reuse", draws and CHECK_KEYS)


def pytest_collection_modifyitems(config, items):
    """Let workers begin with the longest files."""
    if not hasattr(config, "workerinput"):
        return
    ranks = {ROOT / "tests" / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_collection_finish(session):
    """Make garbage collection rare, and leave out what is imported and collected.

    Tracing makes many objects that references alone free again.
    """
    del session
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


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
