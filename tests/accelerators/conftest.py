"""The compilers of accelerators, in the environment that `make accelerators` makes."""

import importlib.util

import pytest

from benchmarks.accelerators.targets import prepare_environment

prepare_environment()  # they read it when they load


@pytest.fixture(autouse=True)
def no_cache():
    """Programs for devices that are not there cannot be read back."""
    import jax

    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    yield
    jax.config.update("jax_enable_compilation_cache", before)


def pytest_runtest_setup(item):
    if item.get_closest_marker("accelerators"):
        lacking = [
            name
            for name in ("libtpu", "jax_cuda12_plugin")
            if importlib.util.find_spec(name) is None
        ]
        if lacking:
            pytest.fail(
                f"there is no {' and no '.join(lacking)} in this environment; "
                "`make test-accelerators` makes one that has them",
                pytrace=False,
            )
