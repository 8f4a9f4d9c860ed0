"""The writer that mirrors a run in Weights & Biases and never stops it."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attnlab import runs
from attnlab.training.writers import Writer

MODES = ("offline", "online", "disabled")


def wandb_writer(
    folder: Path, config: Mapping[str, Any], *, fingerprint: str
) -> Writer:
    """Mirrors a run folder as a wandb run; see `attnlab.mirror.training`.

    config.wandb.mode "offline" writes folder/wandb/ and needs no network and no login;
    `wandb sync` sends it later. "online" falls back to offline where there is no login
    or no answer. "disabled" does nothing and imports nothing. The mode given here
    outranks WANDB_MODE.

    It is a mirror: whatever goes wrong with it is said once, on stderr and under
    "wandb" in environment.json, and training goes on without it. A killed process
    leaves its last lines out of it (wandb writes blocks of 32 KiB). A run that is
    resumed goes on under the same id: online in the same wandb run, offline in a second
    file, which `wandb sync` sends after the first.
    """
    mode = config["wandb"]["mode"]
    if mode not in MODES:
        raise ValueError(f"unknown wandb mode {mode!r}; choose {', '.join(MODES)}")
    if mode == "disabled":
        return Writer(lambda *_: None, lambda: None, lambda: None)

    def open_mirror() -> Writer:
        from attnlab.mirror.training import RunMirror

        mirror = RunMirror(
            folder, config, fingerprint=fingerprint, say=lambda note: tell(folder, note)
        )
        return Writer(mirror.write, mirror.conclude, mirror.close, mirror.histograms)

    return forgiving(
        open_mirror,
        lambda error: tell(
            folder,
            f"wandb failed ({type(error).__name__}: {error}); training goes on, and "
            "this run is missing there from here on",
        ),
    )


def forgiving(make: Callable[[], Writer], warn: Callable[[Exception], None]) -> Writer:
    """The writer that `make` returns, until something in it fails.

    Then `warn` hears of it, once, and nothing more is written; it is still closed.
    """
    failed = False

    def attempt(do: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal failed
        if failed:
            return None
        try:
            return do(*arguments)
        except Exception as error:
            failed = True
            warn(error)
            return None

    made: Writer | None = attempt(make)
    if made is None:
        return Writer(lambda *_: None, lambda: None, lambda: None)

    def close():
        if failed:
            with suppress(Exception):
                made.close()
        else:
            attempt(made.close)

    return Writer(
        lambda *now: attempt(made.write, *now),
        lambda: attempt(made.conclude),
        close,
        lambda *now: attempt(made.histograms, *now),
    )


def tell(folder: Path, note: str) -> None:
    """Say it on stderr and note it in environment.json, if that can be written."""
    print(note, file=sys.stderr, flush=True)
    with suppress(OSError, ValueError):
        path = folder / runs.ENVIRONMENT
        known = runs.read_json(path) if path.exists() else {}
        runs.write_json(path, known | {"wandb": note})
        if runs.ENVIRONMENT in runs.read_manifest(folder):  # the run has finished
            runs.list_files(folder, {runs.ENVIRONMENT: path.read_bytes()})
