"""The house rules that can be counted, over all code that is not a test.

python -m tests.test_house      prints the counts
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("attnlab", "experiments", "configs", "benchmarks")
FILES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "peers" not in path.parts  # other people's ways of doing it, to be timed
]
LIBRARY = [path for path in FILES if "attnlab" in path.relative_to(ROOT).parts[:1]]

# Where settings come in as nested dicts and go out as records.
EDGE = {
    "attnlab/settings.py",
    "attnlab/parsing.py",
    "attnlab/tasks/__init__.py",
    "attnlab/runs/config.py",
    "attnlab/sweep/rows.py",
}
SECTIONS = {"config", "settings", "data", "model", "train", "evaluate", "estimator"}


def trees(files=None) -> Iterator[tuple[str, ast.Module]]:
    for path in files or FILES:
        name = path.relative_to(ROOT).as_posix()
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def lines_of(files) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)


def settings_read_by_string() -> list[str]:
    """`config["model"]`, `settings.get("train")`: in the library, behind the edge."""
    places = []
    for name, tree in trees(LIBRARY):
        if name in EDGE:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript):
                owner, key = node.value, node.slice
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and node.args
            ):
                owner, key = node.func.value, node.args[0]
            else:
                continue
            while isinstance(owner, ast.Subscript):
                owner = owner.value
            last = getattr(owner, "attr", getattr(owner, "id", ""))
            text = isinstance(key, ast.Constant) and isinstance(key.value, str)
            if text and last in SECTIONS:
                places.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    return places


def names_called(word: str) -> list[str]:
    """Where something is called `word`: variables, arguments, attributes, functions."""
    places = []
    for name, tree in trees():
        for node in ast.walk(tree):
            names = [
                getattr(node, field, None) for field in ("id", "arg", "attr", "name")
            ]
            if word in names:
                places.append(f"{name}:{getattr(node, 'lineno', 0)}")
    return places


def any_a_thousand_lines() -> float:
    count = sum(
        isinstance(node, ast.Name) and node.id == "Any"
        for _, tree in trees(LIBRARY)
        for node in ast.walk(tree)
    )
    return 1000 * count / lines_of(LIBRARY)


def classes_defined_twice() -> list[str]:
    counts = Counter(
        node.name
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    return [name for name, count in counts.items() if count > 1]


def dangling_references() -> list[str]:
    """ "(4.12)": a number of a list that the repository does not have."""
    return [
        f"{path.relative_to(ROOT).as_posix()}:{number}: {line.strip()}"
        for path in [*FILES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if re.search(r"\((?:see )?4\.\d+(?:, ?4\.\d+)*\)", line)
    ]


def comments_a_thousand_lines() -> float:
    comments = 0
    for path in LIBRARY:
        text = path.read_text(encoding="utf-8")
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments += sum(token.type == tokenize.COMMENT for token in tokens)
    return 1000 * comments / lines_of(LIBRARY)


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions of a module, and methods of its classes, whose names are public."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name[0] != "_":
                    yield method


def functions_without_sections() -> list[str]:
    """Public functions whose docstring lacks `Args:` or `Returns:` that they need."""
    places = []
    for name, tree in trees(LIBRARY):
        for function in public_functions(tree):
            doc = ast.get_docstring(function) or ""
            if re.fullmatch(r"See `[\w.]+`\.", doc):  # of the Protocol or base class
                continue
            arguments = function.args.posonlyargs + function.args.args
            arguments = [
                arg
                for arg in arguments + function.args.kwonlyargs
                if arg.arg not in ("self", "cls")
            ]
            decorators = {ast.unparse(item) for item in function.decorator_list}
            if "overload" in decorators:
                continue
            returned = function.returns
            returns = returned is None or ast.unparse(returned) not in (
                "None",
                "NoReturn",
            )
            if returned is None:  # not annotated: does it return a value?
                returns = any(
                    isinstance(node, ast.Return) and node.value is not None
                    for node in ast.walk(function)
                )
            if arguments and not re.search(r"^Args:$", doc, re.MULTILINE):
                places.append(f"{name}:{function.lineno}: {function.name}: Args")
            elif (
                returns
                and decorators.isdisjoint(("property", "cached_property"))
                and not re.search(r"^(Returns|Yields):$", doc, re.MULTILINE)
            ):
                places.append(f"{name}:{function.lineno}: {function.name}: Returns")
    return places


def import_circles() -> list[str]:
    """Modules of the library that import each other, wherever in the file they do."""
    modules = {}
    for name, tree in trees(LIBRARY):
        dotted = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        modules[dotted] = tree
    imports: dict[str, set[str]] = {}
    for dotted, tree in modules.items():
        wanted = imports.setdefault(dotted, set())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [n if n in modules else str(node.module) for n in names]
            else:
                continue
            wanted |= {n for n in names if n in modules and n != dotted}
    imports.pop("attnlab", None)  # the front door shows every part
    circles: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            circle = (*path[path.index(module) :], module)
            circles.append(" -> ".join(circle))
        elif module not in done:
            for other in sorted(imports.get(module, ())):
                visit(other, (*path, module))
            done.add(module)

    for module in sorted(imports):
        visit(module, ())
    return circles


def test_imports_make_no_circle():
    assert import_circles() == []


def test_no_setting_is_read_by_string_behind_the_edge():
    assert settings_read_by_string() == []


def test_nothing_is_called_found():
    assert names_called("found") == []


def test_types_are_said():
    assert any_a_thousand_lines() <= 8


def test_a_class_name_is_defined_once():
    assert classes_defined_twice() == []


def test_references_lead_somewhere():
    assert dangling_references() == []


def test_comments_answer_the_reader():
    assert comments_a_thousand_lines() >= 28


def test_public_functions_say_what_they_take_and_return():
    assert functions_without_sections() == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('def read(config):\n    return config["model"]["hidden"]', 2),
        ('def read(run):\n    return run.settings.train["steps"]', 1),
        ('def read(config):\n    return config.get("seed")', 1),
        ('def read(result):\n    return result["bleu"]', 0),
    ],
)
def test_reads_by_string_are_noticed(source, expected, tmp_path, monkeypatch):
    path = tmp_path / "attnlab" / "module.py"
    path.parent.mkdir()
    path.write_text(source + "\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "LIBRARY", [path])
    assert len(settings_read_by_string()) == expected


def main() -> None:
    lines = lines_of(FILES)
    print(f"{len(FILES)} files, {lines:,} lines; the library {lines_of(LIBRARY):,}")
    for name, places in {
        "settings read by string": settings_read_by_string(),
        "names `found`": names_called("found"),
        "classes defined twice": classes_defined_twice(),
        "dangling references": dangling_references(),
        "import circles": import_circles(),
        "functions without Args or Returns": functions_without_sections(),
    }.items():
        print(f"{name}: {len(places)}")
        for place in places if "-v" in sys.argv else places[:5]:
            print(f"    {place}")
    print(f"Any: {any_a_thousand_lines():.1f} a thousand lines")
    print(f"comments: {comments_a_thousand_lines():.1f} a thousand lines")


if __name__ == "__main__":
    main()
