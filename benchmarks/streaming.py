"""Memory and speed of text that is streamed from shards, against text that is held.

    python -m benchmarks.streaming [--pairs 5000000] [--small 200000] [--folder /tmp]

Generates a corpus of --pairs sentence pairs (18 Zipfian words on average), writes it as
shards with experiments.shard, and reads 30,000 random batches; and one of --small pairs
that fits in memory, whose batches both loaders make in turns. Every step is a process
of its own, whose peak is the most that was resident, libraries included; seconds are
those of the processor, so that other work on the machine does not count. The files are
removed afterwards: five million pairs need 1.2 GB of disk. Linux only.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.peers.resident import resident
from benchmarks.turns import ROOT, Figure, finish, in_turns, parser, ratio, spread

MB = 10**6
WORDS = 100_000  # types that words are drawn from, the r-th with weight 1 / r
AT_ONCE = 20_000  # pairs generated at once
ROWS, SAMPLE = 64, 30_000  # of batches


def generate(folder: Path, pairs: int, seed: int = 0) -> dict[str, float]:
    """Write train, dev and test files; the generator holds AT_ONCE pairs."""
    draw = np.random.default_rng(seed)
    shares = np.cumsum(1 / np.arange(1, WORDS + 1))
    words = np.array([f"{number:x}" for number in range(WORDS)])
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", pairs), ("dev", 500), ("test", 500)):
        with open(folder / f"{name}.a", "w") as a, open(folder / f"{name}.b", "w") as b:
            for start in range(0, count, AT_ONCE):
                number = min(AT_ONCE, count - start)
                # Lengths are log-normal, and much the same on both sides.
                mean = draw.normal(2.7, 0.6, number)
                for file in (a, b):
                    sizes = np.exp(mean + draw.normal(0, 0.15, number)).astype(int) + 1
                    where = draw.random(sizes.sum()) * shares[-1]
                    chosen = words[np.searchsorted(shares, where)].tolist()
                    ends = np.cumsum(sizes).tolist()
                    file.writelines(
                        " ".join(chosen[first:last]) + "\n"
                        for first, last in zip([0, *ends], ends, strict=False)
                    )
    return {"bytes": sum(path.stat().st_size for path in folder.iterdir())}


def files_of(text: Path) -> dict[str, str]:
    """Options of the corpus `files` for generated text."""
    return {
        name: f"{text / name}.a,{text / name}.b" for name in ("train", "dev", "test")
    }


def streamed(folder: Path):
    """(batches, how many pairs there are) of shards."""
    from attnlab.text.batching import rows_rule
    from attnlab.text.shards import Shards
    from attnlab.text.streaming import StreamedBatches

    shards = Shards(folder)
    return StreamedBatches(shards, rows_rule(ROWS, None, shards.longest), seed=0)


def held(text: Path):
    """The batches of the same text in memory, as a training run makes them."""
    from attnlab.text.batching import bucketed, encode_pairs
    from attnlab.text.files import files
    from attnlab.text.vocabulary import Vocabulary

    corpus = files(train=files_of(text)["train"])
    codecs = [
        Vocabulary.build((pair[side] for pair in corpus.train), 10_000)
        for side in (0, 1)
    ]
    ids = encode_pairs(corpus.train, *codecs)
    return bucketed(ids, batch_size=ROWS)


def rate(batches, steps, clock=time.process_time) -> float:
    """Seconds of making the batches of these steps: of the processor, not the wall."""
    began = clock()
    for step in steps:
        batches.at(step)
    return clock() - began


def read_epoch(folder: Path) -> dict[str, float]:
    """SAMPLE batches of an epoch in random order, after 1,000 from a cold disk."""
    began = time.perf_counter()
    batches = streamed(folder)
    opened = time.perf_counter() - began
    os.sync()
    for path in folder.glob("*.ids"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    cold = rate(batches, range(1000), time.perf_counter) / 1000
    order = np.random.default_rng(0).permutation(len(batches))[:SAMPLE].tolist()
    seconds = rate(batches, order)
    seeks = [rate(batches, [step]) for step in range(10**9, 10**9 + 10**6, 1000)]
    return {
        "opened": opened,
        "cold": cold,
        "warm": seconds / len(order),
        "seek": float(np.median(seeks)),
        "batches": len(batches),
        "shapes": len(batches.shapes),
        "waste": batches.waste,
        "pairs": len(batches.shards),
        "dropped": batches.dropped,
        "resident": resident(),
    }


def hold(text: Path) -> dict[str, float]:
    batches = held(text)
    return {"warm": rate(batches, range(len(batches))) / len(batches)}


def compare(text: Path, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of the same number of batches, streamed and held, in turns."""
    ways = {"streamed": streamed(folder), "held": held(text)}
    steps = range(2000)
    return in_turns({k: lambda b=b: rate(b, steps) for k, b in ways.items()}, rounds)


def measured(command: list[str]) -> tuple[float, int, str]:
    """Seconds of processor time, peak resident bytes and output of a command."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=output, cwd=ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        output.seek(0)
        seconds = usage.ru_utime + usage.ru_stime
        return seconds, 1024 * usage.ru_maxrss, output.read()


def step(what: str, *paths: Path, **numbers: int) -> tuple[float, int, dict]:
    """One of the functions above in a process of its own."""
    flags = [f"--{name}={value}" for name, value in numbers.items()]
    command = ["benchmarks.streaming", "--step", what, *map(str, paths), *flags]
    seconds, peak, output = measured(command)
    print(f"{what:<12}{seconds:>8.1f} s{peak / MB:>8.0f} MB at most", flush=True)
    return seconds, peak, json.loads(output.splitlines()[-1])


def shard(text: Path, folder: Path) -> tuple[float, int]:
    """Seconds and peak of experiments.shard."""
    options = [f"--config.data.files.{k}={v}" for k, v in files_of(text).items()]
    seconds, peak, _ = measured(
        ["experiments.shard", "--config=configs/translation.py", f"--out={folder}"]
        + ["--config.data.name=files", *options]
    )
    print(f"{'shard':<12}{seconds:>8.1f} s{peak / MB:>8.0f} MB at most", flush=True)
    return seconds, peak


def main():
    made = parser(__doc__, rounds=7)
    made.add_argument(
        "--pairs", type=int, default=5_000_000, help="of the corpus (%(default)s)"
    )
    made.add_argument(
        "--small",
        type=int,
        default=200_000,
        help="of the corpus that both loaders read (%(default)s)",
    )
    made.add_argument("--folder", type=Path, help="for the files; else a temporary one")
    made.add_argument("--step", nargs="+", help="used between the processes")
    options = made.parse_args()
    if options.step:
        what, *paths = options.step
        paths = [Path(path) for path in paths]
        steps = {
            "generate": lambda: generate(*paths, options.pairs),
            "read": lambda: read_epoch(*paths),
            "hold": lambda: hold(*paths),
            "compare": lambda: compare(*paths, options.rounds),
        }
        print(json.dumps(steps[what]()))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        figures = run(
            Path(name).absolute(), options.pairs, options.small, options.rounds
        )
    finish("streaming", figures, options.json)


def run(root: Path, pairs: int, small: int, rounds: int) -> list[Figure]:
    """Take every step; the figures."""
    text, folder = root / "text", root / "shards"
    print(f"{pairs} pairs")
    _, _, written = step("generate", text, pairs=pairs)
    seconds, writing = shard(text, folder)
    on_disk = sum(path.stat().st_size for path in folder.iterdir())
    _, reading, epoch = step("read", folder)
    print(f"{small} pairs")
    step("generate", root / "small", pairs=small)
    _, _ = shard(root / "small", root / "small-shards")
    _, reading_small, _ = step("read", root / "small-shards")
    _, holding, _ = step("hold", root / "small")
    _, _, taken = step("compare", root / "small", root / "small-shards", rounds=rounds)
    for way, each in taken.items():
        print(f"2000 batches {way:<9} {spread(each)}")
    share = f"of {pairs} pairs, {written['bytes'] / MB:.0f} MB of text"
    slower = ratio(taken["streamed"], taken["held"])
    growth = (holding - reading_small) / small
    rows = [
        ("peak memory, writing shards", writing / MB, "MB", "<= 1000", share),
        ("peak memory, reading", reading / MB, "MB", "<= 1000", share),
        ("peak memory, reading, small", reading_small / MB, "MB", "", f"of {small}"),
        ("peak memory, holding, small", holding / MB, "MB", "", f"of {small}"),
        ("memory of a pair that is held", growth, "B", "", "grows with the text"),
        ("shards on disk", on_disk / pairs, "B", "", "a pair"),
        ("pairs written", pairs / seconds, "/s", "", "three passes"),
        ("opening shards", 1e3 * epoch["opened"], "ms", "", ""),
        ("a batch of 64, in random order", 1e3 * epoch["warm"], "ms", "", ""),
        ("a batch of 64, a step far ahead", 1e3 * epoch["seek"], "ms", "", "median"),
        ("a batch of 64, cold disk", 1e3 * epoch["cold"], "ms", "", "first 1,000"),
        (
            "streamed over held, small",
            slower,
            "x",
            "",
            "time of a batch",
        ),
        ("padding", 100 * epoch["waste"], "%", "", f"{epoch['shapes']} shapes"),
        (
            "batches an epoch",
            epoch["batches"],
            "",
            "",
            f"{epoch['dropped']} pairs too long",
        ),
    ]
    return [Figure(*row) for row in rows]


if __name__ == "__main__":
    main()
