"""The PyTorch side of the Neural Turing Machine: updates of loudinthecloud/pytorch-ntm.

Its modules `ntm` are imported from a clone of it. Its `train.py` and `tasks`, which
need an attrs of 2018, aren't: an update here makes the same calls, but not those that
count wrong bits after it.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from serve import seconds, serve


class Training:
    """A machine with its optimizer and one batch."""

    def __init__(self, machine: Any, steps: int, inputs, targets):
        self.machine = machine
        # Steps lead. It is given `steps` inputs, and then none: the rest are answers.
        self.inputs = inputs.transpose(0, 1)[:steps].contiguous()
        self.targets = targets.transpose(0, 1)[steps:].contiguous()
        self.criterion = torch.nn.BCELoss()
        self.optimizer = torch.optim.RMSprop(
            machine.parameters(), lr=1e-4, alpha=0.95, momentum=0.9
        )

    def update(self) -> None:
        self.optimizer.zero_grad()
        self.machine.init_sequence(self.inputs.shape[1])
        for step in self.inputs:
            self.machine(step)
        outputs = torch.zeros(self.targets.shape)
        for t in range(len(self.targets)):
            outputs[t], _ = self.machine()
        loss = self.criterion(outputs, self.targets)
        loss.backward()
        for parameter in self.machine.parameters():
            if parameter.grad is not None:
                parameter.grad.clamp_(-10, 10)
        self.optimizer.step()


held: dict[str, Training] = {}


def make(
    name: str,
    clone: str,
    batch: str,
    steps: int,
    hidden: int,
    slots: int,
    width: int,
    threads: int,
) -> int:
    """Hold a machine with a batch (a file of inputs and targets) under `name`; returns
    its parameter count."""
    if clone not in sys.path:
        sys.path.append(clone)
    from ntm.aio import EncapsulatedNTM

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    with np.load(Path(batch)) as arrays:
        inputs, targets = (torch.from_numpy(arrays[n]) for n in ("inputs", "targets"))
    sizes = inputs.shape[-1], targets.shape[-1]
    machine = EncapsulatedNTM(*sizes, hidden, 1, 1, slots, width)
    held[name] = Training(machine, steps, inputs, targets)
    return machine.calculate_num_params()


def update(name: str, updates: int) -> float:
    """Seconds of an update, the mean of so many."""

    def work():
        for _ in range(updates):
            held[name].update()

    return seconds(work) / updates


def version() -> str:
    return torch.__version__


if __name__ == "__main__":
    serve({"make": make, "update": update, "version": version})
