"""The PyTorch side of throughput: one run from its folder to its result.json.

    python run.py FOLDER

The folder holds run.json (`shape` of the model, `steps`, `evaluate_every`, `ratio`),
params.npz (attnlab's first parameters by path) and the batches of train.npz, dev.npz
and test.npz: `source` [N, B, S], `target` [N, B, T] and the lengths of both [N, B]
(0: no sentence). Those are batches that attnlab made, in its order; here each is cut to
its longest sentence, as one that is padded when it is made.

A run has all threads. It evaluates the losses and greedy translations of dev and saves
what it has learned as often as attnlab does, and translates the test set with the
parameters of the best dev perplexity.
"""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decoding import greedy
from seq2seq import Seq2Seq
from train import FIELDS, Training

Batch = tuple[torch.Tensor, ...]


def read(path: Path) -> list[Batch]:
    """The batches of a file."""
    with np.load(path) as arrays:
        fields = {name: torch.from_numpy(arrays[name]).long() for name in FIELDS}
    batches = []
    for batch in zip(*(fields[name] for name in FIELDS), strict=True):
        source, source_lengths, target, target_lengths = batch
        real = source_lengths > 0
        source_lengths, target_lengths = source_lengths[real], target_lengths[real]
        source = source[real, : source_lengths.max()]
        target = target[real, : target_lengths.max()]
        batches.append((source, source_lengths, target, target_lengths))
    return batches


@torch.inference_mode()
def perplexity(model: Seq2Seq, batches: list[Batch]) -> float:
    """By target word, end marks included."""
    words = [int(batch[3].sum()) for batch in batches]
    nats = [float(model.loss(*batch)) for batch in batches]
    total = sum(n * count for n, count in zip(nats, words, strict=True))
    return math.exp(total / sum(words))


@torch.inference_mode()
def translate(model: Seq2Seq, batches: list[Batch], ratio: float) -> list[list[int]]:
    """The ids of greedy translations, end marks included."""
    translations = []
    for source, lengths, *_ in batches:
        limits = (ratio * lengths).ceil().long() + 10
        tokens, _ = greedy(model, source, lengths, limits)
        translations += [row[row > 0].tolist() for row in tokens]
    return translations


def run(folder: Path) -> dict[str, Any]:
    """Train, evaluate and test; returns the result."""
    settings = json.loads((folder / "run.json").read_text())
    model = Seq2Seq(**settings["shape"])
    with np.load(folder / "params.npz") as params:
        model.load(dict(params))
    training = Training(model, fused=True)
    batches = read(folder / "train.npz")
    dev, test = read(folder / "dev.npz"), read(folder / "test.npz")
    steps, every = settings["steps"], settings["evaluate_every"]
    saved, losses = [], []
    for number, batch in enumerate(batches, 1):
        losses.append(training.update(batch).detach())
        if number % every and number != steps:
            continue
        score = perplexity(model, dev)
        translate(model, dev, settings["ratio"])
        record = {"loss": float(torch.stack(losses).mean()), "perplexity": score}
        with open(folder / "metrics.jsonl", "a") as log:
            log.write(json.dumps({"step": number} | record) + "\n")
        losses.clear()
        learned = {"model": model.state_dict()}
        learned["optimizer"] = training.optimizer.state_dict()
        torch.save(learned, folder / f"{number}.pt")
        saved.append((score, number))
    _, best = min(saved)
    model.load_state_dict(torch.load(folder / f"{best}.pt")["model"])
    translations = translate(model, test, settings["ratio"])
    lines = [" ".join(map(str, ids)) + "\n" for ids in translations]
    (folder / "translations.txt").write_text("".join(lines))
    return {"perplexity": perplexity(model, test)}


if __name__ == "__main__":
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    place = Path(sys.argv[1])
    (place / "result.json").write_text(json.dumps(run(place)))
