"""From run folders to what has become of a claim."""

import csv
import importlib
import math
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from attnlab.metrics.registry import METRICS, Metric
from attnlab.metrics.seed_significance import crossed_bootstrap
from attnlab.report import example_stats
from attnlab.report.example_stats import ExampleStats, SeedCounts
from attnlab.report.marks import LEVEL, tested
from attnlab.report.report import read_rows
from attnlab.runs import Run
from experiments.claims.records import ESTIMATORS, Claim

VARIANCE = Metric(
    "variance of a gradient", 3, -1
)  # in squared lengths of the exact one
HELD, NOT_HELD, OPEN, MISSING = "held", "not held", "open", "no runs"


class Judged(NamedTuple):
    """What has become of a claim.

    claim: the claim.
    verdict: HELD or NOT_HELD where the difference is significant over seeds and
      sentences together, OPEN where it is not or cannot be tested, MISSING.
    means: of `better` and `worse` over seeds, as the table shows them; None without
      runs.
    seeds: how many of each.
    interval: 95 % of the difference `better - worse` over seeds (Welch's t); None with
      one seed.
    p_value: two-sided, over seeds and sentences together, or by Welch's t (paired, of
      two scores of a row) where no counts are kept by sentence, or over samples of an
      estimator; None where it cannot be tested.
    why: what a reader has to know, such as which runs are missing.
    seconds: of the runs, all together.
    """

    claim: Claim
    verdict: str
    means: tuple[float, float] | None = None
    seeds: tuple[int, int] = (0, 0)
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    why: str = ""
    seconds: float = 0.0


class Sweep:
    """The rows of a sweep's folder, and what its runs did with each test example.

    Args:
      folder: of the sweep.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            self.rows = {row.name: row for row in read_rows(folder)}
        except (FileNotFoundError, ValueError):
            self.rows = {}

    @cache  # noqa: B019 - lives as long as the program
    def stats(self, name: str) -> ExampleStats:
        return example_stats.read(self.rows[name])


def judge(claims: Sequence[Claim], root: Path) -> list[Judged]:
    """What the runs say of claims.

    Args:
      claims: any of them.
      root: the folder of sweeps, runs/.

    Returns:
      The verdict of each, with its numbers.
    """
    sweeps = {folder: Sweep(root / folder) for folder in {c.folder for c in claims}}
    return [
        _estimators(claim, root)
        if claim.config == ESTIMATORS
        else _judged(claim, sweeps[claim.folder])
        for claim in claims
    ]


def metric_of(claim: Claim) -> Metric:
    """What a claim is judged by.

    Args:
      claim: any.

    Returns:
      The score's title, digits and direction.
    """
    return VARIANCE if claim.config == ESTIMATORS else METRICS[claim.score]


def _estimators(claim: Claim, root: Path) -> Judged:
    """Two gradient estimators by their variance, whose errors are known."""
    file = root / claim.folder / "estimators.csv"
    rows = {}
    if file.exists():
        with file.open(newline="", encoding="utf-8") as lines:
            rows = {line["name"]: line for line in csv.DictReader(lines)}
    names = (claim.better, claim.worse)
    lacking = [name for name in names if name not in rows]
    if lacking:
        return Judged(
            claim, MISSING, why=f"in {file.parent} of {' and '.join(lacking)}"
        )
    first, second = (float(rows[name]["variance"]) for name in names)
    errors = [float(rows[name]["variance_error"]) for name in names]
    difference, error = first - second, math.hypot(*errors)
    p_value = float(2 * stats.norm.sf(abs(difference) / error))
    verdict = OPEN
    if p_value < LEVEL:
        verdict = HELD if difference < 0 else NOT_HELD
    wide = float(stats.norm.ppf(0.975)) * error
    return Judged(
        claim,
        verdict,
        (first, second),
        interval=(difference - wide, difference + wide),
        p_value=p_value,
        why="over samples of one model",
    )


def _judged(claim: Claim, sweep: Sweep) -> Judged:
    names = (claim.better, claim.worse)
    lacking = [
        name
        for name in dict.fromkeys(names)  # one, where a row has both scores
        if name not in sweep.rows or not sweep.rows[name].finished
    ]
    if lacking:
        unfinished = [
            name + (" (unfinished)" if name in sweep.rows else "") for name in lacking
        ]
        where = f"in {sweep.folder} of {' and '.join(unfinished)}"
        return Judged(claim, MISSING, why=where)
    finished = [sweep.rows[name].finished for name in names]
    counts = [_counts(claim, sweep.stats(name)) for name in names]
    metric = METRICS[claim.score]
    keys = (claim.score, claim.worse_score or claim.score)
    scores = [
        _scores(claim, key, runs, each)
        for key, runs, each in zip(keys, finished, counts, strict=True)
    ]
    if not all(map(len, scores)):
        return Judged(claim, OPEN, why=f"the runs have no {metric.title}")
    first, second = scores
    difference = float(first.mean() - second.mean())
    p_value, interval = _over_seeds(first, second, claim.better == claim.worse)
    if counts[0] and counts[1] and counts[0][0] == counts[1][0]:
        _, score = tested(claim.score)
        both = crossed_bootstrap(counts[0][1], counts[1][1], score).p_value
        p_value = None if math.isnan(both) else both
    why = [] if p_value is not None else ["one seed, so that it cannot be tested"]
    why += _shortened(claim, [run for runs in finished for run in runs])
    verdict = OPEN
    if p_value is not None and p_value < LEVEL:
        verdict = HELD if metric.better * difference > 0 else NOT_HELD
    return Judged(
        claim,
        verdict,
        (float(first.mean()), float(second.mean())),
        (len(first), len(second)),
        interval,
        p_value,
        "; ".join(why),
        sum(
            float(run.result["seconds"])
            for name in set(names)
            for run in sweep.rows[name].finished
        ),
    )


def _shortened(claim: Claim, runs: Sequence[Run]) -> list[str]:
    """That runs were trained for other updates than the sweep's, if they were."""
    planned = sweep_steps(claim.config)
    given = {run.config.get("train", {}).get("steps") for run in runs}
    others = sorted(given - {planned, None})
    if planned is None or not others:
        return []
    trained = " and ".join(f"{steps:,}" for steps in others)
    return [f"trained for {trained} updates, the sweep has {planned:,}"]


@cache
def sweep_steps(config: str) -> int | None:
    """The updates that a sweep trains for.

    Args:
      config: of a claim.

    Returns:
      `train.steps` of its config file; None where that is not beside this program.
    """
    name, _, argument = config.partition(":")
    try:
        module = importlib.import_module(f"configs.ablations.{name}")
    except ImportError:
        return None
    return int(module.get_config(*filter(None, [argument])).train.steps)


def _counts(claim: Claim, stats: ExampleStats) -> SeedCounts | None:
    """What rows must share, and the counts [seeds, N, K] of the examples asked for;
    None where none are kept, as of a second score or another size."""
    if claim.worse_score or claim.size:
        return None
    gather, _ = tested(claim.score)
    gathered = gather(stats)
    if gathered is None or not claim.at_least:
        return gathered
    shared, counts = gathered
    texts = next(text for text in stats.texts if text)
    long = np.array(texts.lengths) >= claim.at_least
    return shared, counts[:, long]


def _scores(
    claim: Claim, key: str, runs: Sequence[Run], counts: SeedCounts | None
) -> np.ndarray:
    """The score of each seed as the table shows it; empty where there is none."""
    scale = METRICS[claim.score].scale
    if claim.at_least:
        _, score = tested(claim.score)
        return scale * score(counts[1].sum(axis=1)) if counts else np.zeros(0)
    values = [run.result.get(key) for run in runs]
    if claim.size:
        by_size = [run.result.get(f"{key}_by_size", {}) for run in runs]
        values = [sizes.get(claim.size) for sizes in by_size]
    return scale * np.array([value for value in values if value is not None], float)


def _over_seeds(
    first: np.ndarray, second: np.ndarray, same_runs: bool
) -> tuple[float | None, tuple[float, float] | None]:
    """p and the 95 % interval of the difference by Welch's t, or by the paired t of two
    scores of the same runs; None with one seed."""
    if min(len(first), len(second)) < 2:
        return None, None
    with warnings.catch_warnings():  # of seeds that are nearly alike
        warnings.simplefilter("ignore", RuntimeWarning)
        test = (
            stats.ttest_rel(first, second)
            if same_runs
            else stats.ttest_ind(first, second, equal_var=False)
        )
    if not math.isfinite(test.pvalue):  # seeds that are all alike
        return None, None
    low, high = test.confidence_interval(0.95)
    return float(test.pvalue), (float(low), float(high))
