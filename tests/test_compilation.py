"""How much machine code is optimized, by what it is for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import compilation
from attnlab.compilation import LEVEL, OPTIONS, QUICK, jit


@pytest.fixture
def asked(monkeypatch):
    """What `jax.jit` is given, where the shell says nothing."""
    options = []
    compiled = jax.jit

    def watched(function, **given):
        options.append(given)
        return compiled(function, **given)

    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setattr(compilation.jax, "jit", watched)
    return options


def test_a_cpu_gets_what_pays_and_the_same_numbers(asked):
    numbers = jnp.arange(3.0)
    for runs in OPTIONS:
        doubled = jit(lambda x: 2 * x, runs=runs)(numbers)
        np.testing.assert_array_equal(doubled, [0, 2, 4])
    given = [options["compiler_options"] for options in asked]
    assert given == [{LEVEL: 1}, {LEVEL: 1, **QUICK}, {LEVEL: 0, **QUICK}]
    assert bool(QUICK) == jax.__version__.startswith("0.10.")


def test_an_accelerator_and_the_shell_decide_for_themselves(asked, monkeypatch):
    monkeypatch.setattr(compilation.jax, "default_backend", lambda: "gpu")
    jit(lambda x: x, donate_argnums=0)
    monkeypatch.setattr(compilation.jax, "default_backend", lambda: "cpu")
    monkeypatch.setenv("XLA_FLAGS", f"--{LEVEL}=2")
    jit(lambda x: x)
    assert asked == [{"donate_argnums": 0}, {}]
