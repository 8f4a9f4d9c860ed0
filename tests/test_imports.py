"""The arrows between the parts of attnlab, read off the syntax tree of every file.

    attention metrics decoding text runs corpora settings task -> nn estimators -> tasks
    task -> training report        all of them -> sweep -> experiments

A part may import those to its left. `registry` is attnlab/tasks/__init__.py, which
finds a task by its name and so imports none; a part `tasks` is a folder below it, and
imports no other. A new part is a line in PARTS.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Import(NamedTuple):
    line: int
    module: str  # dotted: a package, a module of it, or a name inside the module


_base = {"masking", "precision", "settings", "parsing", "task", "attention", "decoding"}
_base |= {"metrics", "text", "corpora", "runs", "compilation", "arguments"}

# part of attnlab/ -> the other parts it may import
PARTS: dict[str, set[str]] = {
    "masking": set(),
    "precision": set(),
    "compilation": set(),
    "arguments": set(),
    "__main__": set(),  # finds the programs of experiments/ by name, as runpy does
    "settings": set(),
    "plugins": set(),  # imports modules of a user's own by name
    "registration": {"settings", "parsing"},  # finds the tables by name
    "parsing": {"settings"},
    "metrics": set(),
    "runs": {"settings", "parsing"},
    "corpora": {"settings", "parsing"},
    "text": {"settings", "parsing", "runs", "corpora"},
    "task": {"settings", "parsing", "corpora"},
    "attention": {"masking", "precision"},
    "decoding": {"masking"},
    "nn": {"settings", "parsing", "masking", "precision", "attention"},
    "estimators": {
        "settings",
        "parsing",
        "masking",
        "precision",
        "attention",
        "decoding",
        "nn",
    },
    "registry": {"settings", "parsing", "task", "corpora"},
    "report": {
        *("arguments", "settings", "parsing", "task", "metrics", "runs", "corpora"),
        "registry",
    },
    "tasks": _base | {"nn", "estimators", "report"},
    # wandb shows the figures of the report.
    "training": _base | {"nn", "registry", "report", "plugins", "registration"},
    "sweep": _base
    | {"nn", "estimators", "registry", "training", "report", "plugins", "registration"},
}

# part -> the only packages besides the standard library and attnlab that it may import
PACKAGES: dict[str, set[str]] = {
    "masking": {"jax"},
    "precision": {"jax"},
    "compilation": {"jax"},
    "settings": {"pydantic", "pydantic_core"},
    "parsing": {"pydantic", "ml_collections"},
    "task": set(),
    "arguments": set(),
    "__main__": set(),
    "plugins": set(),
    "registration": set(),
    "attention": {"jax", "flax"},
    "nn": {"jax", "numpy", "flax"},
    "estimators": {"jax", "numpy"},
    "decoding": {"jax", "numpy"},
    "metrics": {"numpy", "scipy", "sacrebleu", "thot"},
    "text": {"numpy", "sentencepiece", "pydantic", "platformdirs"},
    "corpora": {"numpy"},
    "runs": {"numpy"},
    "registry": set(),
    "report": {"numpy", "scipy", "matplotlib", "pandas", "tabulate"},
}

# package -> the files or folders of attnlab/ that may import it
ONLY_IN: dict[str, tuple[str, ...]] = {
    "ml_collections": ("parsing.py", "sweep"),  # nothing below sees a config
    "flax": ("attention/flax.py", "nn", "tasks"),
    "orbax": ("training/checkpoint.py",),
    "wandb": ("training", "sweep/wandb_report.py"),
    "submitit": ("sweep",),
    "ray": ("sweep",),
    "configs": (),  # a library does not know its configs, scripts or tests
    "experiments": (),
    "tests": (),
}

# What takes long to import, and so is imported by whoever runs or draws something.
HEAVY = ("jax", "matplotlib", "pandas", "wandb", "orbax", "sacrebleu")


def imports(source: str, package: str) -> list[Import]:
    """Everything a file imports, wherever it does, relative imports made absolute.

    `package` is the dotted package that holds the file. `from a import b` counts as
    `a.b`: whether b is a module cannot be seen here.
    """
    modules = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules += [Import(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(above + ([base] if base else []))
            modules += [Import(node.lineno, f"{base}.{a.name}") for a in node.names]
    return sorted(modules)


def part_of(places: tuple[str, ...], tasks: set[str]) -> str:
    """The part of a file or module, by what follows attnlab in its path or its name."""
    if places[0] != "tasks":
        return places[0]
    return "tasks" if len(places) > 1 and places[1] in tasks else "registry"


def complaints(root: Path) -> list[str]:
    """One line, `file:line: what is wrong`, for each import that goes the wrong way."""
    lines = []
    tasks = {path.name for path in (root / "attnlab/tasks").glob("*/")}
    for path in sorted((root / "attnlab").rglob("*.py")):
        inside = path.relative_to(root / "attnlab")
        places = inside.with_suffix("").parts
        part = part_of(places, tasks)
        if part == "__init__":  # the package's own face may show every part
            continue
        name = path.relative_to(root).as_posix()
        if part not in PARTS:
            lines.append(f"{name}:1: new part {part!r}: add it to PARTS")
            continue
        package = ".".join(path.relative_to(root).parent.parts)
        for line, module in imports(path.read_text(encoding="utf-8"), package):
            reason = _objection(places, inside.as_posix(), module, tasks)
            if reason:
                lines.append(f"{name}:{line}: {reason}")
    return lines


def _objection(
    places: tuple[str, ...], file: str, module: str, tasks: set[str]
) -> str | None:
    part = part_of(places, tasks)
    top, *rest = module.split(".")
    if top == "attnlab":
        other = part_of(tuple(rest) or ("attnlab",), tasks)
        if part == other == "tasks" and rest[1] != places[1]:
            return f"task {places[1]} imports {module}; tasks never import each other"
        if other == part or other in PARTS[part]:
            return None
        choices = ", ".join(sorted(PARTS[part])) or "no other part"
        return f"{part} imports {module}; it may import {choices}"
    if top in ONLY_IN and not any(
        file == place or file.startswith(place + "/") for place in ONLY_IN[top]
    ):
        files = ", ".join(ONLY_IN[top]) or "no file"
        return f"{part} imports {module}; {files} of attnlab/ may"
    if part in PACKAGES and top not in PACKAGES[part] | sys.stdlib_module_names:
        choices = ", ".join(sorted(PACKAGES[part]))
        return f"{part} imports {module}; besides attnlab it may import {choices}"
    return None


def test_imports_of_attnlab_point_one_way():
    wrong = complaints(ROOT)
    assert not wrong, "imports against the arrows:\n" + "\n".join(wrong)


def test_the_arrows_make_no_circle():
    assert set(TopologicalSorter(PARTS).static_order()) == set(PARTS)


def test_configs_import_settings_and_each_other():
    def allowed(module: str) -> bool:
        places = module.split(".")
        if places[:2] == ["attnlab", "tasks"]:
            return places[3:4] == ["settings"]
        return places[0] in {"ml_collections", "configs"} or places[:2] in (
            ["attnlab", "settings"],
            ["attnlab", "parsing"],
        )

    wrong = [
        f"{path.relative_to(ROOT)}:{line}: imports {module}"
        for path in sorted((ROOT / "configs").rglob("*.py"))
        for line, module in imports(
            path.read_text(encoding="utf-8"),
            ".".join(path.relative_to(ROOT).parent.parts),
        )
        if not allowed(module)
    ]
    assert not wrong, "configs import only settings:\n" + "\n".join(wrong)


def test_settings_are_read_without_heavy_libraries():
    settings = sorted((ROOT / "attnlab/tasks").glob("*/settings.py"))
    modules = ["attnlab", "attnlab.settings", "attnlab.tasks"]
    modules += [f"attnlab.tasks.{path.parent.name}.settings" for path in settings]
    lines = [f"import {module}" for module in modules]
    lines += ["import sys", f"print(*[m for m in {HEAVY} if m in sys.modules])"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        (
            "metrics/bleu_score.py",
            "import jax.numpy as jnp",
            "metrics imports jax.numpy",
        ),
        ("attention/base.py", "import flax.linen as nn", "attention imports flax"),
        ("attention/base.py", "from attnlab.nn import cells", "attnlab.nn"),
        ("attention/base.py", "from ..nn import cells", "attnlab.nn"),
        ("attention/base.py", "from attnlab import tasks", "attnlab.tasks"),
        ("nn/cells.py", "import attnlab", "nn imports attnlab"),
        ("nn/decoders.py", "import ml_collections", "parsing.py, sweep"),
        ("tasks/ntm/task.py", "from attnlab.training import loop", "attnlab.training"),
        ("tasks/ntm/task.py", "from attnlab.tasks import spec", "attnlab.tasks.spec"),
        ("tasks/ntm/task.py", "from attnlab.tasks.cloze import model", "each other"),
        ("tasks/ntm/task.py", "from ..cloze import model", "each other"),
        ("tasks/__init__.py", "from attnlab.tasks.ntm import spec", "registry"),
        ("training/run.py", "from attnlab.tasks.ntm import task", "attnlab.tasks.ntm"),
        ("report/rows.py", "from attnlab.tasks.ntm import plots", "attnlab.tasks.ntm"),
        ("training/loop.py", "import orbax.checkpoint", "training/checkpoint.py"),
        ("training/loop.py", "from configs import translation", "no file of attnlab/"),
        ("masking.py", "from .attention import base", "attnlab.attention"),
        ("helpers.py", "import os", "new part 'helpers'"),
    ],
)
def test_an_import_against_the_arrows_is_named(tmp_path, file, source, expected):
    path = with_tasks(tmp_path) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""A file."""\n\n\ndef late():\n    {source}\n')
    (complaint,) = complaints(tmp_path)
    line = 1 if file == "helpers.py" else 5
    assert complaint.startswith(f"attnlab/{file}:{line}: ")
    assert expected in complaint


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("attention/scores.py", "from attnlab.attention.base import Score"),
        ("attention/scores.py", "from .base import Score"),
        ("attention/compose.py", "from attnlab import masking"),
        ("attention/compose.py", "from .. import masking"),
        ("metrics/statistical_aligners.py", "import thot.alignment"),
        ("metrics/alignment_error_rate.py", "from collections.abc import Iterable"),
        ("training/checkpoint.py", "import orbax.checkpoint as ocp"),
        ("training/run.py", "from attnlab.tasks import make_task"),
        ("tasks/ntm/plots.py", "from attnlab.report import figures"),
        ("tasks/ntm/task.py", "from attnlab.tasks.ntm.model import NTM"),
        ("sweep/rows.py", "from attnlab.training.loop import train_loop"),
        ("__init__.py", "from attnlab import nn"),
    ],
)
def test_an_import_along_the_arrows_passes(tmp_path, file, source):
    path = with_tasks(tmp_path) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source + "\n")
    assert complaints(tmp_path) == []


def with_tasks(root: Path) -> Path:
    """An attnlab of two empty tasks below `root`."""
    for name in ("ntm", "cloze"):
        (root / "attnlab/tasks" / name).mkdir(parents=True)
    return root / "attnlab"
