"""Plugins: modules of a user's own, which register scores and the like when imported.

    config.plugins = ("my_scores",)        in a config file, which is a program
    ATTNLAB_PLUGINS=my_scores,my_corpus    in the environment of a program

Programs import them, and the processes that they start get the same two variables. A
run folder only names the plugins that it was trained with: what is read is never run,
so a run whose plugins are not loaded is refused with a line that says what to do.
"""

import hashlib
import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

NAMES = "ATTNLAB_PLUGINS"
FOLDERS = "ATTNLAB_PLUGIN_PATH"  # of the parent's config file; parted as PATH is
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


class PluginError(ValueError):
    """A plugin that is not there, or fails as it is imported; a line says which."""


def load_plugins(
    names: Iterable[str] = (), folders: Iterable[str | os.PathLike[str]] = ()
) -> dict[str, str]:
    """Import the plugins of the environment and others. For programs, not the library.

    They are looked for as Python does, then in `folders`, then in the working
    directory, each by its own path only where the ones before have no such module.
    Processes that are started from here load the same ones.

    Args:
      names: of modules, "my_scores" or "my_package.scores".
      folders: to look in as well; that of the config file.

    Returns:
      The file of each plugin by its name, those of the environment first.

    Raises:
      PluginError: for a name that is none, a module that is not found and one that
        raises an exception.
    """
    wanted = list(dict.fromkeys([*_named(), *names]))
    if not wanted:
        return {}
    places = look_in([*os.environ.get(FOLDERS, "").split(os.pathsep), *folders])
    for name in wanted:
        _import(name, places)
    os.environ[NAMES] = ",".join(wanted)
    os.environ[FOLDERS] = os.pathsep.join(places)
    return {name: str(getattr(sys.modules[name], "__file__", "")) for name in wanted}


def look_in(folders: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Let modules be imported from folders, after all places where Python looks.

    Last, so that a file beside a config file hides no library of the same name.

    Args:
      folders: any, empty names among them, which are left out.

    Returns:
      Their absolute paths, and that of the working directory.
    """
    absolute = [os.path.abspath(folder) for folder in folders if os.fspath(folder)]
    places = list(dict.fromkeys([*absolute, os.getcwd()]))
    sys.path += [place for place in places if place not in sys.path]
    return places


def variables() -> dict[str, str]:
    """What a process that is started from here needs to load the same plugins.

    Returns:
      Environment variables; {} without plugins.
    """
    return {name: os.environ[name] for name in (NAMES, FOLDERS) if name in os.environ}


def check_loaded(names: object, what: str) -> None:
    """Refuse what needs plugins that have not been imported.

    Args:
      names: of modules, as a configuration of unknown origin has them.
      what: needs them: "run runs/x/0".

    Raises:
      ValueError: naming those that are missing; nothing is imported.
    """
    if not names:
        return
    items = list(names) if isinstance(names, list | tuple) else []
    modules = [name for name in items if isinstance(name, str)]
    # Looked at first, as the line below is there to be copied into a shell.
    named = bool(items) and len(modules) == len(items)
    if not named or not all(map(MODULE.fullmatch, modules)):
        raise ValueError(f"plugins is {names!r:.80}; it must be a list of modules")
    missing = [name for name in modules if name not in sys.modules]
    if missing:
        raise ValueError(
            f"{what} uses plugins {', '.join(missing)}; set {NAMES}="
            f"{','.join(modules)} (it is code and is run), or in Python import "
            f"{', '.join(missing)} first"
        )


def digests(names: Iterable[str]) -> dict[str, str]:
    """What the files of imported plugins hold.

    Args:
      names: of modules that are imported.

    Returns:
      "<sha256> my_scores.py" by the plugin's name; of a package the sha256 is of all
      its .py files. Without those that have no file.
    """
    files = {name: getattr(sys.modules.get(name), "__file__", None) for name in names}
    return {
        name: f"{_digest(Path(file))} {Path(file).name}"
        for name, file in files.items()
        if file is not None and Path(file).is_file()
    }


def _named() -> list[str]:
    return os.environ.get(NAMES, "").replace(",", " ").split()


def _import(name: str, places: Sequence[str]) -> None:
    if not MODULE.fullmatch(name):
        raise PluginError(f"plugin {name!r} is no name of a module, such as my_scores")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise PluginError(_line(name, error)) from error
        raise PluginError(
            f"no plugin {name}: Python finds no module {error.name}, nor is it in "
            f"{', '.join(places)}"
        ) from None
    except Exception as error:  # it is a program of the user's, and may raise anything
        raise PluginError(_line(name, error)) from error


def _line(name: str, error: Exception) -> str:
    """Where a plugin went wrong: in its own file, if it has got so far."""
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"plugin {name}: {error.filename}:{error.lineno}: {error.msg}"
    library = str(Path(__file__).resolve().parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((library, "<frozen", importlib.__file__))
    ]
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    return f"plugin {name}: {place}{what}"


def _digest(file: Path) -> str:
    if file.name != "__init__.py":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for path in sorted(file.parent.rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{content} {path.relative_to(file.parent).as_posix()}\n".encode())
    return whole.hexdigest()
