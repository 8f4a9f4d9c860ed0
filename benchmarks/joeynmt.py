"""JoeyNMT as shipped, on a corpus of ours: what it needs in a folder, and its run."""

import os
import re
import subprocess
from pathlib import Path

from attnlab.text.pairs import Corpus
from benchmarks.turns import PEERS, ROOT

# The names of joeynmt.yaml's files.
FILES = {"train": "train", "dev": "val", "test": "test_2016_flickr"}


def joeynmt_python() -> Path | None:
    """The Python that JoeyNMT is installed for; None where `make peers` was not run."""
    python = Path(os.environ.get("ATTNLAB_JOEYNMT", ROOT / ".venv-joeynmt/bin/python"))
    return python.absolute() if python.exists() else None


def prepare(folder: Path, corpus: Corpus, **changes: int) -> None:
    """Write a corpus and a configuration with other numbers than joeynmt.yaml's."""
    for split, file in FILES.items():
        pairs = getattr(corpus, split)
        for side, end in (("source", "de"), ("target", "en")):
            lines = (" ".join(getattr(pair, side)) + "\n" for pair in pairs)
            (folder / f"{file}.{end}").write_text("".join(lines), encoding="utf-8")
    text = (PEERS / "joeynmt.yaml").read_text(encoding="utf-8")
    for name, number in changes.items():
        text = re.sub(rf"\b{name}: \d+", f"{name}: {number}", text)
    (folder / "joeynmt.yaml").write_text(text, encoding="utf-8")


def train(folder: Path, python: Path) -> str:
    """Train in a prepared folder; returns what it printed."""
    command = [python, "-m", "joeynmt", "train", "joeynmt.yaml", "--skip-test"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"JoeyNMT failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stderr + done.stdout
