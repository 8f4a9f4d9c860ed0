"""One wandb run below a folder: opened, resumed after a kill, closed, read back.

Everything is written to <folder>/wandb; `wandb sync` sends offline runs later. Of the
machine and the code, the name of the host and versions of packages are recorded. wandb
is imported inside the functions: a disabled writer does not need it.
"""

import hashlib
import os
import re
import secrets
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from attnlab.runs import plain, slug
from attnlab.settings import WandbSettings

if TYPE_CHECKING:
    import wandb
    from google.protobuf.message import Message

Mode = Literal["offline", "online", "disabled"]
LONGEST_TAG = 64  # letters that wandb allows
TIMEOUT = 30.0  # seconds to wait for an answer from the network
SECONDS_TO_WRITE = 3.0  # wandb-core may write a run's end after `finish` returned

# LevelDB's log format, in which wandb-core writes a .wandb file.
BLOCK = 32 * 1024
HEADER = struct.Struct("<IHB")  # of a record: checksum, length, kind
WHOLE, LAST = 1, 4  # kinds; 2 and 3 are the first and the middle parts of a long one


class WandbPlace(NamedTuple):
    """Where a run is shown in wandb.

    folder: its files are in folder/wandb.
    group: the sweep that it belongs to.
    name: of the run in its group.
    job_type: "train" or "report".
    key: eight letters; the runs of one key below a folder are one wandb run.
    """

    folder: Path
    group: str
    name: str
    job_type: str
    key: str


class _Service:
    """The wandb-core process that the runs open in this process share.

    wandb leaves it, and two threads, running until Python exits; here the last run to
    close stops it, unless somebody else had started it.
    """

    def __init__(self):
        self.runs = 0
        self.ours = False

    def enter(self) -> None:
        if not self.runs:
            self.ours = "WANDB_SERVICE" not in os.environ
        self.runs += 1

    def leave(self) -> None:
        self.runs -= 1
        if self.ours and not self.runs:
            import wandb

            try:
                wandb.teardown()
            finally:  # a wandb-core that died leaves its address to child processes
                os.environ.pop("WANDB_SERVICE", None)


_service = _Service()


def start(
    place: WandbPlace,
    settings: WandbSettings,
    *,
    config: Mapping[str, object],
    tags: Sequence[str] = (),
    log: Callable[[str], None],
) -> "wandb.Run":
    """An open wandb run; a run that was killed goes on under its old id.

    Args:
      place: where it is shown.
      settings: mode and project. "online" without a login, or without an answer in
        `TIMEOUT` seconds (and ten of wandb's own), becomes offline.
      config: what wandb shows as the run's config, nested.
      tags: what runs are filtered by.
      log: is called with one line that says why a run is offline and how to send it.

    Returns:
      wandb's run, for `finish`.

    Raises:
      Exception: any of wandb's own, or of the file system.
    """
    try:
        return _start(place, settings.mode, settings.project, config, tags)
    except Exception as error:
        if settings.mode != "online":
            raise
        # wandb gives a page of advice; its first line has the reason.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        log(
            f"wandb cannot go online ({reason}); the run is kept offline. To send it, "
            f"`wandb login` and `wandb sync {place.folder / 'wandb' / 'offline-run-*'}`"
        )
        return _start(place, "offline", settings.project, config, tags)


def _start(
    place: WandbPlace,
    mode: Mode,
    project: str,
    config: Mapping[str, object],
    tags: Sequence[str],
) -> "wandb.Run":
    place.folder.mkdir(parents=True, exist_ok=True)  # else wandb falls back to /tmp
    with environment(place.folder, mode):
        import wandb

        session = wandb.Settings(
            console="off",  # no redirection of stdout, no thread reading it
            x_disable_stats=True,
            x_disable_meta=True,
            disable_git=True,
            disable_code=True,
            save_code=False,
            silent=mode == "offline",
            init_timeout=TIMEOUT if mode == "online" else 90,  # wandb's own
            login_timeout=TIMEOUT,
            finish_timeout=10 * TIMEOUT,  # what is not sent by then stays on disk
            finish_timeout_raises=True,
        )
        _service.enter()
        try:
            return wandb.init(
                project=project,
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
                settings=session,
            )
        # Ctrl-C while wandb starts: the service must not outlive this, either.
        except BaseException:
            with suppress(Exception):
                _service.leave()
            raise


def finish(run: "wandb.Run", *, failed: bool) -> None:
    """Close a run; the last one open in this process also stops wandb-core.

    Args:
      run: what `start` returned.
      failed: whether wandb shows the run as failed.

    Raises:
      OSError: where an offline run is not wholly on the disk.
    """
    try:
        run.finish(exit_code=int(failed))
    finally:
        _service.leave()
    if run.settings.mode != "offline":
        return  # `finish` has waited for the server, or raised
    file = Path(run.settings.sync_file)
    deadline = time.monotonic() + SECONDS_TO_WRITE
    # wandb is silent where the disk is full, so the end of its file is looked for.
    while not is_whole(file):
        if time.monotonic() > deadline:
            raise OSError(f"{file} lacks its end; is the disk full?")
        time.sleep(0.02)


def find_id(folder: Path, key: str) -> str:
    """The id of the folder's newest wandb run of that key, or a new one.

    A new id is the key and eight random letters: a sweep that is deleted and run again
    must not go on in the wandb runs of the old one.

    Args:
      folder: wandb's files are in folder/wandb.
      key: eight letters.

    Returns:
      The id, of 16 letters.
    """
    names = [path.name for path in (folder / "wandb").glob(f"*run-*-{key}????????")]
    if not names:
        return key + secrets.token_hex(4)
    # The names begin with the time, but for the mode in front of it.
    newest = max(names, key=lambda name: name.removeprefix("offline-"))
    return newest.rsplit("-", 1)[-1]


@contextmanager
def environment(folder: Path, mode: str) -> Iterator[None]:
    """Sets the variables that wandb reads when it is imported and started.

    Without them it starts threads that report its own errors, prints, and copies what
    it is to send into the home folder. What the user has set stays, except WANDB_MODE:
    the setting outranks it.

    Args:
      folder: wandb's files go into folder/wandb.
      mode: offline, online or disabled.

    Returns:
      A context manager; at its end the variables are as they were.
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


def artifact_name(text: str) -> str:
    """A name that wandb takes for an artifact.

    Args:
      text: any words.

    Returns:
      Letters, digits and dashes of ASCII. Names with other letters end in a hash, so
      that different ones stay different.
    """
    name = slug(text)
    if name.isascii():
        return name
    # "größe" and "grasse" would else be one artifact.
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") + f"-{digest}"


def is_whole(file: Path) -> bool:
    """Whether the end of a run is on the disk.

    Args:
      file: a .wandb file.

    Returns:
      True if the file's last record is the run's exit.
    """
    last = deque(_contents(file.read_bytes()), maxlen=1)  # the others stay unparsed
    return bool(last) and _parse(last[0]).HasField("exit")


def read_records(file: Path) -> "list[Message]":
    """What wandb-core has written of a run.

    Args:
      file: a .wandb file.

    Returns:
      Its records, wandb's protocol buffers, without one that a kill has torn.
    """
    return [_parse(content) for content in _contents(file.read_bytes())]


def _parse(content: bytes) -> "Message":
    from wandb.proto import wandb_internal_pb2

    return vars(wandb_internal_pb2)["Record"].FromString(content)


def _contents(log: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, after a header of seven bytes."""
    place, parts = HEADER.size, b""
    while place + HEADER.size <= len(log):
        if BLOCK - place % BLOCK < HEADER.size:  # no record starts in a block's rest
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(log, place)
        place += HEADER.size + length
        if place > len(log):  # torn
            return
        # A record longer than a block's rest is written in parts.
        parts += log[place - length : place]
        if kind in (WHOLE, LAST):
            yield parts
            parts = b""
