"""Throughput: eight small runs as a sweep, against one after the other, PyTorch's too.

    python -m benchmarks.throughput [--steps 300] [--cold]

Four models that both libraries have by two seeds, of width 128. A sweep goes through
`attnlab.sweep` (a pinned process a core, replicas if they pay). One after another
starts the same runs, each with all cores to itself. Either way a run goes from its
config.json to its result.json with all that it does: vocabularies, compiling, training,
dev evaluations, checkpoints, the test set, its BLEU and its alignments against gold.
PyTorch has a process a run too, with all cores: it starts, reads attnlab's parameters
and batches, trains, evaluates and saves as often, and translates the test set. To its
advantage it has no vocabularies to build, no BLEU to score and no gold to align. Both
start from the same parameters; rounding drives long trainings apart, so the distance of
their test perplexities is printed without a target: 12 updates leave 0.004 % at most.

A sweep and attnlab's runs one after another find the programs that a first sweep has
compiled. All take turns by halves of the sweep. `--cold` also times attnlab's runs one
after another without those programs. The runs are as short as lets all sides have
their turn in minutes, so that starting a process weighs more than it does in a run of
thousands of updates; `--steps` makes them longer.

Compilations are counted in the processes of the runs, by JAX's own monitoring.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attnlab import runs
from attnlab.parsing import parse
from attnlab.sweep import rows
from attnlab.sweep.execute import run_all
from attnlab.sweep.jobs import LOG, environment
from attnlab.sweep.local import Local, cores
from attnlab.tasks.translation.data import make_codecs
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import make_task
from attnlab.text.batching import Batch, encode_pairs, in_order
from benchmarks import turns
from benchmarks.problem import BAHDANAU, LUONG, TrainingProblem, by_path
from configs.translation import get_config

SETTINGS: dict[str, Any] = {
    "data.synthetic.train": 4000,
    "data.synthetic.dev": 100,
    "data.synthetic.test": 100,
    "data.synthetic.words": 300,
    "data.edges": (12, 24),
    "train.batch_size": 32,
    "train.learning_rate": 1e-3,
    "train.schedule": "constant",
    "train.stop_on": "perplexity",
    "train.evaluate_every": 100,
    "evaluate.edges": (24,),
    "evaluate.sentences": 100,
    "wandb.mode": "disabled",
}
WIDTHS = ("embedding", "hidden", "attention_hidden", "readouts")
# Every process of a run starts with this: it writes the spans of time in which JAX
# traced, compiled and loaded, when the process ends.
COUNTING = """
import atexit, json, os
from jax import monitoring
spans, loads = [], []
monitoring.register_event_time_span_listener(
    lambda event, start, end, **_: spans.append((event, start, end)))
monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **_: loads.append((event, seconds)))
def write():
    with open(f"{os.environ['COUNTED']}/{os.getpid()}.json", "w") as file:
        json.dump({"spans": spans, "loads": loads}, file)
atexit.register(write)
"""
COMPILED = "/jax/core/compile/backend_compile_duration"
LOADED = "/jax/compilation_cache/cache_retrieval_time_sec"


def sweep(add):
    """Four models by two seeds."""
    for seed in range(2):
        add("Bahdanau", **BAHDANAU, seed=seed)
        add("Luong", **LUONG | {"layers": 1}, seed=seed)
        add("Luong, no feeding", **LUONG | {"input_feeding": False}, seed=seed)
        add("Luong, two layers", **LUONG, seed=seed)


class Compilation(NamedTuple):
    """Seconds in all processes of a sweep: the compiler itself, reading what it made
    before, and tracing and lowering."""

    compiling: float
    loading: float
    tracing: float

    @classmethod
    def counted(cls, folder: Path) -> "Compilation":
        """What the processes have counted in a folder."""
        compiling = loading = tracing = 0.0
        for path in folder.glob("*.json"):
            record = json.loads(path.read_text())
            loaded = sum(s for event, s in record["loads"] if event == LOADED)
            spans = [(start, end) for _, start, end in record["spans"]]
            backend = [(a, b) for event, a, b in record["spans"] if event == COMPILED]
            compiling += _covered(backend) - loaded
            loading += loaded
            tracing += _covered(spans) - _covered(backend)
        return cls(compiling, loading, tracing)


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds that lie in any span; one trace contains others."""
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def in_a_sweep(folders: Sequence[Path], cache: Path) -> None:
    """As experiments.sweep does it."""
    run_all(
        folders,
        Local(),
        cache=cache,
        log=lambda line: print(f"  {line}", flush=True),
    )
    for folder in folders:
        if not (folder / runs.RESULT).exists():
            raise SystemExit((folder / LOG).read_text(encoding="utf-8"))


def one_after_another(folders: Sequence[Path], cache: Path) -> None:
    """Each run as a process with all cores."""
    for folder in folders:
        with open(folder / LOG, "ab") as log:
            subprocess.run(
                [sys.executable, "-m", "attnlab.training.run", str(folder), "--quiet"],
                env={**environment(cache, len(cores())), **os.environ},
                stdout=log,
                stderr=log,
                check=True,
            )


def hand_over(folder: Path) -> None:
    """Write what benchmarks/peers/run.py needs for the run of a folder."""
    settings = parse(TranslationSettings, runs.read_config(folder))
    problem = TrainingProblem.of(settings)
    steps, evaluate = settings.train.steps, settings.evaluate
    corpus = settings.data.load()
    codecs = make_codecs(settings, corpus)
    splits = {"train": [problem.task.batches.at(step) for step in range(steps)]}
    for name, pairs in (("dev", corpus.dev), ("test", corpus.test)):
        ids = encode_pairs(pairs, *codecs)
        padded = in_order(ids, evaluate.sentences, evaluate.edges)
        splits[name] = [batch for _, batch in padded]
    for name, batches in splits.items():
        np.savez(folder / f"{name}.npz", **stacked(batches))
    np.savez(folder / "params.npz", **by_path(problem.state.params))
    work = {
        "shape": problem.peer_arguments(),
        "steps": steps,
        "evaluate_every": settings.train.evaluate_every,
        "ratio": evaluate.ratio,
    }
    runs.write_json(folder / "run.json", work)


def stacked(batches: Sequence[Batch]) -> dict[str, np.ndarray]:
    """One array of all batches a field, zeros where a batch is smaller."""
    fields = {}
    for field in Batch._fields:
        arrays = [getattr(batch, field) for batch in batches]
        shape = np.max([array.shape for array in arrays], axis=0)
        fields[field] = np.zeros((len(arrays), *shape), np.int32)
        for whole, array in zip(fields[field], arrays, strict=True):
            whole[tuple(map(slice, array.shape))] = array
    return fields


def in_pytorch(folders: Sequence[Path], cache: Path) -> None:
    """Each run as a process of PyTorch with all cores."""
    del cache
    for folder in folders:
        command = [*turns.peer_command("run.py"), str(folder)]
        subprocess.run(command, env=turns.peer_environment(), check=True)


class Contender(NamedTuple):
    """A way to finish runs.

    finish(folders, cache): does it; `cache` is where programs may be kept.
    target: how many times as fast a sweep has to be.
    prepare(folder): writes what it needs into a run's folder.
    """

    finish: Callable[[Sequence[Path], Path], None]
    target: str = ""
    prepare: Callable[[Path], None] = lambda folder: None


SWEEP, TURN, TORCH = "a sweep", "one after another", "PyTorch one after another"
SIDES = {
    SWEEP: Contender(in_a_sweep),
    TURN: Contender(one_after_another, ">= 1.5"),
    TORCH: Contender(in_pytorch, ">= 2", hand_over),
}


class RunBench:
    """Fresh work folders of the same runs, and a count of what they compile."""

    def __init__(self, root: Path, steps: int):
        self.root = root
        chosen = SETTINGS | {f"model.{name}": 128 for name in WIDTHS}
        self.planned = rows.plan(get_config(), sweep, chosen | {"train.steps": steps})
        starts = root / "starts"
        starts.mkdir()
        (starts / "sitecustomize.py").write_text(COUNTING, encoding="utf-8")
        os.environ["PYTHONPATH"] = f"{starts}:{turns.ROOT}"
        os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)  # each side says its own

    def time(
        self, name: str, side: str, cache: Path, part: Sequence[int] = range(8)
    ) -> tuple[float, Compilation]:
        """Seconds of some of the runs, in a folder of that name."""
        counts = self.root / f"{name}-counts"
        counts.mkdir()
        os.environ["COUNTED"] = str(counts)
        folders = rows.write_folders([self.planned[k] for k in part], self.root / name)
        for folder in folders:
            SIDES[side].prepare(folder)
        start = time.perf_counter()
        SIDES[side].finish(folders, cache)
        passed = time.perf_counter() - start
        print(f"  {name}: {len(folders)} runs in {passed:.1f} s", flush=True)
        return passed, Compilation.counted(counts)

    def apart(self, first: str, other: str) -> float:
        """By how much, of 1, two sides' test perplexities of a run differ at most."""
        distances = []
        for result in (self.root / first).glob(f"*/*/{runs.RESULT}"):
            same = self.root / other / result.relative_to(self.root / first)
            ours, theirs = (
                runs.read_json(path)["perplexity"] for path in (result, same)
            )
            distances.append(abs(ours / theirs - 1))
        return max(distances)

    def shapes(self) -> int:
        """The compiled training shapes of a row; all have the batches of the first."""
        with tempfile.TemporaryDirectory() as folder:
            return len(make_task(self.planned[0].settings, Path(folder)).batches.shapes)


def rates(taken: Mapping[str, Sequence[Any]], note: str) -> list[turns.Figure]:
    """Runs per hour of each side, from its (seconds, Compilation) of eight runs or of
    several halves of them."""
    figures = []
    for side, parts in taken.items():
        seconds = sum(passed for passed, _ in parts)
        count = 8 if len(parts) == 1 else 4 * len(parts)
        detail = f"{count} runs in {seconds:.1f} s, {note}"
        name = f"runs per hour, {side}"
        figures.append(turns.Figure(name, 3600 * count / seconds, "", detail=detail))
    return figures


def against(taken: Mapping[str, Sequence[Any]]) -> list[turns.Figure]:
    """How many times as fast a sweep is as each other side, half by half."""
    figures = []
    sweeps = [passed for passed, _ in taken[SWEEP]]
    for side in [side for side in taken if side != SWEEP]:
        others = [passed for passed, _ in taken[side]]
        halves = [f"{a / b:.2f}" for a, b in zip(others, sweeps, strict=True)]
        detail = f"halves {', '.join(halves)}"
        value, target = sum(others) / sum(sweeps), SIDES[side].target
        name = f"a sweep against {side}"
        figures.append(turns.Figure(name, value, target=target, detail=detail))
    return figures


def compilation(first: Compilation, halves: Sequence[Any]) -> list[turns.Figure]:
    """What a second sweep still spends on programs, beside the first."""
    again = Compilation(*map(sum, zip(*(spent for _, spent in halves), strict=True)))
    count = len(halves) // 2  # sweeps in those halves
    again = Compilation(*(seconds / count for seconds in again))
    share = 100 * again.compiling / first.compiling
    detail = f"{again.compiling:.2f} s of {first.compiling:.1f} s, all processes"
    return [
        turns.Figure("compiling, second sweep of first", share, "%", "<= 10", detail),
        *(
            turns.Figure(
                f"{name}, second sweep",
                getattr(again, name),
                "s",
                detail=f"first sweep {getattr(first, name):.1f} s, all processes",
            )
            for name in ("loading", "tracing")
        ),
    ]


def main() -> None:
    parser = turns.parser(__doc__, rounds=1)
    parser.add_argument("--steps", type=int, default=300, help="updates of a run")
    parser.add_argument("--cold", action="store_true", help="the other side too")
    options = parser.parse_args()
    turns.peer_command("run.py")  # a missing Python is reported now, not in a minute
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bench, cache = RunBench(root, options.steps), root / "compiled"
        cold = {SWEEP: [bench.time("first", SWEEP, cache)]}
        if options.cold:
            cold[TURN] = [bench.time("first-other", TURN, root / "compiled-other")]
        warm: dict[str, list[Any]] = {side: [] for side in SIDES}
        apart = []
        halves = ((0, 1, 4, 5), (2, 3, 6, 7))  # both seeds of two variants
        for number, part in enumerate(halves * options.rounds):
            for side in list(SIDES)[:: -1 if number % 2 else 1]:
                name = f"{side}, part {number}"
                warm[side].append(bench.time(name, side, cache, part))
            names = (f"{side}, part {number}" for side in (SWEEP, TORCH))
            apart.append(100 * bench.apart(*names))
        figures = [
            *rates(warm, "programs compiled before"),
            *rates(cold, "nothing compiled before"),
            *against(warm),
            *compilation(cold[SWEEP][0][1], warm[SWEEP]),
            turns.Figure("test perplexity, apart from PyTorch's", max(apart), "%"),
            turns.Figure("training shapes of a row", bench.shapes(), "", "<= 6"),
        ]
        turns.finish("throughput", figures, options.json)


if __name__ == "__main__":
    main()
