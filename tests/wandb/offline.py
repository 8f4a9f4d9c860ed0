"""Offline wandb runs, read back from their files."""

import json
from pathlib import Path
from typing import Any

from attnlab.mirror.records import read_records


class Offline:
    """What a .wandb file says of its run."""

    def __init__(self, file: Path):
        self.file = file
        self.records = read_records(file)
        (self.run,) = self.of("run")
        self.config = _values(self.run.config.update)
        self.history = [_values(row.item) for row in self.of("history")]
        self.artifacts = {one.name: one for one in self.of("artifact")}
        self.axes = {
            one.glob_name or one.name: one.step_metric for one in self.of("metric")
        }
        self.summary: dict[str, Any] = {}
        for one in self.of("summary"):
            self.summary |= _values(one.update)

    def of(self, kind: str) -> list[Any]:
        found = [one for one in self.records if one.WhichOneof("record_type") == kind]
        return [getattr(one, kind) for one in found]

    def media(self, kind: str) -> list[Path]:
        return sorted((self.file.parent / "files" / "media" / kind).rglob("*.*"))

    def curve(self, name: str) -> dict[int, Any]:
        return {row["step"]: row[name] for row in self.history if name in row}


def offline_runs(folder: Path) -> list[Offline]:
    """The runs below folder/wandb, the oldest first."""
    files = folder.glob("wandb/offline-run-*/run-*.wandb")
    return [Offline(file) for file in sorted(files)]


def _values(items: Any) -> dict[str, Any]:
    return {
        item.key or "/".join(item.nested_key): json.loads(item.value_json)
        for item in items
    }
