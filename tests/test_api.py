"""The front door: what `import attnlab` offers, and every snippet of docs/api.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import attnlab
from attnlab import registration
from attnlab.attention import presets
from attnlab.training.run import run
from tests.tiny import tiny_folder

ROOT = Path(__file__).resolve().parents[1]
NAMES = {
    "attention",
    "estimators",
    "flax",
    "load",
    "metrics",
    "plot_alignment",
    "register",
    "results",
}


def test_the_front_door_shows_its_names_and_no_others():
    assert set(attnlab.__all__) == NAMES
    assert set(dir(attnlab)) == NAMES | {"__version__"}
    assert all(getattr(attnlab, name) is not None for name in NAMES)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="transformer"):
        attnlab.transformer  # noqa: B018


def test_importing_attnlab_brings_nothing_slow():
    slow = ("jax", "flax", "matplotlib", "pandas", "wandb", "pydantic")
    code = f"import attnlab, sys; print([n for n in {slow} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


def test_the_version_is_the_packages():
    from importlib import metadata

    assert metadata.version("attnlab") == attnlab.__version__


def test_every_snippet_of_the_interface_runs(tmp_path, monkeypatch):
    folder = tiny_folder(tmp_path / "runs" / "small")
    assert folder == tmp_path / "runs" / "small" / "general" / "0"
    run(folder, console=False)
    monkeypatch.chdir(tmp_path)
    # What the snippets register is gone after it.
    monkeypatch.setattr(registration, "REGISTERED", [])
    monkeypatch.setitem(presets.SCORES, "doubled-dot", None)
    del presets.SCORES["doubled-dot"]
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), names)
    assert (tmp_path / "alignment.png").read_bytes().startswith(b"\x89PNG")
