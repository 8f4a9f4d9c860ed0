"""A sweep that nobody trained: run folders with the files that real ones have."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnlab import runs
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu

WORDS = "the house met at two and we did not agree that motion costs $5 or more".split()
MOTS = (
    "la chambre se réunit à deux et nous ne sommes pas motion coûte 5_$ ou plus".split()
)
# row name: how wrong its words and links are, and how far its window reaches
ROWS = {
    "global (dot)": (0.25, 0.30, 99),
    "local-m (general)": (0.28, 0.25, 3),
    "local-p (general)": (0.10, 0.08, 99),
}


def sentences(count: int, seed: int = 0) -> list[runs.AlignedSentence]:
    """Pairs word for word in a new order: sure links on it, a few possible beside."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        length = int(rng.integers(3, 17))
        words = rng.integers(len(WORDS), size=length)
        order = np.argsort(
            np.arange(length) + rng.choice([0, 0, 1.5, 4, 9], size=length)
        )
        sure = {(t, int(s)) for t, s in enumerate(order)}
        beside = {(t, max(s - 1, 0)) for t, s in sorted(sure)[::4]}
        source = [""] * length
        for t, s in sure:
            source[s] = MOTS[words[t]]
        target = tuple(WORDS[word] for word in words)
        empty = np.zeros((length, length), np.float32)
        links = frozenset(sure), frozenset(sure | beside)
        pairs.append(runs.AlignedSentence(tuple(source), target, empty, *links))
    return pairs


def attend(pair: runs.AlignedSentence, wrong: float, reach: int, rng) -> np.ndarray:
    """Weights [T, S] that peak at the sure links, or elsewhere with chance `wrong`."""
    t, s = len(pair.target), len(pair.source)
    scores = rng.normal(0, 0.7, (t, s))
    for row, column in pair.sure:
        peak = column if rng.random() > wrong else rng.integers(s)
        scores[row, peak] += rng.uniform(2.5, 5.5)
    scores[np.abs(np.arange(t)[:, None] - np.arange(s)) > reach] = -np.inf
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def write_run(
    root: Path,
    name: str,
    seed: int,
    order: int,
    pairs: list[runs.AlignedSentence],
    state: str = "finished",
    quality: tuple[float, float, int] = (0.2, 0.2, 99),
    result: dict[str, Any] | None = None,
) -> Path:
    """A run folder in one of the states finished, failed, unfinished.

    `result` goes into result.json beside the usual numbers.
    """
    rng = np.random.default_rng([seed, order])
    slug = runs.slug(name)
    folder = root / slug / str(seed)
    names = {"row": name, "slug": slug, "seed": seed, "order": order}
    runs.write_json(folder / runs.CONFIG, names)
    last = {"finished": 3000, "failed": 700, "unfinished": 1600}[state]
    for step in range(100, last + 1, 100):
        loss = 1.2 + 5 * np.exp(-step / (700 + 90 * order)) + rng.normal(0, 0.04)
        line = {"step": step, "kind": "train", "loss": loss}
        runs.append_jsonl(folder / runs.METRICS, line)
        if step % 200 == 0:
            score = {"perplexity": np.exp(loss), "bleu": max(0.0, 55 - 13 * loss)}
            line = {"step": step, "kind": "dev", **score}
            runs.append_jsonl(folder / runs.METRICS, line)
    if state == "failed":
        error = {"error": "the loss is nan | after 50% of_it", "step": 700}
        runs.write_json(folder / runs.ERROR, error)
    if state != "finished":
        return folder
    wrong_word, wrong_link, reach = quality
    references = [" ".join(pair.target) for pair in pairs]
    hypotheses = [
        " ".join(
            str(rng.choice(WORDS)) if rng.random() < wrong_word + t / 100 else word
            for t, word in enumerate(pair.target)
        )
        for pair in pairs
    ]
    runs.write_lines(folder / runs.SOURCES, [" ".join(p.source) for p in pairs])
    runs.write_lines(folder / runs.REFERENCES, references)
    runs.write_lines(folder / runs.HYPOTHESES, hypotheses)
    aligned = [
        p._replace(weights=attend(p, wrong_link, reach, rng))
        for p in pairs[: len(pairs) // 2]
    ]
    runs.write_alignments(folder, {"test": aligned})
    links = [aer.argmax_links(pair.weights) for pair in aligned]
    total = aer.corpus_agreement(links, [(p.sure, p.possible) for p in aligned])
    units = np.array([len(pair.target) + 1 for pair in pairs])
    nats = units * rng.normal(1.3 + wrong_word, 0.2, len(pairs))
    runs.write_losses(folder, nats, units)
    score = bleu.bleu(hypotheses, references)
    runs.write_json(
        folder / runs.RESULT,
        {
            **names,
            "bleu": score.score,
            "bleu_signature": score.signature,
            "perplexity": float(np.exp(nats.sum() / units.sum())),
            "aer": total.aer,
            "precision": total.precision,
            "recall": total.recall,
            "aers": {"test": {"aer": total.aer, "aer_shift_1": 0.9}},
            "parameters": 123_456 + 4096 * order,
            "tokens_per_second": 21_000 - 100 * seed,
            "seconds": 91.5,
            "steps": 3000,
            "best_step": 2800,
            "stopped": "finished",
            **(result or {}),
        },
    )
    return folder


def write_sweep(root: Path, rows=ROWS, seeds: int = 3, count: int = 120) -> Path:
    pairs = sentences(count)
    for order, (name, quality) in enumerate(rows.items()):
        for seed in range(seeds):
            write_run(root, name, seed, order, pairs, quality=quality)
    return root


@pytest.fixture(scope="session")
def sweep(tmp_path_factory) -> Path:
    """Three rows of three seeds, all finished. Tests must not write here."""
    return write_sweep(tmp_path_factory.mktemp("runs") / "three")


@pytest.fixture(scope="session", name="pairs")
def a_few_pairs() -> list[runs.AlignedSentence]:
    return sentences(30)


@pytest.fixture(name="write_run")
def run_writer():
    return write_run
