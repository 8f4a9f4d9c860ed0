"""The PyTorch side of training: updates of a model on batches that attnlab made.

A folder holds params.npz (attnlab's parameters by path) and batches.npz (arrays
"0/source", "0/source_lengths", "0/target", "0/target_lengths", "1/source", ...).
"""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decoding import greedy
from resident import peak_of, resident
from seq2seq import Seq2Seq
from serve import seconds, serve
from tutorial import Tutorial

FIELDS = ("source", "source_lengths", "target", "target_lengths")
MODELS: dict[str, Any] = {"good": Seq2Seq, "tutorial": Tutorial}


class Training:
    """A model with its optimizer, as in attnlab: gradient norm clipped to 1, Adam."""

    def __init__(self, model: torch.nn.Module, fused: bool):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def update(self, batch) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.model.loss(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss


held: dict[str, Training] = {}
batches: list[tuple[torch.Tensor, ...]] = []


def make(name: str, folder: str, kind: str = "good", threads: int = 2, **shape: Any):
    """Hold a model under `name`; returns its parameter count."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = MODELS[kind](**shape)
    if kind == "good":
        with np.load(Path(folder) / "params.npz") as params:
            model.load(dict(params))
    held[name] = Training(model, fused=kind == "good")
    return sum(p.numel() for p in model.parameters())


def load(folder: str) -> int:
    """Read the folder's batches."""
    batches.clear()
    with np.load(Path(folder) / "batches.npz") as arrays:
        for n in range(len(arrays.files) // len(FIELDS)):
            parts = (torch.from_numpy(arrays[f"{n}/{field}"]) for field in FIELDS)
            batches.append(tuple(part.long() for part in parts))
    return len(batches)


def loss(name: str, batch: int) -> float:
    """The loss of a batch, without an update."""
    with torch.no_grad():
        return float(held[name].model.loss(*batches[batch]))


def gradient(name: str, batch: int) -> float:
    """The norm of the gradient of a batch's loss."""
    model = held[name].model
    model.zero_grad(set_to_none=True)
    model.loss(*batches[batch]).backward()
    norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return float(torch.stack(norms).norm())


def update(name: str, which: list[int]) -> float:
    """Seconds that updates on these batches take."""

    def work():
        for number in which:
            held[name].update(batches[number])

    return seconds(work)


def evaluate(name: str, which: list[int]) -> float:
    """Seconds that the losses and greedy translations of these batches take."""
    model = held[name].model

    def work():
        with torch.inference_mode():
            for number in which:
                source, lengths, *_ = batch = batches[number]
                model.loss(*batch)
                greedy(model, source, lengths, (1.5 * lengths + 10).long())

    return seconds(work)


def peak(**shape: Any) -> int:
    """Bytes that an update of a model of random parameters takes at its peak."""
    before = resident()
    training = Training(Seq2Seq(**shape), fused=True)
    for _ in range(2):
        training.update(batches[0])
    ctypes.CDLL(None).malloc_trim(0)
    return peak_of(lambda: training.update(batches[0])) - before


if __name__ == "__main__":
    functions = (make, load, loss, gradient, update, evaluate, peak)
    serve({function.__name__: function for function in functions})
