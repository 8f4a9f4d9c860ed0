"""Executors by name, made from the options of the command line."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attnlab.sweep.jobs import Executor
from attnlab.sweep.local import Local
from attnlab.sweep.on_ray import Ray
from attnlab.sweep.on_slurm import Slurm


def local(workdir: Path, processes: int | None) -> Executor:
    """This machine."""
    del workdir
    return Local(processes)


# name -> maker(workdir, processes, **options)
EXECUTORS: dict[str, Callable[..., Executor]] = {
    "local": local,
    "slurm": Slurm,
    "ray": Ray,
}


def make_executor(
    name: str,
    workdir: Path,
    processes: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Executor:
    """The executor of that name; options that are None keep their defaults.

    ValueErrors name an unknown executor, an option that it does not have, a package
    that is not installed and a cluster that is not there.
    """
    if name not in EXECUTORS:
        choices = ", ".join(EXECUTORS)
        raise ValueError(f"unknown executor {name!r}; choose {choices}")
    maker = EXECUTORS[name]
    given = {k: v for k, v in (options or {}).items() if v is not None}
    known = list(inspect.signature(maker).parameters)[2:]
    for option in given:
        if option not in known:
            choices = ", ".join(f"--{word}" for word in known) or "none of its own"
            raise ValueError(
                f"--{option} is no option of --executor={name}, which has {choices}"
            )
    try:
        return maker(workdir, processes, **given)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--executor={name} needs the package {error.name}: "
            f"pip install 'attnlab[{name}]'"
        ) from None
