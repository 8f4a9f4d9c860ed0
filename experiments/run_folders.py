"""Folders and files that are given to programs: one line on what cannot be used."""

from pathlib import Path

SHOWN = 8  # runs that an error names


def check_run(folder: Path) -> None:
    """Refuse a folder that is no run; of a sweep's, name the runs in it.

    Args:
      folder: as it was given.

    Raises:
      FileNotFoundError: where it is no folder, or holds no config.json.
    """
    from attnlab import runs

    if (folder / runs.CONFIG).exists():
        return
    inside = [run.folder for run in runs.find(folder)] if folder.is_dir() else []
    if not inside:
        raise FileNotFoundError(f"no {runs.CONFIG} in {folder}")
    names = ", ".join(map(str, inside[:SHOWN]))
    more = f", ... ({len(inside)} runs)" if len(inside) > SHOWN else ""
    raise FileNotFoundError(f"{folder} is no run, it holds runs: {names}{more}")


def check_new_file(file: Path) -> None:
    """Refuse to replace a file, and to write where there is no folder.

    Args:
      file: to be written.

    Raises:
      ValueError: where something is there already, or its folder is not.
    """
    if file.exists() or file.is_symlink():
        raise ValueError(f"{file} exists; choose another name, or remove it")
    if not file.parent.is_dir():
        raise ValueError(f"no folder {file.parent} for {file.name}")
