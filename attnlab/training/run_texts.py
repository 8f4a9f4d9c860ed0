"""The files that a run was begun with: their content decides, wherever they lie.

    texts.json    {"data.files.train": ["<sha256> a.de", ...], ...} in the run's folder

A run refuses files of another content, and goes on with the same ones at another place,
which its config.json then has under `places`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attnlab import runs
from attnlab.runs.files import TEXTS
from attnlab.settings import TaskSettings


def check_texts(folder: Path, settings: TaskSettings) -> bool:
    """Refuse files that are not those that a run was begun with.

    Args:
      folder: the run's, which gets the list of its files if it has none. (A run that
        is older than such lists goes on with what is there.)
      settings: of the run.

    Returns:
      Whether the list is new: the run begins.

    Raises:
      ValueError: naming the setting and the file of another content.
    """
    here = digests(settings)
    recorded = read_texts(folder)
    if recorded is not None:
        compare(recorded, here, named_files(settings))
    elif here:
        runs.write_json(folder / TEXTS, here, folders=False)
    return recorded is None


def compare(
    recorded: Mapping[str, Sequence[str]],
    here: Mapping[str, Sequence[str]],
    files: Mapping[str, Sequence[Path]],
) -> None:
    """Compare the files of a run with those that it was begun with.

    Args:
      recorded: digests of those, by setting.
      here: digests of these.
      files: their paths.

    Raises:
      ValueError: for the first that differs.
    """
    for name, these in here.items():
        those = recorded.get(name, these)
        for number, digest in enumerate(these):
            if number >= len(those) or _content(digest) != _content(those[number]):
                raise ValueError(
                    f"{name}: {files[name][number]} is not what the run was begun "
                    "with; give it the same text, or choose another --workdir"
                )


def moved(folder: Path, settings: TaskSettings, names: Sequence[str]) -> list[str]:
    """Which settings name the same files as before, at another place.

    Args:
      folder: of a run that has begun.
      settings: what it is to go on with.
      names: of settings, dotted, that have another value than the run has.

    Returns:
      Those of them whose files have the content that the run was begun with.
    """
    recorded = read_texts(folder) or {}
    asked = [name for name in names if name in recorded]
    here = digests(settings, asked)
    return [
        name
        for name in asked
        if list(map(_content, here.get(name, ()))) == [*map(_content, recorded[name])]
    ]


def read_texts(folder: Path) -> dict[str, list[str]] | None:
    """The digests of the files that a run was begun with.

    Args:
      folder: the run's.

    Returns:
      By setting; None where no list is there, or a damaged one.
    """
    try:
        return runs.read_json(folder / TEXTS)
    except (FileNotFoundError, ValueError):
        return None


def named_files(settings: TaskSettings) -> dict[str, list[Path]]:
    """The files and folders that settings name, whether or not they are there.

    Args:
      settings: of a run.

    Returns:
      Paths by the dotted name of the setting.
    """
    data = settings.data
    named = data.file_options.get(data.name, ())
    chosen = {name: value for name, value in data.options.items() if name in named}
    own = {name: getattr(data, name) for name in data.own_files if getattr(data, name)}
    return {f"data.{name}": paths for name, paths in _paths(own)} | {
        f"data.{data.name}.{name}": paths for name, paths in _paths(chosen) if paths
    }


def _paths(options: Mapping[str, object]) -> Iterator[tuple[str, list[Path]]]:
    for name, value in options.items():
        if isinstance(value, Mapping):  # gold sets by name
            yield from _paths({f"{name}.{key}": item for key, item in value.items()})
        elif isinstance(value, str):
            yield name, [Path(part) for part in value.split(",")]
        elif isinstance(value, Sequence):
            yield name, [Path(str(part)) for part in value]


def digests(
    settings: TaskSettings, names: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """Digest and name of each file that settings name.

    Args:
      settings: of a run.
      names: dotted, of the settings that are looked at; by default all.

    Returns:
      "<sha256> a.de" by setting, without settings of which a file is not there: who
      reads it says so.

    Raises:
      ValueError: for a path that is neither a file nor a folder.
    """
    files = named_files(settings)
    return {
        name: [f"{_digest(path)} {path.name}" for path in paths]
        for name, paths in files.items()
        if (names is None or name in names) and all(path.exists() for path in paths)
    }


def _digest(path: Path) -> str:
    """Of a file's content, or of all names and contents below a folder."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{_digest(f)} {f.relative_to(path).as_posix()}\n" for f in files]
        return runs.digest("".join(lines).encode())
    if not path.is_file():  # a pipe would be waited for
        raise ValueError(f"{path} is no file")
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _content(digest: str) -> str:
    """The sha256 of "<sha256> a.de": how a file is called is no content."""
    return digest.split(" ")[0]
