"""Every recipe of docs/extending.md, applied to a copy of the tree and tried."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("attnlab", "configs", "experiments")


class Recipe(NamedTuple):
    """files: as many as it says; changes: (path, lines of a diff); check: code."""

    title: str
    files: int
    changes: list[tuple[str, list[str]]]
    check: str


def recipes() -> list[Recipe]:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    parsed = []
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        if ": " not in title:  # "Without touching attnlab", see test_plugins.py
            continue
        name, _, files = title.partition(": ")
        diffs = re.findall(r"```diff\n# (\S+)\n(.*?)```", body, re.DOTALL)
        (check,) = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
        changes = [(path, lines.splitlines()) for path, lines in diffs]
        parsed.append(Recipe(name, int(files.split()[0]), changes, check))
    return parsed


def apply(root: Path, name: str, lines: list[str]) -> None:
    """Make the change of a block to a file, which has to have its other lines once."""
    path = root / name
    new = [line[1:] for line in lines if line[:1] in " +" or not line]
    old = [line[1:] for line in lines if line[:1] in " -" and line]
    if not path.exists():
        assert not old, f"{name} does not exist"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(new) + "\n", encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    before = "\n".join(old) + "\n"
    assert text.count(before) == 1, f"{name} has these lines not once:\n{before}"
    path.write_text(text.replace(before, "\n".join(new) + "\n"), encoding="utf-8")


RECIPES = recipes()


def test_the_seven_recipes_are_there():
    names = [recipe.title for recipe in RECIPES]
    assert names == [
        "A score",
        "An option of a score",
        "A transition between hard reads",
        "A learning rule",
        "A task",
        "A corpus",
        "A column of the table",
    ]


@pytest.mark.processes
@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.title for recipe in RECIPES])
def test_a_recipe_works_and_touches_as_many_files_as_it_says(recipe, tmp_path):
    for folder in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    for name, lines in recipe.changes:
        apply(tmp_path, name, lines)
    touched = {name for name, _ in recipe.changes}
    assert len(touched) == recipe.files
    done = subprocess.run(
        [sys.executable, "-c", recipe.check],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "WANDB_MODE": "disabled"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
