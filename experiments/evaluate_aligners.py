"""What `experiments.evaluate` prints of runs of the task alignment."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from attnlab import runs as run_folders
from attnlab.metrics import statistical_aligners
from attnlab.metrics.links import LinkSet
from attnlab.tasks.alignment import compare
from attnlab.tasks.alignment.trained import TrainedAligner
from attnlab.text.other_links import links_of_gold, parse_link_file
from attnlab.text.pairs import Corpus, GoldPair
from experiments.configs import working

Gold = dict[str, list[GoldPair]]


def evaluate(
    loaded: Sequence[TrainedAligner],
    baselines: Sequence[str],
    link_files: Sequence[str],
    out: Path | None,
) -> None:
    """Print a table for each gold set, and what the baselines cost.

    Args:
      loaded: runs that differ in their seeds.
      baselines: names of statistical aligners, which are trained on the same text.
      link_files: `[NAME=]FILE` of other aligners, see `attnlab.text.other_links`.
      out: where the tables go as tab-separated columns, too; None: nowhere.

    Raises:
      ValueError: for runs that differ in more, and files that fit no gold set.
      OSError: for a file that cannot be read or written.
    """
    _check(loaded)
    corpus = loaded[0].settings.data.load()
    gold = corpus.gold
    if not gold:
        raise ValueError("the corpus has no gold links to judge by")
    # Files first: what is wrong with them is noticed before minutes of training.
    if out is not None and not out.parent.is_dir():
        raise ValueError(f"--out: no folder {out.parent}")
    others = links_of_files(link_files, gold)
    runs = []
    for run in loaded:
        with working(f"aligning with {run.folder}"):
            runs.append(
                {
                    name: run.pair_aligner.align(run.params, pairs)
                    for name, pairs in gold.items()
                }
            )
    threshold = loaded[0].settings.evaluate.threshold
    seconds = {}
    rows = {
        name: dict(compare.averaged_links([run[name] for run in runs], threshold))
        for name in gold
    }
    for model in baselines:
        by_set, seconds[model] = _baseline(model, corpus)
        for name, ways in by_set.items():
            rows[name] |= ways
    tables = {
        name: compare.make_table(
            [compare.own_links(run[name], threshold) for run in runs],
            rows[name] | others[name],
            pairs,
        )
        for name, pairs in gold.items()
    }
    for name, table in tables.items():
        print(compare.render(name, table))
    for model, spent in seconds.items():
        print(f"{model}: {spent:.1f} s of the processor, both directions")
    for run in loaded:
        print(_cost(run))
    if out is not None:
        by_row = {
            row.name: seconds[model]
            for table in tables.values()
            for row in table
            for model in seconds
            if row.name.endswith(f", {model}")
        }
        out.write_text(compare.as_tsv(tables, by_row), encoding="utf-8")


def _check(loaded: Sequence[TrainedAligner]) -> None:
    """Refuse runs that differ in more than the seed: no pool of them is one row."""
    first = loaded[0]
    for run in loaded[1:]:
        for section in ("data", "model", "train", "evaluate"):
            if getattr(run.settings, section) != getattr(first.settings, section):
                raise ValueError(
                    f"{run.folder} and {first.folder} differ in {section}; only runs "
                    "that differ in their seeds are pooled"
                )


def links_of_files(
    link_files: Sequence[str], gold: Gold
) -> dict[str, dict[str, Sequence[LinkSet]]]:
    """Links of each gold set, by the name of the aligner that wrote them.

    Args:
      link_files: `[NAME=]FILE`, see `attnlab.text.other_links`.
      gold: gold sets by name.

    Returns:
      By gold set and by aligner the links (t, s) of each pair.

    Raises:
      ValueError: for a file that fits no gold set, and a name that comes twice.
    """
    others: dict[str, dict[str, Sequence[LinkSet]]] = {name: {} for name in gold}
    for text in link_files:
        file = parse_link_file(text)
        name, links = links_of_gold(file, gold)
        if file.name in others[name]:
            raise ValueError(f"--links has {file.name} of {name} twice")
        others[name][file.name] = links
    return others


def _baseline(model: str, corpus: Corpus) -> tuple[dict[str, compare.Ways], float]:
    """A statistical aligner's links by gold set, and the seconds that they took."""
    # All sets at once, so that it learns once. Transductive, as such aligners are used:
    # the gold pairs' text is learned too, which the runs have not seen.
    pairs = [pair for part in corpus.gold.values() for pair in part]
    what = f"training {model} on {len(corpus.train):,} pairs, both directions"
    if not sys.stderr.isatty():
        print(what, file=sys.stderr, flush=True)
    with working(what):
        both = statistical_aligners.align_both(corpus.train, pairs, model=model)
    by_set, start = {}, 0
    for name, part in corpus.gold.items():
        place = slice(start, start + len(part))
        by_set[name] = compare.directed_links(
            model, both.forward[place], both.backward[place]
        )
        start += len(part)
    return by_set, both.seconds


def _cost(run: TrainedAligner) -> str:
    """How long a run was trained: of the clock, for the processor's is not kept."""
    path = run.folder / run_folders.RESULT
    if not path.exists():
        return f"{run.folder}: not finished, after {run.step} updates"
    spent = json.loads(path.read_text(encoding="utf-8")).get("seconds")
    return f"{run.folder}: {spent:.1f} s of the clock in training"
