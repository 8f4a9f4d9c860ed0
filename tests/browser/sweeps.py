"""Sweeps for the browser tests: small ones with everything, large ones of numbers."""

import shutil
from pathlib import Path

import numpy as np

from attnlab import runs
from attnlab.report import curves, example_stats, page, row_curves, rows, table
from tests.report.conftest import ROWS, attend, sentences, write_run

HOSTILE = "</script><script>window.harmed=1</script>"
SETTINGS = {
    "global (dot)": {"score": "dot", "window": "global", "read": "soft"},
    "local-m (general)": {"score": "general", "window": "local-m", "read": "soft"},
    "local-p (general)": {"score": "general", "window": "local-p", "read": "soft"},
    "hard local-p": {"score": "general", "window": "local-p", "read": "hard"},
}
QUALITY = {**ROWS, "hard local-p": (0.12, 0.10, 99)}
HALF_WIDTH = 3
KINDS = 4


def write_small(root: Path) -> None:
    """Four rows of two seeds and one that failed, one sentence of hostile words.

    Centres are where the weights are heaviest; a hard read drew the word after that.
    """
    pairs = sentences(60)
    first = pairs[0]
    source = (f"<b>{HOSTILE}</b>", "a\u2028b", *first.source[2:])
    pairs[0] = first._replace(source=source, target=(HOSTILE, *first.target[1:]))
    for order, (name, settings) in enumerate(SETTINGS.items()):
        for seed in range(2):
            folder = write_run(root, name, seed, order, pairs, quality=QUALITY[name])
            config = runs.read_json(folder / runs.CONFIG)
            model = settings | {"half_width": HALF_WIDTH}
            train = {"dropout": 0.1 * (order + 1), "batch_size": 64}
            settings_of_run = {"model": model, "train": train}
            runs.write_json(folder / runs.CONFIG, config | settings_of_run)
            aligned = runs.read_alignments(folder)["test"]
            stepped = [_stepped(pair, name) for pair in aligned]
            runs.write_alignments(folder, {"test": stepped, "few": stepped[:3]})
    write_run(root, "lost", 0, len(SETTINGS), pairs, "failed")


def _stepped(pair: runs.AlignedSentence, name: str) -> runs.AlignedSentence:
    heaviest = np.argmax(pair.weights, axis=1)
    if "local" in name:
        pair = pair._replace(centres=heaviest + 0.3)
    if "hard" in name:
        pair = pair._replace(samples=(heaviest + 1) % len(pair.source))
    return pair


def write_large(root: Path, many: int = 200, count: int = 1000) -> None:
    """`many` finished rows with results and `count` sentences each, nothing else."""
    pairs = sentences(count)
    rng = np.random.default_rng(0)
    for number in range(KINDS):  # of weights; every row has one of them
        aligned = [pair._replace(weights=attend(pair, 0.2, 99, rng)) for pair in pairs]
        folder = root / f".weights-{number}"
        folder.mkdir(parents=True)
        runs.write_alignments(folder, {"test": aligned})
    for order in range(many):
        name = f"variant {order:03d}"
        folder = root / f"variant-{order:03d}" / "0"
        window = ("global", "local-m", "local-p")[order % 3]
        names = {"row": name, "slug": f"variant-{order:03d}", "seed": 0, "order": order}
        model = {"window": window, "score": "general"}
        train = {"batch_size": 16 + order % 25}
        runs.write_json(folder / runs.CONFIG, names | {"model": model, "train": train})
        kind = root / f".weights-{order % KINDS}"
        shutil.copy(kind / runs.ALIGNMENTS, folder / runs.ALIGNMENTS)
        for step in range(200, 3001, 200):
            score = 60 - 50 * float(np.exp(-step / (500 + 10 * order)))
            line = {"step": step, "kind": "dev", "bleu": score}
            runs.append_jsonl(folder / runs.METRICS, line)
        numbers = {"bleu": float(rng.uniform(10, 60)), "aer": float(rng.uniform())}
        runs.write_json(folder / runs.RESULT, names | numbers)


def write_long(root: Path, words: int = 60) -> None:
    """Three rows with two sentences of `words` words, aligned one to one."""
    link = frozenset((n, n) for n in range(words))
    names = tuple(f"word{n}" for n in range(words))
    pair = runs.AlignedSentence(names, names, np.eye(words), link, link)
    for order in range(3):
        write_run(root, f"variant {order}", 0, order, [pair, pair])


def write_page(root: Path, *, tested: bool = True) -> Path:
    """The page of a sweep with its curves, without pictures.

    Without what tests and curves by length rest on, unless `tested`: it is for numbers.
    """
    grouped = rows.group(runs.find(root))
    nothing = example_stats.ExampleStats([], [], [], [], [])
    stats = {
        row.name: example_stats.read(row) if tested else nothing for row in grouped
    }
    printed = table.make_table(grouped, stats, samples=20)
    names = [row.name for row in grouped]
    drawn = [row_curves.learning_curves(curves.learning(grouped), rows=names)]
    if distances := curves.by_distance(stats):
        drawn.append(row_curves.aer_by_distance(distances, rows=names))
    charts = [(page.chart_of(figure), "Curves.") for figure in drawn]
    return page.write(root / "report", root.name, grouped, printed, charts)[0]
