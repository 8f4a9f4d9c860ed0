"""One wandb run below a folder: opened, found again after a kill, closed.

`wandb sync` sends offline runs later. Everything is kept in <folder>/wandb; of the
machine and the code the name of the host and versions of packages are recorded.
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from attnlab.mirror.records import is_whole
from attnlab.runs import plain, slug

Mode = Literal["offline", "online", "disabled"]
LONGEST_TAG = 64  # letters that wandb allows
SECONDS_TO_WRITE = 3.0


class WandbPlace(NamedTuple):
    """Where a run is shown: folder/wandb on disk, `name` in the group of its sweep.

    `key` is a word of eight letters; a folder's runs of one key are one wandb run.
    """

    folder: Path
    project: str
    group: str
    name: str
    job_type: str
    key: str


class _Service:
    """The wandb-core process that this process's runs share.

    wandb keeps it, and two threads, until Python exits; here the last run stops it,
    unless somebody else had started it.
    """

    def __init__(self):
        self.open = 0
        self.ours = False

    def enter(self) -> None:
        if not self.open:
            self.ours = "WANDB_SERVICE" not in os.environ
        self.open += 1

    def leave(self) -> None:
        self.open -= 1
        if self.ours and not self.open:
            import wandb

            try:
                wandb.teardown()
            finally:  # where it has died, wandb leaves its address for child processes
                os.environ.pop("WANDB_SERVICE", None)


_service = _Service()


def start(
    place: WandbPlace,
    mode: Mode,
    *,
    config: Mapping[str, Any],
    tags: Sequence[str] = (),
    timeout: float = 30.0,
    say: Callable[[str], None],
) -> Any:
    """An open wandb run; a run that was killed goes on under its old id.

    Where `mode` is "online" but there is no login, or no answer in `timeout` seconds
    (and ten of wandb's own), the run is kept offline and `say` is told how to send it.
    What else goes wrong is raised, wandb's own errors among it.
    """
    try:
        return _start(place, mode, config, tags, timeout)
    except Exception as error:
        if mode != "online":
            raise
        where = place.folder / "wandb" / "offline-run-*"
        say(
            f"wandb cannot go online ({_first_line(error)}); the run is kept offline. "
            f"To send it, `wandb login` and `wandb sync {where}`"
        )
        return _start(place, "offline", config, tags, timeout)


def _start(
    place: WandbPlace,
    mode: Mode,
    config: Mapping[str, Any],
    tags: Sequence[str],
    timeout: float,
) -> Any:
    place.folder.mkdir(parents=True, exist_ok=True)  # else wandb falls back to /tmp
    with environment(place.folder, mode):
        import wandb

        settings = wandb.Settings(
            console="off",  # no redirection of stdout, no thread reading it
            x_disable_stats=True,
            x_disable_meta=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            silent=mode == "offline",
            init_timeout=timeout if mode == "online" else 90,  # wandb's own
            login_timeout=timeout,
            finish_timeout=10 * timeout,  # what is not sent by then stays on disk
            finish_timeout_raises=True,
        )
        _service.enter()
        try:
            return wandb.init(
                project=place.project,
                group=place.group,
                name=place.name,
                job_type=place.job_type,
                id=find_id(place.folder, place.key),
                resume="allow",
                config=plain(config),
                tags=list(dict.fromkeys(tag[:LONGEST_TAG] for tag in tags)),
                mode=mode,
                dir=place.folder,
                reinit="create_new",  # replicas have a run each in one process
                settings=settings,
            )
        except BaseException:
            with suppress(Exception):
                _service.leave()
            raise


def finish(run: Any, *, failed: bool) -> None:
    """Close the run; the last one open in this process also stops wandb-core.

    OSError where an offline run did not get onto the disk.
    """
    try:
        run.finish(exit_code=int(failed))
    finally:
        _service.leave()
    if run.settings.mode != "offline":
        return
    deadline = time.monotonic() + SECONDS_TO_WRITE
    while not is_whole(Path(run.settings.sync_file)):  # wandb-core may write it later
        if time.monotonic() > deadline:
            raise OSError(f"{run.settings.sync_file} lacks its end; is the disk full?")
        time.sleep(0.02)


def find_id(folder: Path, key: str) -> str:
    """The id of the folder's newest wandb run of that key, or a new one.

    An id is the key and eight random letters: a sweep that is deleted and run again
    must not go on in the wandb runs of the old one.
    """
    found = [path.name for path in (folder / "wandb").glob(f"*run-*-{key}????????")]
    if found:
        newest = max(found, key=lambda name: name.removeprefix("offline-"))
        return newest.rsplit("-", 1)[-1]
    return key + secrets.token_hex(4)


@contextmanager
def environment(folder: Path, mode: Mode) -> Iterator[None]:
    """Variables that wandb reads when imported and started, set for that time only.

    Without them it starts threads that report its own errors, prints, and copies what
    it is to send into the home folder. What the user has set stays, but for WANDB_MODE,
    which the caller has decided.
    """
    wanted = {
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DATA_DIR": str(folder.absolute() / "wandb"),
        "WANDB_CACHE_DIR": str(folder.absolute() / "wandb" / "cache"),
    }
    if mode == "offline":
        wanted["WANDB_SILENT"] = "true"
    wanted = {k: v for k, v in wanted.items() if k not in os.environ}
    wanted["WANDB_MODE"] = mode
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def artifact_name(text: str) -> str:
    """A name that wandb takes: letters, digits and dashes of ASCII alone, so that other
    ones are told apart by a hash."""
    name = slug(text)
    if name.isascii():
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") + f"-{digest}"
