"""Checkpoints of a run: saved whole, verified when read, the best one kept.

    checkpoints/
      1200/                 Orbax: the arrays of the state, and `extra` as JSON
      1200.manifest.json    metric, name and dtype of every array, sha256 of every file
      .begun                steps that were begun, a line each

The manifest is written after the folder is complete, so a step that was begun and has
none was cut short. A step of neither is another program's, and stays as it is. Orbax
alone restores a flipped byte as a wrong number and a changed dtype by a silent cast;
the manifest turns both into errors. This is the only file that imports Orbax, and does
so when a checkpoint is first written or read.
"""

import errno
import hashlib
import json
import logging
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attnlab import runs
from attnlab.parsing import is_utf8
from attnlab.training import checkpoint_tree
from attnlab.training.step import Pytree

BEGUN = ".begun"
Extra = dict[str, Pytree]  # JSON, as a checkpoint has it beside the state


class Restored(NamedTuple):
    """A checkpoint that was read: the state, its `extra` and the step of both."""

    state: Pytree
    extra: Extra
    step: int


class CheckpointManifest(NamedTuple):
    """<step>.manifest.json: what a finished checkpoint is.

    step: the update that it follows. metric: of the state, None where it is not finite.
    fingerprint: of the run's configuration. state: the kind of each leaf by its name,
    "float32[3,4]". files: sha256 by the name below the step's folder. keys: the
    implementation of each random key; older checkpoints have none, and their keys as
    Orbax stores them.
    """

    step: int
    metric: float | None
    fingerprint: str | None
    state: dict[str, str]
    files: dict[str, str]
    keys: Mapping[str, str] = {}

    @property
    def rank(self) -> tuple[float, int]:
        """Higher is better: the metric, and among equals the newer one."""
        return (-math.inf if self.metric is None else self.metric, self.step)


class Checkpoints:
    """The checkpoints in one folder: the last ones and the best one.

    A state is a pytree of arrays, random keys and Python numbers, written by one
    process. Saving blocks until the files are on disk, and its threads end with it, so
    the state may be donated right after. Reading changes nothing in the folder.

    Attributes:
      folder: where they are; ValueError where its name is not UTF-8.
      keep_last: how many of the newest stay; ValueError where it is less than 1.
      fingerprint: ties the folder to a configuration (see `runs.fingerprint`):
        restoring what was saved under another one is a ValueError.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep_last: int = 2,
        fingerprint: str | None = None,
    ):
        if keep_last < 1:
            raise ValueError(f"keep_last is {keep_last}; at least 1 has to stay")
        self.folder = Path(folder).absolute()  # Orbax takes absolute paths only
        if not is_utf8(str(self.folder)):  # and none of other bytes
            raise ValueError(
                f"{str(self.folder)!r} is not UTF-8, as names of folders with "
                "checkpoints must be; choose another folder"
            )
        self.keep_last = keep_last
        self.fingerprint = fingerprint
        self._bad: set[int] = set()  # steps that there was a warning about
        self._verified = False  # are all steps here known to be good?

    @property
    def latest_step(self) -> int | None:
        """The newest finished step, None in an empty folder."""
        return max(self._manifests(), default=None)

    @property
    def best_step(self) -> int | None:
        """The finished step of the highest metric; among equals the newest."""
        return next(iter(self._best_first()), None)

    @property
    def steps(self) -> list[int]:
        """The finished steps, in order."""
        return sorted(self._manifests())

    @property
    def fingerprints(self) -> set[str | None]:
        """Of the configurations that finished steps were saved under."""
        return {manifest.fingerprint for manifest in self._manifests().values()}

    def check_own(self) -> None:
        """Refuse a folder where another program keeps steps, too.

        Raises:
          ValueError: with the folder of the first such step.
        """
        for step in sorted({*self._numbered()} - {*self._steps()}):
            raise ValueError(
                f"{self.folder / str(step)} is no checkpoint of attnlab, which has "
                "written nothing down of it; nothing was changed: move it elsewhere"
            )

    def save(
        self,
        step: int,
        state: Pytree,
        extra: Mapping[str, object] | None = None,
        metric: float | None = None,
    ) -> None:
        """Write a checkpoint, then drop those neither among the last nor the best.

        Damaged steps and leftovers of a killed process are removed on the way.

        Args:
          step: the update that the state follows. Steps grow.
          state: a pytree of arrays, random keys and numbers.
          extra: a JSON object: data cursor, early-stopping counters.
          metric: higher is better; None and numbers that are not finite count as -inf,
            so that a run that diverges cannot push out its best step.

        Raises:
          ValueError: where this step or a later one is already here, or a step of
            another program.
          TypeError: for what JSON cannot hold in `extra`.
        """
        step = int(step)
        # Checked before anything is written or removed.
        leaves = checkpoint_tree.named(state)
        self.check_own()
        # Damaged steps go first: the newest one, looked up below, may be among them.
        self._tidy()
        if self.latest_step is not None and step <= self.latest_step:
            raise ValueError(
                f"cannot save step {step}: {self.folder} already holds step "
                f"{self.latest_step}; restore it first or choose another folder"
            )
        note = _json_copy(extra or {})
        arrays = {
            name: checkpoint_tree.stored(leaf)
            for name, leaf in leaves.items()
            if checkpoint_tree.filled(leaf)
        }
        self.folder.mkdir(exist_ok=True)  # in the run's, which is there or was removed
        with open(self.folder / BEGUN, "a") as begun:
            begun.write(f"{step}\n")
        try:
            self._write(step, arrays, note)
        finally:
            self._check_there(step)
        manifest = CheckpointManifest(
            step,
            None if metric is None else float(metric),
            self.fingerprint,
            {name: checkpoint_tree.kind(leaf) for name, leaf in leaves.items()},
            _digests(self.folder / str(step)),
            {
                name: str(jax.random.key_impl(leaf))
                for name, leaf in leaves.items()
                if checkpoint_tree.is_key(leaf)
            },
        )
        self._write_manifest(manifest)
        self._forget()

    def _write_manifest(self, manifest: CheckpointManifest) -> None:
        """Written last: a step without a manifest was cut short."""
        record = runs.plain(manifest._asdict())  # metrics that are not finite: None
        record["checksum"] = runs.checksum(record)
        path = self._manifest_path(manifest.step)
        runs.write_json(path, record, folders=False)

    def check(self, step: int) -> None:
        """Refuse a step that is not whole.

        Args:
          step: of a checkpoint.

        Raises:
          ValueError: naming the file that is missing or damaged.
        """
        problem = self._problem(step)
        if problem is not None:
            raise ValueError(f"checkpoint of step {step}: {problem}")

    def manifest_digest(self, step: int) -> str:
        """The sha256 of a step's manifest, and so of the whole checkpoint.

        Args:
          step: a finished one.

        Returns:
          64 hexadecimal digits.
        """
        return _digest(self._manifest_path(step))

    def adopt(self, other: "Checkpoints", steps: Sequence[int]) -> None:
        """Copy checkpoints of another folder, as if they had been saved here.

        Those that are here already and whole stay as they are.

        Args:
          other: where they are; it is only read.
          steps: which of them.

        Raises:
          ValueError: where one of them is not whole.
        """
        self.check_own()
        for step in steps:
            if step in self._steps():
                if self._problem(step) is None:
                    continue
                self._remove(step)
            other.check(step)
            self.folder.mkdir(exist_ok=True)
            # As in `save`: what is cut short has been begun, and has no manifest.
            with open(self.folder / BEGUN, "a") as begun:
                begun.write(f"{step}\n")
            shutil.copytree(other.folder / str(step), self.folder / str(step))
            manifest = other._manifests()[step]._replace(fingerprint=self.fingerprint)
            self._write_manifest(manifest)
            self.check(step)

    def sound_metrics(self) -> set[float | None]:
        """The metrics of the steps that verify; warns of the others.

        Returns:
          Those of all finished steps whose files are what they were.
        """
        manifests = self._manifests()
        sound = [step for step in manifests if self._verifies(step)]
        return {manifests[step].metric for step in sound}

    def rewind(self, step: int) -> None:
        """Remove the checkpoints after a step: they will be made again.

        Args:
          step: the last one that stays.
        """
        for later in self._steps():
            if later > step:
                self._remove(later)

    def restore(
        self,
        template: Pytree,
        accept: Callable[[Restored], bool] = lambda restored: True,
    ) -> Restored | None:
        """The newest checkpoint that verifies and is accepted.

        A damaged or unfinished one gives a warning that names the file, and the one
        before is taken.

        Args:
          template: a state of the same structure, concrete or from `jax.eval_shape`;
            arrays go where its arrays are (onto the default device if they are
            uncommitted).
          accept: whether a checkpoint will do.

        Returns:
          The checkpoint, None without one.

        Raises:
          ValueError: where the state differs in structure, shape or dtype, the leaves
            being named, or was saved under another configuration.
        """
        return self._first(sorted(self._steps(), reverse=True), template, accept)

    def restore_best(self, template: Pytree) -> Restored | None:
        """As `restore`, in order of the metric: the best checkpoint that verifies.

        Args:
          template: a state of the same structure.

        Returns:
          The checkpoint, None without one.
        """
        return self._first(self._best_first(), template)

    def _first(
        self,
        steps: list[int],
        template: Pytree,
        accept: Callable[[Restored], bool] = lambda restored: True,
    ) -> Restored | None:
        for step in steps:
            if self._verifies(step):
                restored = self._restore(step, template)
                # Asked after reading, as what it judges by is in `extra`.
                if accept(restored):
                    return restored
        return None

    def _restore(self, step: int, template: Pytree) -> Restored:
        folder = self.folder / str(step)
        manifest = self._manifests()[step]
        leaves = checkpoint_tree.named(template)
        # The order stays, so the leaves can be put back into the template's tree.
        leaves = checkpoint_tree.as_saved(leaves, manifest.state)
        if self.fingerprint != manifest.fingerprint:
            raise ValueError(
                f"{folder} was saved under other settings than the run's config.json "
                f"has (fingerprint {manifest.fingerprint}, not {self.fingerprint})"
            )
        here = {name: checkpoint_tree.kind(leaf) for name, leaf in leaves.items()}
        checkpoint_tree.compare(folder, manifest.state, here)
        wanted = {
            name: checkpoint_tree.bits(leaf)
            if name in manifest.keys
            else checkpoint_tree.wanted(leaf)
            for name, leaf in leaves.items()
            if checkpoint_tree.filled(leaf)
        }
        arrays, extra = self._read(step, wanted)
        for name, impl in manifest.keys.items():
            key = jax.random.wrap_key_data(jnp.asarray(arrays[name]), impl=impl)
            # On the devices where the template's key lies.
            arrays[name] = jax.device_put(key, leaves[name].sharding)
        state = [
            checkpoint_tree.placed(arrays[name], leaf)
            if checkpoint_tree.filled(leaf)
            else checkpoint_tree.empty(leaf)
            for name, leaf in leaves.items()
        ]
        structure = jax.tree.structure(template)
        return Restored(jax.tree.unflatten(structure, state), extra, step)

    # Orbax: open, one operation, close. Opening is a few milliseconds, and between two
    # saves there is nothing that a kill, a fork or another process could meet.

    def _write(self, step: int, arrays: dict[str, np.ndarray], extra: Extra) -> None:
        with _orbax() as ocp:
            options = ocp.CheckpointManagerOptions(
                enable_async_checkpointing=False, **_single_process(ocp)
            )
            items = ocp.args.Composite(
                state=ocp.args.StandardSave(arrays), extra=ocp.args.JsonSave(extra)
            )
            with ocp.CheckpointManager(self.folder, options=options) as manager:
                saved = manager.save(step, args=items)
                manager.wait_until_finished()
        if not saved:  # Orbax declines without an error
            raise RuntimeError(f"Orbax did not save step {step} in {self.folder}")

    def _check_there(self, step: int) -> None:
        """FileNotFoundError where the folder was removed while a step was written; what
        Orbax has made of it anew goes, too."""
        if (self.folder / BEGUN).exists():
            return
        partial = self.folder.glob(f"{step}.orbax-checkpoint-tmp*")
        for path in (self.folder / str(step), *partial):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # they are not empty, or not there
            for folder in (self.folder, self.folder.parent):
                folder.rmdir()
        raise FileNotFoundError(
            errno.ENOENT, os.strerror(errno.ENOENT), str(self.folder)
        )

    def _read(self, step: int, wanted: Pytree) -> tuple[Pytree, Extra]:
        with _orbax() as ocp:
            options = ocp.CheckpointManagerOptions(
                read_only=True, **_single_process(ocp)
            )
            items = ocp.args.Composite(
                state=ocp.args.StandardRestore(wanted), extra=ocp.args.JsonRestore()
            )
            with ocp.CheckpointManager(self.folder, options=options) as manager:
                restored = manager.restore(step, args=items)
        return restored["state"], restored["extra"]

    # Folders, manifests and their agreement.

    def _numbered(self) -> list[int]:
        """The steps whose folders are here, whoever made them."""
        if not self.folder.is_dir():
            return []
        names = [path.name for path in self.folder.iterdir() if path.is_dir()]
        return sorted(int(name) for name in names if name.isdecimal())

    def _steps(self) -> list[int]:
        """Those of them that were saved, or begun, by this class."""
        numbered = self._numbered()
        try:
            begun = (self.folder / BEGUN).read_text().split() if numbered else []
        except FileNotFoundError:
            begun = []
        return [
            step
            for step in numbered
            if str(step) in begun or self._manifest_path(step).exists()
        ]

    def _best_first(self) -> list[int]:
        manifests = self._manifests()
        return sorted(manifests, key=lambda step: manifests[step].rank, reverse=True)

    def _manifest_path(self, step: int) -> Path:
        return self.folder / f"{step}.manifest.json"

    def _manifests(self) -> dict[int, CheckpointManifest]:
        """Sound manifests of the steps here; says nothing about their data."""
        read = {
            step: _read_manifest(self._manifest_path(step)) for step in self._steps()
        }
        return {step: manifest for step, manifest in read.items() if manifest}

    def _verifies(self, step: int) -> bool:
        """Whether a step can be trusted; warns if it cannot, naming the file."""
        problem = self._problem(step)
        if problem is not None:
            self._warn(step, problem)
        return problem is None

    def _problem(self, step: int) -> str | None:
        path = self._manifest_path(step)
        if not path.exists():
            return f"{self.folder / str(step)} was not finished"
        manifest = _read_manifest(path)
        if manifest is None:
            return f"{path} is damaged"
        for name, digest in manifest.files.items():
            file = self.folder / str(step) / name
            if not file.is_file():
                return f"{file} is missing"
            if _digest(file) != digest:
                return f"{file} is damaged"
        return None

    def _warn(self, step: int, problem: str) -> None:
        """Once a step, however often it is looked at."""
        if step not in self._bad:
            self._bad.add(step)
            message = f"checkpoint of step {step} is left out: {problem}"
            warnings.warn(message, RuntimeWarning, stacklevel=5)

    def _tidy(self) -> None:
        """Remove what kills and damage have left; everything is verified only once."""
        for leftover in self.folder.glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for leftover in self.folder.glob(".[0-9]*.manifest.json.*.tmp"):
            leftover.unlink(missing_ok=True)
        steps = self._steps()
        for path in self.folder.glob("*.manifest.json"):
            step = path.name.removesuffix(".manifest.json")
            if step.isdecimal() and int(step) not in steps:
                path.unlink()
        # Hashed at the first save only: this process has written the later ones.
        for step in [] if self._verified else steps:
            if not self._verifies(step):
                self._remove(step)
        self._verified = True

    def _forget(self) -> None:
        # The best one often is among the last; then one fewer stays.
        staying = {*self._steps()[-self.keep_last :], self.best_step}
        for step in self._steps():
            if step not in staying:
                self._remove(step)

    def _remove(self, step: int) -> None:
        self._manifest_path(step).unlink(missing_ok=True)  # first: no half-deleted step
        shutil.rmtree(self.folder / str(step))


@contextmanager
def _orbax() -> Iterator[ModuleType]:
    """The orbax.checkpoint module, with absl's log held down to errors meanwhile."""
    import orbax.checkpoint as ocp

    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield ocp
    finally:
        logger.setLevel(level)


def _single_process(ocp: ModuleType) -> dict[str, object]:
    """Options by which this process works alone, also where several train together."""
    me = jax.process_index()
    # By default Orbax waits at a barrier, which the other processes never reach.
    alone = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"only{me}"
    )
    return {"multiprocessing_options": alone, "create": False}


def _digest(file: Path) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def _read_manifest(path: Path) -> CheckpointManifest | None:
    """A manifest that agrees with its own checksum, else None."""
    try:
        record = runs.read_json(path)
    except (OSError, ValueError):
        return None
    # The manifest vouches for the other files, so it needs a checksum itself.
    if record.pop("checksum", None) != runs.checksum(record):
        return None
    return CheckpointManifest(**record)


def _json_copy(extra: Mapping[str, object]) -> Extra:
    """`extra` as it will come back; NaN and infinities stay what they are."""

    def convert(value: object) -> object:
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            return value.tolist()
        raise TypeError(f"extra holds a {type(value).__name__}, which JSON cannot")

    return json.loads(json.dumps(dict(extra), default=convert))
