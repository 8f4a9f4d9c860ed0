"""The sentences below a table: what its numbers are, and which cannot be compared."""

from collections.abc import Container, Mapping, Sequence

from attnlab.metrics.registry import METRICS
from attnlab.report import meanings
from attnlab.report.example_stats import ExampleStats
from attnlab.report.rows import Row, flatten, is_hard, listed

# How words are predicted, by `perplexity_bound` of result.json.
BOUNDS = {
    "expected": "the expected value",
    "marginal": "the marginal over positions",
    "argmax": "the most probable position alone",
}
SILVER = "silver_"  # begins the names of gold sets that a program made

# Columns that most readers have to be told about below the table.
UNUSUAL = (
    *("error_rate", "aer_posterior", "aer_best_head", "perplexity_argmax"),
    *("attention_entropy", "seconds_per_step"),
)


def spread(rows: Sequence[Row]) -> str:
    """How many seeds stand behind the means.

    Args:
      rows: of a sweep.

    Returns:
      A sentence.
    """
    counts = sorted({len(row.finished) for row in rows if row.finished})
    if not counts:
        return "No run has finished."
    if counts == [1]:
        return "One seed a row, so no spread is known and the ranks are not settled."
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Mean ± standard deviation over seeds ({seeds} a row)."


def signatures(rows: Sequence[Row], keys: Container[str] = METRICS) -> list[str]:
    """The sacrebleu signature; where rows have several, who has which.

    Args:
      rows: of a sweep.
      keys: of the scores that are shown.

    Returns:
      A sentence for each signature.
    """
    sentences = []
    for key in ("bleu", "chrf", "ter"):
        if key not in keys:
            continue
        title, owners = METRICS[key].title, _owners(rows, f"{key}_signature")
        if len(owners) == 1:
            sentences.append(f"{title}: {next(iter(owners))}.")
            continue
        # Other tokenizers or versions give other scores for the same text.
        sentences += [
            f"{title} of {listed(o)}: {s} (not comparable)." for s, o in owners.items()
        ]
    return sentences


def unknown(rows: Sequence[Row]) -> list[str]:
    """Whose scores are of texts that the model mostly does not know.

    Args:
      rows: of a sweep.

    Returns:
      A sentence for each kind of row.
    """
    owners = _owners(rows, "unknown_words")
    return [f"{listed(o)}: {what}; not comparable." for what, o in owners.items()]


def bounds(rows: Sequence[Row]) -> list[str]:
    """Which bound on the likelihood the perplexity is.

    Args:
      rows: of a sweep.

    Returns:
      A sentence for each bound; none where every read is soft.
    """
    if not any(map(is_hard, rows)):
        return []
    owners = _owners(rows, "perplexity_bound")
    # One bound of all finished rows needs no names.
    several = list(owners.values()) != [[row.name for row in rows if row.finished]]
    return [
        f"Perplexity is that of {BOUNDS.get(bound, bound)}"
        f"{f' in {listed(names)}' if several else ''}."
        for bound, names in owners.items()
    ]


def gold(rows: Sequence[Row]) -> list[str]:
    """Which gold set the AER is on, and whether people made it.

    Args:
      rows: of a sweep.

    Returns:
      A sentence for each gold set.
    """
    owners = _owners(rows, "gold")
    several = len(owners) > 1
    return [
        f"AER{f' of {listed(names)}' if several else ''} is on {_set(name)}"
        f"{' (not comparable)' if several else ''}."
        for name, names in owners.items()
    ]


def _set(name: str) -> str:
    if name.startswith(SILVER):
        return f"{name}, links of a program: it measures likeness to that program"
    return f"the gold set {name}"


# What runs of a row may differ in.
OWN = ("version", "row", "slug", "order", "seed", "train.devices", "train.strategy")
OWN += ("tensorboard", "extends.run", "extends.checkpoint")


def copies(rows: Sequence[Row]) -> list[str]:
    """Runs of a seed that their row has already, which count for nothing.

    Args:
      rows: of a sweep.

    Returns:
      A sentence for each.
    """
    return [
        f"{row.name}, seed {run.seed}: left out {run.folder.name}, which is another "
        "run of that seed."
        for row in rows
        for run in row.copies
    ]


def mixed(rows: Sequence[Row]) -> list[str]:
    """Rows whose runs have other settings than each other.

    Args:
      rows: of a sweep.

    Returns:
      A sentence for each such row; a setting that a run is older than is no difference.
    """
    lines = []
    for row in rows:
        settings = [flatten(run.config) for run in row.runs if run.config]
        values: dict[str, list[object]] = {}
        for name in dict.fromkeys(name for one in settings for name in one):
            if name not in OWN and not name.startswith("wandb."):
                values[name] = [one[name] for one in settings if name in one]
        differing = [
            f"{name} ({'; '.join(dict.fromkeys(map(str, those)))})"
            for name, those in values.items()
            if any(value != those[0] for value in those)
        ]
        if differing:
            lines.append(
                f"{row.name}: its runs differ in more than the seed: "
                f"{', '.join(differing)}."
            )
    return lines


def left_out(rows: Sequence[Row]) -> list[str]:
    """How many training pairs were too long for the largest bucket, and of how many.

    Args:
      rows: of a sweep.

    Returns:
      A sentence for each pair of counts; none where nothing was left out.
    """
    owners: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        for run in row.finished:
            result = run.result or {}
            counts = result.get("dropped_pairs", 0), result.get("training_pairs", 0)
            # Nothing is said of runs that dropped none.
            if all(counts) and row.name not in owners.setdefault(counts, []):
                owners[counts].append(row.name)
    several = len(owners) > 1
    return [
        f"Left out of training{f' of {listed(names)}' if several else ''}, for being "
        f"longer than the largest bucket: {dropped:,} of {pairs:,} pairs."
        for (dropped, pairs), names in owners.items()
    ]


def columns(keys: Sequence[str]) -> list[str]:
    """What the less usual columns hold.

    Args:
      keys: of the columns that the table has.

    Returns:
      At most one line, with a sentence a column.
    """
    titles = {
        key: f"{title[0].upper()}{title[1:]}" for key, (title, *_) in METRICS.items()
    }
    titles["seconds_per_step"] = "ms/step"
    unusual = [
        f"{titles[key]}: {meanings.COLUMNS[key]}" for key in keys if key in UNUSUAL
    ]
    return [" ".join(unusual)] if unusual else []


def unusable(example_stats: Mapping[str, ExampleStats]) -> list[str]:
    """What files cannot be used and why: `row, seeds 0, 1: no losses.tsv.`

    Args:
      example_stats: by row name.

    Returns:
      A line for each reason.
    """
    owners: dict[str, dict[str, list[int]]] = {}
    for row, stats in example_stats.items():
        for seed, problem in stats.notes:
            owners.setdefault(problem, {}).setdefault(row, []).append(seed)
    return [
        f"{'; '.join(_seeds(*owner) for owner in rows.items())}: {problem}."
        for problem, rows in owners.items()
    ]


def _seeds(row: str, seeds: Sequence[int]) -> str:
    plural = "s" if len(seeds) > 1 else ""
    return f"{row}, seed{plural} {', '.join(map(str, seeds))}"


def _owners(rows: Sequence[Row], key: str) -> dict[str, list[str]]:
    """{value of result.json: rows with a run that has it}, in the order of rows."""
    owners: dict[str, list[str]] = {}
    for row in rows:
        for run in row.finished:
            value = (run.result or {}).get(key)
            if value and row.name not in owners.setdefault(str(value), []):
                owners[str(value)].append(row.name)
    return owners
