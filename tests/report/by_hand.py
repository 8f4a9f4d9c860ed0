"""Rows and their evidence from numbers in a test, without run folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab import runs
from attnlab.metrics.attention_stats import perplexity
from attnlab.report.example_stats import ExampleStats, Losses
from attnlab.report.rows import Row


def row_of(name: str, *results: dict[str, Any] | None, order: int = 0) -> Row:
    """A row with one run a result; None is a run that has not finished."""
    slug = runs.slug(name)
    members = [
        runs.Run(Path(slug, str(seed)), {"seed": seed, "order": order}, result, None)
        for seed, result in enumerate(results)
    ]
    return Row(name, slug, order, tuple(members))


def forced(*seeds: Sequence[float], units: int = 2) -> tuple[list[dict], ExampleStats]:
    """Results and evidence of seeds by the nats of their sentences, of equal units."""
    losses = []
    for nats in seeds:
        words = [f"sentence {n}" for n in range(len(nats))]
        counts = np.stack([nats, np.full(len(nats), units)], axis=1)
        losses.append(Losses(words, counts.astype(float)))
    results = [{"perplexity": perplexity(sum(s), units * len(s))} for s in seeds]
    absent = [None] * len(seeds)
    return results, ExampleStats(absent, absent, losses, absent, [])


def nothing(row: Row) -> ExampleStats:
    """The evidence of a row whose runs left no files."""
    absent: list[Any] = [None] * len(row.finished)
    return ExampleStats(absent, absent, absent, absent, [])
