"""Checkpoints of a run: saved whole, verified when read, the best one kept.

    checkpoints/
      1200/                 Orbax: the arrays of the state, and `extra` as JSON
      1200.manifest.json    metric, name and dtype of every array, sha256 of every file

The manifest is written after the folder is complete, so a step without one was cut
short. Orbax alone restores a flipped byte as a wrong number and a changed dtype by a
silent cast; the manifest turns both into errors. This is the only file that imports
Orbax, and does so when a checkpoint is first written or read.
"""

import hashlib
import json
import logging
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from attnlab import runs
from attnlab.training import checkpoint_tree


class Restored(NamedTuple):
    """What `Checkpoints.restore` found: the state, its `extra` and the step of both."""

    state: Any
    extra: dict[str, Any]
    step: int


class Checkpoints:
    """The checkpoints in one folder: the last two steps and the best one.

    A state is a pytree of arrays, random keys and Python numbers, written by one
    process. Saving blocks until the files are on disk, and its threads end with it, so
    the state may be donated right after. Reading changes nothing in the folder.

    `fingerprint` (see `runs.fingerprint`) ties the folder to a configuration: restoring
    what was saved under another one is a ValueError.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        keep_last: int = 2,
        fingerprint: str | None = None,
    ):
        if keep_last < 1:
            raise ValueError(f"keep_last is {keep_last}; at least 1 has to stay")
        self.folder = Path(folder).absolute()  # Orbax takes absolute paths only
        self.keep_last = keep_last
        self.fingerprint = fingerprint
        self._bad: set[int] = set()  # steps already complained about
        self._verified = False  # are all steps here known to be good?

    @property
    def latest_step(self) -> int | None:
        """The newest finished step, None in an empty folder."""
        return max(self._manifests(), default=None)

    @property
    def best_step(self) -> int | None:
        """The finished step of the highest metric; among equals the newest."""
        found = self._manifests()
        return max(found, key=lambda step: _rank(found[step]), default=None)

    def save(
        self,
        step: int,
        state: Any,
        extra: Mapping[str, Any] | None = None,
        metric: float | None = None,
    ) -> None:
        """Write a checkpoint, then drop those neither among the last nor the best.

        `extra` is a JSON object: data cursor, early-stopping counters. A higher
        `metric` is better; None and numbers that are not finite count as -inf, so that
        a run that diverges cannot push out its best step. Damaged steps and leftovers
        of a killed process are removed on the way. Steps grow: a ValueError says so
        where this one or a later one is already here.
        """
        step = int(step)
        parts = checkpoint_tree.named(state)
        self._tidy()
        if self.latest_step is not None and step <= self.latest_step:
            raise ValueError(
                f"cannot save step {step}: {self.folder} already holds step "
                f"{self.latest_step}; restore it first or choose another folder"
            )
        note = _json_copy(extra or {})
        arrays = {
            name: checkpoint_tree.stored(leaf)
            for name, leaf in parts.items()
            if checkpoint_tree.filled(leaf)
        }
        self._write(step, arrays, note)
        manifest = {
            "step": step,
            "metric": None if metric is None else float(metric),
            "fingerprint": self.fingerprint,
            "state": {name: checkpoint_tree.kind(leaf) for name, leaf in parts.items()},
            "keys": {
                n: str(jax.random.key_impl(k))
                for n, k in parts.items()
                if checkpoint_tree.is_key(k)
            },
            "files": _digests(self.folder / str(step)),
        }
        manifest = runs.plain(manifest)  # a metric that is not finite becomes None
        manifest["checksum"] = runs.checksum(manifest)
        runs.write_json(self._manifest(step), manifest)
        self._forget()

    @property
    def steps(self) -> list[int]:
        """The finished steps, in order."""
        return sorted(self._manifests())

    @property
    def fingerprints(self) -> set[str | None]:
        """Of the configurations that finished steps were saved under."""
        return {manifest["fingerprint"] for manifest in self._manifests().values()}

    def sound_metrics(self) -> set[float | None]:
        """The metrics of the steps that verify; complains of the others."""
        return {manifest["metric"] for manifest in self._verified_manifests().values()}

    def rewind(self, step: int) -> None:
        """Remove the checkpoints after `step`: they will be made again."""
        for later in self._steps():
            if later > step:
                self._remove(later)

    def restore(
        self, template: Any, accept: Callable[[Restored], bool] = lambda found: True
    ) -> Restored | None:
        """The newest checkpoint that verifies and is accepted, None without one.

        A damaged or unfinished one gives a warning that names the file, and the one
        before is taken. `template` is a state of the same structure, concrete or from
        `jax.eval_shape`; arrays go where its arrays are (onto the default device if
        they are uncommitted). A state that differs in structure, shape or dtype is a
        ValueError that names the leaves.
        """
        return self._first(sorted(self._steps(), reverse=True), template, accept)

    def restore_best(self, template: Any) -> Restored | None:
        """As `restore`, in order of the metric: the best checkpoint that verifies."""
        found = self._manifests()
        steps = sorted(found, key=lambda step: _rank(found[step]), reverse=True)
        return self._first(steps, template)

    def _first(
        self,
        steps: list[int],
        template: Any,
        accept: Callable[[Restored], bool] = lambda found: True,
    ) -> Restored | None:
        for step in steps:
            problem = self._problem(step)
            if problem is not None:
                self._complain(step, problem)
                continue
            found = self._restore(step, template)
            if accept(found):
                return found
        return None

    def _verified_manifests(self) -> dict[int, dict[str, Any]]:
        found = self._manifests()
        for step in list(found):
            problem = self._problem(step)
            if problem is not None:
                self._complain(step, problem)
                del found[step]
        return found

    def _restore(self, step: int, template: Any) -> Restored:
        folder = self.folder / str(step)
        manifest = self._manifests()[step]
        parts = checkpoint_tree.named(template)
        if self.fingerprint != manifest["fingerprint"]:
            raise ValueError(
                f"{folder} was saved by a run of configuration "
                f"{manifest['fingerprint']}, this one is {self.fingerprint}"
            )
        here = {name: checkpoint_tree.kind(leaf) for name, leaf in parts.items()}
        checkpoint_tree.compare(folder, manifest["state"], here)
        keys = manifest.get("keys", {})  # older checkpoints have them as Orbax's own
        wanted = {
            name: checkpoint_tree.bits(leaf)
            if name in keys
            else checkpoint_tree.wanted(leaf)
            for name, leaf in parts.items()
            if checkpoint_tree.filled(leaf)
        }
        arrays, extra = self._read(step, wanted)
        for name, impl in keys.items():
            key = jax.random.wrap_key_data(jnp.asarray(arrays[name]), impl=impl)
            arrays[name] = jax.device_put(key, parts[name].sharding)
        state = [
            checkpoint_tree.placed(arrays[name], leaf)
            if checkpoint_tree.filled(leaf)
            else checkpoint_tree.empty(leaf)
            for name, leaf in parts.items()
        ]
        structure = jax.tree.structure(template)
        return Restored(jax.tree.unflatten(structure, state), extra, step)

    # Orbax: open, one operation, close. Opening is a few milliseconds, and between two
    # saves there is nothing that a kill, a fork or another process could meet.

    def _write(self, step: int, arrays: dict[str, Any], extra: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with _orbax() as ocp:
            options = ocp.CheckpointManagerOptions(
                enable_async_checkpointing=False, **_by_itself(ocp)
            )
            items = ocp.args.Composite(
                state=ocp.args.StandardSave(arrays), extra=ocp.args.JsonSave(extra)
            )
            with ocp.CheckpointManager(self.folder, options=options) as manager:
                saved = manager.save(step, args=items)
                manager.wait_until_finished()
        if not saved:  # Orbax declines without an error
            raise RuntimeError(f"Orbax did not save step {step} in {self.folder}")

    def _read(self, step: int, wanted: dict[str, Any]) -> tuple[Any, Any]:
        with _orbax() as ocp:
            options = ocp.CheckpointManagerOptions(read_only=True, **_by_itself(ocp))
            items = ocp.args.Composite(
                state=ocp.args.StandardRestore(wanted), extra=ocp.args.JsonRestore()
            )
            with ocp.CheckpointManager(self.folder, options=options) as manager:
                found = manager.restore(step, args=items)
        return found["state"], found["extra"]

    # Folders, manifests and their agreement.

    def _steps(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        names = [path.name for path in self.folder.iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal())

    def _manifest(self, step: int) -> Path:
        return self.folder / f"{step}.manifest.json"

    def _manifests(self) -> dict[int, dict[str, Any]]:
        """Sound manifests of the steps here; says nothing about their data."""
        found = {step: _read_manifest(self._manifest(step)) for step in self._steps()}
        return {step: manifest for step, manifest in found.items() if manifest}

    def _problem(self, step: int) -> str | None:
        """Why a step cannot be trusted, naming the file; None if it verifies."""
        path = self._manifest(step)
        if not path.exists():
            return f"{self.folder / str(step)} was not finished"
        manifest = _read_manifest(path)
        if manifest is None:
            return f"{path} is damaged"
        for name, digest in manifest["files"].items():
            file = self.folder / str(step) / name
            if not file.is_file():
                return f"{file} is missing"
            if _digest(file) != digest:
                return f"{file} is damaged"
        return None

    def _complain(self, step: int, problem: str) -> None:
        if step not in self._bad:
            self._bad.add(step)
            message = f"checkpoint of step {step} is left out: {problem}"
            warnings.warn(message, RuntimeWarning, stacklevel=4)

    def _tidy(self) -> None:
        """Remove what kills and damage have left; everything is verified only once."""
        for leftover in self.folder.glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in self.folder.glob(".*.manifest.json.*.tmp"):
            leftover.unlink(missing_ok=True)
        steps = self._steps()
        for path in self.folder.glob("*.manifest.json"):
            if path.name.split(".")[0] not in map(str, steps):
                path.unlink()
        for step in [] if self._verified else steps:
            problem = self._problem(step)
            if problem is not None:
                self._complain(step, problem)
                self._remove(step)
        self._verified = True

    def _forget(self) -> None:
        kept = {*self._steps()[-self.keep_last :], self.best_step}
        for step in self._steps():
            if step not in kept:
                self._remove(step)

    def _remove(self, step: int) -> None:
        self._manifest(step).unlink(missing_ok=True)  # first: no half-deleted step
        shutil.rmtree(self.folder / str(step))


@contextmanager
def _orbax() -> Iterator[Any]:
    """The orbax.checkpoint module, with absl's log held down to errors meanwhile."""
    import orbax.checkpoint as ocp

    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield ocp
    finally:
        logger.setLevel(level)


def _by_itself(ocp: Any) -> dict[str, Any]:
    """Options by which this process works alone, also where several train together."""
    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"only{me}"
    )
    return {"multiprocessing_options": alone, "create": False}


def _rank(manifest: Mapping[str, Any]) -> tuple[float, int]:
    metric = manifest["metric"]
    return (-math.inf if metric is None else metric, manifest["step"])


def _digest(file: Path) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def _read_manifest(path: Path) -> dict[str, Any] | None:
    """A manifest that agrees with its own checksum, else None."""
    try:
        manifest = runs.read_json(path)
    except (OSError, ValueError):
        return None
    return manifest if manifest.get("checksum") == runs.checksum(manifest) else None


def _json_copy(extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` as it will come back; NaN and infinities stay what they are."""

    def convert(value):
        if hasattr(value, "tolist"):  # NumPy and JAX
            return value.tolist()
        raise TypeError(f"extra holds a {type(value).__name__}, which JSON cannot")

    return json.loads(json.dumps(dict(extra), default=convert))
