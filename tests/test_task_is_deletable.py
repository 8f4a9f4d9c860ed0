"""A task is its folder, a line, configs and tests: without one, all else stands.

On a copy of the repository, from which the Neural Turing Machine is removed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REMOVED = (
    "attnlab/tasks/ntm",
    "tests/tasks/ntm",
    "configs/ntm.py",
    "configs/ablations/graves2014.py",
)
REGISTRY = "attnlab/tasks/__init__.py"
LINE = '    "ntm": "attnlab.tasks.ntm.spec:SPEC",\n'

# Programs may define flags of one name, so those of each are forgotten before the next.
IMPORT_ALL = """
import importlib, pathlib
from absl import flags
for part in ("attnlab", "experiments", "configs"):
    for path in sorted(pathlib.Path(part).rglob("*.py")):
        for name in [*flags.FLAGS]:
            delattr(flags.FLAGS, name)
        parts = path.with_suffix("").parts
        names = parts[:-1] if parts[-1] == "__init__" else parts
        importlib.import_module(".".join(names))
from attnlab.tasks import TASKS, spec
print(*[spec(name).name for name in TASKS])
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The repository as git would add it, without the task."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    folder = tmp_path_factory.mktemp("copy")
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():  # and not a removed file, or a link to a folder
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for name in REMOVED:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    registry = (folder / REGISTRY).read_text()
    assert registry.count(LINE) == 1
    (folder / REGISTRY).write_text(registry.replace(LINE, ""))
    return folder


def python(folder: Path, *arguments: str) -> str:
    """What a Python in the copy prints; the assertion shows it where that fails."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.processes
def test_without_a_task_every_module_imports(copy):
    tasks = python(copy, "-c", IMPORT_ALL).split()
    assert "ntm" not in tasks and "translation" in tasks


@pytest.mark.processes
def test_without_a_task_every_test_is_collected(copy):
    output = python(
        copy, *"-m pytest -q -n0 --collect-only -p no:cacheprovider tests".split()
    )
    assert "tests/tasks/translation/" in output and "tests/tasks/ntm/" not in output
