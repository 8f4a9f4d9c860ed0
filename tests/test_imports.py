"""The arrows between the parts of attnlab, read off the syntax tree of every file.

    attention -> layers -> models -> tasks -> train -> sweep -> experiments

A part may import those to its left; `losses`, `decoding`, `metrics`, `data`, `runs`,
`report` and `mirror` stand beside them, and `trained` beside `sweep`. A new part is a
line in PARTS.
"""

import ast
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Import(NamedTuple):
    line: int
    module: str  # dotted: a package, a module of it, or a name inside the module


_modelling = {"masking", "precision", "attention", "layers", "models"}
_beside = {"losses", "estimators", "decoding", "metrics", "data", "runs"}

# part of attnlab/ -> the other parts it may import
PARTS: dict[str, set[str]] = {
    "masking": set(),
    "precision": set(),
    "attention": {"masking", "precision"},
    "layers": {"masking", "precision", "attention"},
    "models": {"masking", "precision", "attention", "layers"},
    "losses": {"masking", "precision"},
    "estimators": {"masking"},
    "decoding": {"masking"},
    "metrics": set(),
    "data": set(),
    "runs": set(),
    "report": {"metrics", "runs"},
    "mirror": {"report", "runs"},
    "tasks": _modelling | _beside,
    "train": _modelling | _beside | {"tasks", "mirror"},
    "trained": _modelling | _beside | {"tasks", "train", "report"},
    "sweep": _modelling | _beside | {"tasks", "train", "report"},
}

# part -> the only packages besides the standard library and attnlab that it may import
PACKAGES: dict[str, set[str]] = {
    "masking": {"jax"},
    "precision": {"jax"},
    "attention": {"jax"},
    "losses": {"jax", "numpy"},
    "estimators": {"jax", "numpy"},
    "decoding": {"jax", "numpy"},
    "metrics": {"numpy", "scipy", "sacrebleu", "thot"},
    "data": {"numpy", "sentencepiece", "PIL"},
    "report": {"numpy", "scipy", "matplotlib", "rich"},
    "mirror": {"numpy", "wandb"},
    "runs": {"numpy", "jax"},
}

# package -> the files or folders of attnlab/ that may import it
ONLY_IN: dict[str, tuple[str, ...]] = {
    "ml_collections": ("tasks", "train", "sweep"),  # nothing below sees a config
    "orbax": ("train/checkpoint.py",),
    "wandb": ("mirror",),
    "submitit": ("sweep",),
    "ray": ("sweep",),
    "configs": (),  # a library does not know its configs, scripts or tests
    "experiments": (),
    "tests": (),
}


def imports(source: str, package: str) -> list[Import]:
    """Everything a file imports, wherever it does, relative imports made absolute.

    `package` is the dotted package that holds the file. `from a import b` counts as
    `a.b`: it cannot be told here whether b is a module.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(above + ([base] if base else []))
            found += [Import(node.lineno, f"{base}.{a.name}") for a in node.names]
    return sorted(found)


def complaints(root: Path) -> list[str]:
    """One line, `file:line: what is wrong`, for each import that goes the wrong way."""
    found = []
    for path in sorted((root / "attnlab").rglob("*.py")):
        inside = path.relative_to(root / "attnlab")
        part = inside.parts[0].removesuffix(".py")
        if part == "__init__":  # the package's own face may show every part
            continue
        name = path.relative_to(root).as_posix()
        if part not in PARTS:
            found.append(f"{name}:1: new part {part!r}: add it to PARTS")
            continue
        package = ".".join(path.relative_to(root).parent.parts)
        for line, module in imports(path.read_text(encoding="utf-8"), package):
            reason = _objection(part, inside.as_posix(), module)
            if reason:
                found.append(f"{name}:{line}: {reason}")
    return found


def _objection(part: str, file: str, module: str) -> str | None:
    top, _, rest = module.partition(".")
    if top == "attnlab":
        other = rest.partition(".")[0]
        if other == part or other in PARTS[part]:
            return None
        choices = ", ".join(sorted(PARTS[part])) or "no other part"
        return f"{part} imports {module}; it may import {choices}"
    if top in ONLY_IN and not any(
        file == place or file.startswith(place + "/") for place in ONLY_IN[top]
    ):
        places = ", ".join(ONLY_IN[top]) or "no file"
        return f"{part} imports {module}; {places} of attnlab/ may"
    if part in PACKAGES and top not in PACKAGES[part] | sys.stdlib_module_names:
        choices = ", ".join(sorted(PACKAGES[part]))
        return f"{part} imports {module}; besides attnlab it may import {choices}"
    return None


def test_imports_of_attnlab_point_one_way():
    wrong = complaints(ROOT)
    assert not wrong, "imports against the arrows:\n" + "\n".join(wrong)


def test_configs_import_only_ml_collections_and_each_other():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: imports {module}"
        for path in sorted((ROOT / "configs").rglob("*.py"))
        for line, module in imports(
            path.read_text(encoding="utf-8"),
            ".".join(path.relative_to(ROOT).parent.parts),
        )
        if module.partition(".")[0] not in {"ml_collections", "configs"}
    ]
    assert not wrong, "configs import only ml_collections:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("metrics/bleu.py", "import jax.numpy as jnp", "metrics imports jax.numpy"),
        ("attention/base.py", "import flax.linen as nn", "attention imports flax"),
        ("attention/base.py", "from attnlab.layers import cells", "attnlab.layers"),
        ("attention/base.py", "from ..layers import cells", "attnlab.layers"),
        ("attention/base.py", "from attnlab import models", "attnlab.models"),
        ("layers/cells.py", "import attnlab", "layers imports attnlab"),
        ("models/seq2seq.py", "import ml_collections", "tasks, train, sweep"),
        ("tasks/translate.py", "from attnlab.train import loop", "attnlab.train"),
        ("train/loop.py", "import orbax.checkpoint", "train/checkpoint.py"),
        ("train/loop.py", "from configs import base", "no file of attnlab/ may"),
        ("masking.py", "from .attention import base", "attnlab.attention"),
        ("helpers.py", "import os", "new part 'helpers'"),
    ],
)
def test_an_import_against_the_arrows_is_named(tmp_path, file, source, expected):
    path = tmp_path / "attnlab" / file
    path.parent.mkdir(parents=True)
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
        ("metrics/baseline.py", "import thot.alignment"),
        ("metrics/aer.py", "from collections.abc import Iterable"),
        ("train/checkpoint.py", "import orbax.checkpoint as ocp"),
        ("sweep/rows.py", "from attnlab.training.loop import train"),
        ("__init__.py", "from attnlab import models"),
    ],
)
def test_an_import_along_the_arrows_passes(tmp_path, file, source):
    path = tmp_path / "attnlab" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source + "\n")
    assert complaints(tmp_path) == []
