"""Sweeps of the tasks whose examples the page shows in forms of their own."""

import json
from pathlib import Path

import numpy as np

from attnlab import runs

STORY = ("mary went home", "john took $5 <b>", "mary left the garden")
PASSAGE = tuple(
    "@entity0 met @entity1 . then <i> he took the train to @entity2 .".split()
)


def write_stories(root: Path) -> None:
    """Two rows of two hops and two questions; "two" answers the first one wrongly."""
    for order, (row, said) in enumerate((("one", "home"), ("two", "garden"))):
        folder = _folder(root, row, order, "memn2n")
        weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5 - 0.1 * order]], np.float32)
        links = frozenset({(0, 0), (1, 0)})
        hops = ("hop 1", "hop 2")
        pairs = [
            runs.AlignedSentence(STORY, hops, weights, links, links),
            runs.AlignedSentence(STORY[:2], hops, weights[:, :2]),
        ]
        runs.write_alignments(folder, {"test": pairs})
        records = [
            {"question": "where is mary", "answer": "home", "predicted": said},
            {"question": "who has $5", "answer": "john", "predicted": "john"},
        ]
        _write_records(folder, [{**each, "probability": 0.75} for each in records])


def write_passages(root: Path) -> None:
    """Two readers of one passage; the second has an even look."""
    for order, row in enumerate(("sharp", "even")):
        folder = _folder(root, row, order, "cloze")
        weights = np.full((1, len(PASSAGE)), 0.5 / len(PASSAGE))
        if not order:
            weights[0, 2] = 0.5
        gold = frozenset((0, s) for s in range(4))
        sure = frozenset({(0, 2)})
        pair = runs.AlignedSentence(PASSAGE, ("@placeholder",), weights, sure, gold)
        runs.write_alignments(folder, {"test": [pair]})
        record = {
            "query": ["@placeholder", "met", "him"],
            "answer": "@entity1",
            "said": "@entity2" if order else "@entity1",
            "names": {"@entity1": "Anna"},
        }
        _write_records(folder, [record])


def write_sequences(root: Path) -> None:
    """An LSTM, and a machine that writes round the end of its memory of 16 slots."""
    for order, (row, heads) in enumerate((("LSTM", 0), ("NTM", 1))):
        folder = _folder(root, row, order, "ntm")
        rng, arrays = np.random.default_rng(0), {}
        for size in ("3", "20"):
            steps = 2 * int(size) + 1
            weights = np.zeros((steps, heads, 16), np.float32)
            for step in range(7 if heads else 0):
                weights[step, :, (14 + step) % 16] = 1 - step / 20
            arrays |= {
                f"{size}/inputs": rng.integers(0, 2, (steps, 5)),
                f"{size}/targets": rng.integers(0, 2, (steps, 4)),
                f"{size}/outputs": rng.random((steps, 4)),
                f"{size}/scored": np.arange(steps) > int(size),
                f"{size}/reads": weights,
                f"{size}/writes": weights,
            }
        runs.write_arrays(folder / runs.EXAMPLES, arrays)
        names = runs.read_json(folder / runs.CONFIG)
        sizes = {"3": 0.1, "20": 0.3}
        runs.write_json(
            folder / runs.RESULT, names | {"bits_per_item_by_size": sizes, "size": "3"}
        )


def write_captions(root: Path) -> None:
    """A soft and a hard row with two pictures, grids of 3 x 3 cells."""
    for order, row in enumerate(("soft", "hard")):
        folder = _folder(root, row, order, "captioning")
        rng = np.random.default_rng(0)
        words = [["a", "red", "<b>square</b>"], ["two"]]
        arrays = {}
        for n, said in enumerate(words):
            picture = np.zeros((12, 12, 3), np.uint8) + 60
            picture[:4, 8:, 0] = 255  # red at the upper right
            arrays[f"pictures/{n}"] = picture
            weights = rng.dirichlet(np.ones(9), len(said)).reshape(-1, 3, 3) * 0.3
            weights[:, 0, 2] += 0.7
            arrays[f"weights/{n}"] = weights
            if order:
                arrays[f"reads/{n}"] = np.eye(9)[[2] * len(said)].reshape(-1, 3, 3)
        text = json.dumps({"names": ["first", "second"], "words": words}).encode()
        arrays["captions"] = np.frombuffer(text, np.uint8)
        runs.write_arrays(folder / runs.EXAMPLES, arrays)


def _folder(root: Path, row: str, order: int, task: str) -> Path:
    folder = root / runs.slug(row) / "0"
    names = {"row": row, "slug": runs.slug(row), "seed": 0, "order": order}
    runs.write_json(folder / runs.CONFIG, names | {"task": task})
    runs.write_json(folder / runs.RESULT, names | {"accuracy": 0.5 + order / 10})
    return folder


def _write_records(folder: Path, records: list[dict]) -> None:
    text = np.frombuffer(json.dumps(records).encode(), np.uint8)
    runs.write_arrays(folder / runs.EXAMPLES, {"questions": text})
