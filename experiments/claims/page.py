"""The claims as a table: for a terminal, and as a page of Markdown."""

from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from experiments.claims.judge import HELD, MISSING, Judged, metric_of
from experiments.claims.records import ESTIMATORS, Claim

HEAD = "<!-- written by python -m experiments.claims --write; do not edit -->"
COLUMNS = ("claim", "by", "score", "paper", "here", "difference", "p", "seeds")
COLUMNS += ("seconds", "verdict")
RIGHT = ("left",) * 3 + ("right",) * 6 + ("left",)


def as_text(judged: Sequence[Judged], root: Path) -> str:
    """The table of a terminal, and how missing runs are made.

    Args:
      judged: the claims.
      root: the folder of sweeps.

    Returns:
      Lines.
    """
    rows = [[each.claim.key, *_cells(each)] for each in judged]
    parts = [tabulate(rows, COLUMNS, colalign=RIGHT, disable_numparse=True)]
    parts += ["", *_legend(judged), ""]
    parts += [f"{each.claim.key}: {each.claim.says}" for each in judged]
    parts.append("")
    missing = _missing(judged)
    if missing:
        parts.append("To make the runs that are missing:")
        parts += [f"    {_sweep(config, root)}" for config in missing]
    parts.append(_summary(judged))
    return "\n".join(parts)


def page(judged: Sequence[Judged], root: Path) -> str:
    """docs/claims.md.

    Args:
      judged: the claims.
      root: the folder of sweeps.

    Returns:
      Markdown.
    """
    rows = [[each.claim.says, *_cells(each)] for each in judged]
    table = tabulate(rows, COLUMNS, tablefmt="github", disable_numparse=True)
    lines = [HEAD, "# What the papers claim", "", _summary(judged), ""]
    lines += [
        "*Held* and *not held* are differences that are significant at p < 0.05 over\n"
        "seeds and test sentences together; elsewhere a claim is *open*. Numbers are\n"
        "means over seeds, the row that the claim prefers first; the difference has\n"
        "its 95 % interval over seeds (Welch's t). p is of another test, over seeds\n"
        "and sentences, and may be small where the interval has zero inside, or the\n"
        "other way round; of two scores of a row, and where nothing is kept by\n"
        "sentence, it is over seeds alone, and of estimators over samples. The\n"
        "papers' are of their own data.",
        "",
        table,
        "",
        "## The rows",
        "",
    ]
    lines += [f"- *{each.claim.says}* {_rows(each.claim)}" for each in judged]
    otherwise = [
        f"**{each.claim.says}** {each.claim.otherwise}"
        for each in judged
        if each.claim.otherwise and each.verdict not in (HELD, MISSING)
    ]
    if otherwise:
        lines += ["", "## Those that came out otherwise", ""]
        lines += ["\n\n".join(otherwise)]
    missing = _missing(judged)
    if missing:
        lines += ["", "## Runs that are missing", ""]
        lines += [f"    {_sweep(config, root)}" for config in missing]
    return "\n".join(lines) + "\n"


def _cells(each: Judged) -> list[str]:
    claim, metric = each.claim, metric_of(each.claim)
    digits = metric.digits
    of = f", {claim.at_least} words and more" if claim.at_least else ""
    of += f", size {claim.size}" if claim.size else ""
    here = difference = ""
    if each.means is not None:
        first, second = each.means
        here = f"{first:.{digits}f} : {second:.{digits}f}"
        difference = f"{first - second:+.{digits}f}"
        if each.interval:
            low, high = each.interval
            difference += f" ({low:+.{digits}f} to {high:+.{digits}f})"
    return [
        claim.paper,
        metric.title + of,
        claim.theirs,
        here,
        difference,
        _p_text(each.p_value),
        f"{each.seeds[0]} : {each.seeds[1]}" if each.seeds[0] else "",
        f"{each.seconds:.0f}" if each.seconds else "",
        _verdict(each),
    ]


def _p_text(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f"{p_value:.3f}" if p_value >= 0.0005 else "< 0.001"


def _verdict(each: Judged) -> str:
    if each.verdict == MISSING:
        return f"{MISSING} {each.why}"
    return each.verdict + (f" ({each.why})" if each.why else "")


def _legend(judged: Sequence[Judged]) -> list[str]:
    """What the columns of the terminal's table are."""
    metrics = [metric_of(each.claim) for each in judged]
    lower = dict.fromkeys(metric.title for metric in metrics if metric.better < 0)
    direction = f" Lower is better for {', '.join(lower)}." if lower else ""
    return [
        "a : b is the row that the claim prefers, then the other; difference is first "
        "minus second with its 95 % interval over seeds (Welch's t); p is over seeds "
        f"and test sentences together, another test.{direction}",
        "seconds: of all runs of the two rows.",
    ]


def _rows(claim: Claim) -> str:
    file = claim.config.partition(":")[0]
    if claim.config == ESTIMATORS:
        return (
            f"`{claim.better}` against `{claim.worse}` of "
            "[`experiments.estimators`](hard-attention.md)"
        )
    if claim.worse_score:
        return (
            f"`{claim.score}` against `{claim.worse_score}` of the row "
            f"`{claim.better}` of [{file}](../configs/ablations/{file}.py)"
        )
    return (
        f"`{claim.better}` against `{claim.worse}` of "
        f"[{file}](../configs/ablations/{file}.py)"
    )


def _missing(judged: Sequence[Judged]) -> list[str]:
    """The sweeps that would answer what has no runs."""
    configs = [each.claim.config for each in judged if each.verdict == MISSING]
    return list(dict.fromkeys(configs))


def _sweep(config: str, root: Path) -> str:
    return " ".join(sweep_command(config, root))


def sweep_command(config: str, root: Path) -> list[str]:
    """The command line that makes the runs of a claim.

    Args:
      config: of the claim.
      root: the folder of sweeps.

    Returns:
      Its words.
    """
    if config == ESTIMATORS:
        return ["python", "-m", "experiments.estimators", f"--out={root / config}"]
    name, _, argument = config.partition(":")
    file = f"configs/ablations/{name}.py" + (f":{argument}" if argument else "")
    folder = root / config.replace(":", "-")
    words = ["python", "-m", "experiments.sweep"]
    return [*words, f"--config={file}", f"--workdir={folder}"]


def _summary(judged: Sequence[Judged]) -> str:
    verdicts = [each.verdict for each in judged]
    counts = [f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts)]
    claims = "claim" if len(judged) == 1 else "claims"
    return f"{len(judged)} {claims}: {', '.join(counts)}."
