"""The first updates of a good PyTorch script, from text files to the last loss.

    python first_updates.py FOLDER WIDTH UPDATES

The folder has the lines of train.de and train.en, words between blanks.
"""

import sys
from pathlib import Path

import torch
from seq2seq import Seq2Seq
from train import Training

ROWS = 64
PAD, EOS, SPECIAL = 0, 2, 4


def read(path: Path) -> tuple[list[list[int]], int]:
    """The ids of every line with an end mark, and the size of the vocabulary."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    words = sorted({word for line in lines for word in line})
    ids = {word: number for number, word in enumerate(words, SPECIAL)}
    return [[*(ids[word] for word in line), EOS] for line in lines], len(ids) + SPECIAL


def padded(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows as one tensor, and their lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    tensors = [torch.tensor(row) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), lengths


def main(folder: Path, width: int, updates: int) -> None:
    (source, sources), (target, targets) = (
        read(folder / f"train.{end}") for end in ("de", "en")
    )
    model = Seq2Seq("luong", (sources, targets), width)
    training = Training(model, fused=True)
    for step in range(updates):
        part = slice(step * ROWS, (step + 1) * ROWS)
        loss = training.update((*padded(source[part]), *padded(target[part])))
    print(float(loss))


if __name__ == "__main__":
    torch.set_num_threads(2)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
