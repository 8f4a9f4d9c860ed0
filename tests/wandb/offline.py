"""Offline wandb runs, read back from their files."""

import json
from pathlib import Path
from typing import Any

from attnlab.training.wandb_session import read_records


class Offline:
    """What a .wandb file says of its run."""

    def __init__(self, file: Path):
        self.file = file
        self.records = read_records(file)
        (self.run,) = self.of("run")
        self.config = _values(self.run.config.update)
        self.history = [_values(row.item) for row in self.of("history")]
        self.artifacts = {record.name: record for record in self.of("artifact")}
        self.axes = {
            metric.glob_name or metric.name: metric.step_metric
            for metric in self.of("metric")
        }
        self.summary: dict[str, Any] = {}
        for record in self.of("summary"):
            self.summary |= _values(record.update)

    def of(self, kind: str) -> list[Any]:
        return [
            getattr(record, kind)
            for record in self.records
            if record.WhichOneof("record_type") == kind
        ]

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
