"""The command `attnlab`: the programs of `experiments/` under one name.

    attnlab train --config=configs/translation.py     as python -m experiments.train ...
    attnlab --help                                    which programs there are

A program is a file of `experiments/` that runs as a script; it is found by its name, so
that the library itself imports none of them. A checkout has the folder beside this one.
A wheel has it inside (pyproject.toml says where), with `configs/`, since both names are
too general for the top of somebody's site-packages.
"""

import ast
import importlib.util
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLE = HERE / "_programs"  # in a wheel
PACKAGE = "experiments"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a program as `python -m` does, or list all of them.

    Args:
      argv: the program's name and its own arguments; those of the command line by
        default.

    Returns:
      The exit status of help, or 2 with one line for a program that there is not.

    Raises:
      SystemExit: with the exit status of the program.
    """
    name, *arguments = (sys.argv[1:] if argv is None else argv) or [""]
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"attnlab {sys.modules['attnlab'].__version__}")
        return 0
    modules = programs()
    # Both spellings: files have underscores, commands are typed with hyphens.
    module = modules.get(name.replace("_", "-"))
    if module is None:
        problem = f"unknown program {name!r}" if name else "no program is named"
        print(f"attnlab: {problem}; choose {', '.join(modules)}", file=sys.stderr)
        return 2
    _make_importable()
    sys.argv = [f"attnlab {name}", *arguments]
    runpy.run_module(
        f"{PACKAGE}.{module.stem if module.is_file() else module.name}",
        run_name="__main__",
        alter_sys=True,  # absl finds a program's flags by what __main__ is
    )
    return 0


def programs() -> dict[str, Path]:
    """The programs that there are.

    Returns:
      {name: the program's file, or the folder of its package}, by name.
    """
    files = [path for path in _folder().glob("*.py") if _is_script(path)]
    folders = [path.parent for path in _folder().glob("*/__main__.py")]
    return {
        path.stem.replace("_", "-"): path
        for path in sorted([*files, *folders], key=lambda path: path.stem)
    }


def _is_script(path: Path) -> bool:
    return '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8")


def _folder() -> Path:
    return (BUNDLE if BUNDLE.is_dir() else HERE.parent) / PACKAGE


def _help() -> str:
    """What --help prints: a line a program, the first of its docstring."""
    lines = {}
    for name, path in programs().items():
        file = path if path.is_file() else path / "__main__.py"
        document = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
        lines[name] = (document or "").split("\n")[0]
    width = max(map(len, lines), default=0)
    listed = "\n".join(f"  {name:<{width}}  {line}" for name, line in lines.items())
    return (
        "usage: attnlab PROGRAM [ARGUMENT ...]\n\n"
        f"{listed}\n\n"
        "attnlab PROGRAM --help says more of one; attnlab --version which this is."
    )


def _make_importable() -> None:
    """Let the programs, and the config files that they read, be imported.

    The current folder comes first, as with `python -m`: a user's own `configs` is
    taken, and ours where there is none. A user's own `experiments`, a common name, is
    another thing; that one is always ours.
    """
    if not sys.flags.safe_path:
        sys.path.insert(0, "")
    if importlib.util.find_spec("configs") is None:
        _import_from(_folder().with_name("configs"))
    _import_from(_folder())


def _import_from(folder: Path) -> None:
    """Import a package from its folder, whatever else has its name."""
    spec = importlib.util.spec_from_file_location(
        folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    sys.exit(main())
