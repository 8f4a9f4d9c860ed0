"""A finished run for the tests of what damages it, and runs that only seem to train."""

import sys
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.training.run import run
from tests.tiny import tiny_config, tiny_folder

# Stands for `python -m attnlab.training.run FOLDER --quiet`, without the time it takes.
STAND_IN = """#!{python}
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[3])
if sys.argv[2] == "attnlab.sweep.replica_groups":
    with open(folder / "measured", "a") as measured:
        measured.write(" ".join(sys.argv[6:]) + "\\n")
    gain = json.loads((folder / "gain").read_text())
    decision = {{"device": "H100", "cpu": gain < 0, "replicas": 2, "gain": gain}}
    (folder / "replicas.json").write_text(json.dumps({{"here": decision}}))
    sys.exit()
folders = [pathlib.Path(word) for word in sys.argv[3:] if not word.startswith("--")]
for folder in folders if "--in-turn" in sys.argv else folders[:1]:
    (folder / "progress.json").write_text("{{}}")
    with open(folder / "tries", "a") as tries:
        tries.write(json.dumps({{
            "pid": os.getpid(),
            "cores": sorted(os.sched_getaffinity(0)),
            "cache": os.environ.get("JAX_COMPILATION_CACHE_DIR"),
            "arguments": sys.argv[1:],
            "began": time.monotonic(),
        }}) + "\\n")
    act, *later = (folder / "act").read_text().split()
    (folder / "act").write_text(" ".join(later) or act)  # another one at the next try
    print("a word on stdout", flush=True)
    if act == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "first-only":
        (folder / "result.json").write_text('{{"bleu": 1.0, "seconds": 1.0}}')
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "exits":
        sys.exit(3)
    if act == "fails":
        (folder / "error.json").write_text('{{"error": "ValueError: no"}}')
        continue
    if act == "stops":
        os.kill(os.getpid(), signal.SIGSTOP)
    if act == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (folder / "deaf").touch()
    if act in ("sleeps", "deaf"):
        time.sleep(60)
    time.sleep(0.2)
    result = {{"bleu": 1.0, "seconds": time.monotonic()}}
    for done in [folder] if "--in-turn" in sys.argv else folders:
        (done / "result.json").write_text(json.dumps(result))
"""


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> tuple[Path, dict]:
    """A tiny run in its sweep's folder, to be copied, and its result."""
    folder = tiny_folder(tmp_path_factory.mktemp("finished") / "whole")
    return folder, run(folder, console=False)


def write_config(folder: Path, model: int) -> None:
    """A run of a model of its own; runs of one model may be replicas."""
    settings = tiny_config(**{"model.hidden": 8 + model, "train.steps": 1})
    runs.write_json(folder / runs.CONFIG, settings)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A stand-in for Python, and a maker of run folders that tell it what to do."""
    script = tmp_path / "python"
    script.write_text(STAND_IN.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))

    def make(*acts: str) -> list[Path]:
        folders = [tmp_path / "sweep" / str(k) / "0" for k in range(len(acts))]
        for k, (folder, act) in enumerate(zip(folders, acts, strict=True)):
            write_config(folder, k)
            (folder / "act").write_text(act)
        return folders

    return make


def tries(folder: Path):
    """What the stand-in has written down, a record for each start."""
    return runs.read_jsonl(folder / "tries")
