"""Scores that a report adds to runs from their own text: chrF and TER."""

from collections.abc import Sequence

import numpy as np

from attnlab.metrics.chrf_ter import TEXT_METRICS
from attnlab.report.rows import Row
from attnlab.report.stored_counts import StoredCounts
from attnlab.runs import HYPOTHESES, REFERENCES, Run


def add_scores(
    rows: Sequence[Row], names: Sequence[str], stored: StoredCounts
) -> list[Row]:
    """The rows with further scores of every finished run that has translated.

    A run whose result.json has a score keeps it. Case counts as it did in its BLEU.

    Args:
      rows: of a sweep.
      names: of scores in `attnlab.metrics.chrf_ter.TEXT_METRICS`.
      stored: scores of earlier reports.

    Returns:
      The rows; nothing is written into the runs' folders.

    Raises:
      ValueError: for an unknown score.
    """
    for name in names:
        if name not in TEXT_METRICS:
            choices = ", ".join(TEXT_METRICS)
            raise ValueError(f"unknown score {name!r}; choose {choices}")
    return [
        row._replace(runs=tuple(_with_scores(run, names, stored) for run in row.runs))
        for row in rows
    ]


def _with_scores(run: Run, names: Sequence[str], stored: StoredCounts) -> Run:
    missing = [name for name in names if name not in (run.result or {})]
    if not run.result or not missing:
        return run
    hypotheses, references = run.lines(HYPOTHESES), run.lines(REFERENCES)
    if not hypotheses or not references or len(hypotheses) != len(references):
        return run  # the report has a note on it, or the run translates nothing
    lowercase = "case:lc" in str(run.result.get("bleu_signature") or "")
    further: dict[str, object] = {}
    for name in missing:

        def make(name: str = name) -> dict[str, np.ndarray]:
            score = TEXT_METRICS[name](hypotheses, references, lowercase=lowercase)
            signature = np.frombuffer(score.signature.encode(), np.uint8)
            return {"score": np.array(score.score), "signature": signature}

        kind = f"{name} {lowercase}"
        arrays = stored.counts(run, kind, (REFERENCES, HYPOTHESES), make)
        signature = arrays["signature"].tobytes().decode()
        further |= {name: float(arrays["score"]), f"{name}_signature": signature}
    return run._replace(result={**run.result, **further})
