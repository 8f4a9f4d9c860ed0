"""Nothing that is read is run: no pickle, no eval, in any file of attnlab."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Modules that make objects, or programs, of what they read.
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
MODULES |= {"yaml", "jsonpickle"}
NAMES = {"eval", "exec", "compile", "__import__"}  # as builtins


def complaints(source: str) -> list[str]:
    """`line: what runs what it reads`, read off the syntax tree of a file."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        found += [
            f"{node.lineno}: imports {name}"
            for name in names
            if name.split(".")[0] in MODULES
        ]
        if isinstance(node, ast.Call):
            found += [f"{node.lineno}: {what}" for what in _call(node)]
    return found


def _call(node: ast.Call) -> list[str]:
    called, wrong = node.func, []
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if isinstance(called, ast.Name) and called.id in NAMES:
        wrong.append(f"calls {called.id}")
    pickled = given.get("allow_pickle")
    refused = isinstance(pickled, ast.Constant) and pickled.value is False
    if pickled is not None and not refused:
        wrong.append("allows pickles")
    if isinstance(called, ast.Attribute) and called.attr in ("load", "loads"):
        module = called.value.id if isinstance(called.value, ast.Name) else ""
        if module in ("np", "numpy") and not refused:
            wrong.append("np.load without allow_pickle=False")
    if isinstance(called, ast.Attribute) and called.attr in ("extractall", "extract"):
        wrong.append(f"{called.attr} writes where an archive says")
    return wrong


def test_attnlab_and_its_programs_run_nothing_that_they_read():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for part in ("attnlab", "experiments", "configs")
        for path in sorted((ROOT / part).rglob("*.py"))
        for line in complaints(path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "source, expected",
    [
        ("import pickle", "imports pickle"),
        ("def f():\n    from yaml import load", "imports yaml"),
        ("import yaml.loader", "imports yaml.loader"),
        ("eval(text)", "calls eval"),
        ("exec(text)", "calls exec"),
        ("np.load(path)", "np.load without allow_pickle=False"),
        ("numpy.load(path, allow_pickle=True)", "allows pickles"),
        ("np.load(path, allow_pickle=wanted)", "allows pickles"),
        ("np.save(path, x, allow_pickle=True)", "allows pickles"),
        ("archive.extractall(folder)", "extractall writes"),
    ],
)
def test_what_runs_what_it_reads_is_found(source, expected):
    assert any(expected in line for line in complaints(source))


@pytest.mark.parametrize(
    "source",
    [
        "np.load(path, allow_pickle=False)",
        "json.loads(text)",
        "model.compile(x)",
        "re.compile(x)",
        "jax.eval_shape(f)",
        "Vocabulary.load(path)",
    ],
)
def test_what_reads_plain_data_passes(source):
    assert complaints(source) == []
