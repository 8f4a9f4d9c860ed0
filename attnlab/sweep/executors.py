"""Executors by name, made from the options of the command line."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

from attnlab.sweep.jobs import Executor
from attnlab.sweep.local import Local
from attnlab.sweep.on_ray import Ray
from attnlab.sweep.on_slurm import Slurm


def local(workdir: Path, processes: int | None) -> Executor:
    """The executor of this machine.

    Args:
      workdir: not used, as processes here know where they are.
      processes: runs at a time; one a core by default.

    Returns:
      The executor.
    """
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
    options: Mapping[str, object] | None = None,
) -> Executor:
    """An executor by name.

    Args:
      name: one of EXECUTORS.
      workdir: the sweep's folder.
      processes: runs at a time; None: the executor's own default.
      options: of this kind of executor; those that are None have their defaults.

    Returns:
      The executor, connected to its cluster if it has one.

    Raises:
      ValueError: for an unknown executor, an option that it does not have, a package
        that is not installed and a cluster that is not there.
    """
    if name not in EXECUTORS:
        choices = ", ".join(EXECUTORS)
        raise ValueError(f"unknown executor {name!r}; choose {choices}")
    maker = EXECUTORS[name]
    # Flags that nobody gave are None, and the maker's defaults hold.
    given = {k: v for k, v in (options or {}).items() if v is not None}
    names = list(inspect.signature(maker).parameters)[2:]  # after workdir and processes
    for option in given:
        if option not in names:
            choices = ", ".join(f"--{word}" for word in names) or "none of its own"
            raise ValueError(
                f"--{option} is no option of --executor={name}, which has {choices}"
            )
    try:
        return maker(workdir, processes, **given)
    # The package of a cluster is an extra, imported only by its maker.
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--executor={name} needs the package {error.name}: "
            f"pip install 'attnlab[{name}]'"
        ) from None
