"""Reports of many runs, and the parent of a sweep of many rows.

    python -m benchmarks.reports                        # 200 rows x 3 seeds, 1,000 rows
    python -m benchmarks.reports --rows=20 --dummies=100  # a small one
    python -m benchmarks.reports --folder=runs/big      # keeps the runs, and finds them

The runs are synthetic and finished: random translations and attention of 1,000
sentences with gold links, in the files that real runs leave. A report is
`experiments.report` in a process of its own on one core. The parent's processor time is
that of planning, writing folders, starting and watching jobs that learn nothing, and
reporting.
"""

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attnlab import runs
from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import bleu_score as bleu
from attnlab.report.stored_counts import NAME
from attnlab.runs import AlignedSentence
from attnlab.sweep import rows as sweep_rows
from attnlab.sweep.display import Display
from attnlab.sweep.execute import run_all
from attnlab.sweep.jobs import End, Job, training
from attnlab.sweep.local import Local
from benchmarks import dummy_run
from benchmarks.turns import ROOT, Figure, finish, parser
from configs.ablations.synthetic import get_config

WORDS = np.array([f"word{n}" for n in range(2000)])
EVALUATIONS = 15
WINDOWS = ("global", "local-m", "local-p")
SCORES = ("dot", "general", "additive")
DUMMY_SENTENCES = 10


class TestSet(NamedTuple):
    """Sentence pairs, and the arrays that make a run's files of them quickly.

    pairs: without weights. words: the targets' words one after the other, as numbers.
    ends: where each sentence ends in `words`. gold: the flat place of each target
    word's sure link among all weights. starts: that of each target word's row.
    """

    pairs: list[AlignedSentence]
    words: np.ndarray
    ends: np.ndarray
    gold: np.ndarray
    starts: np.ndarray


def make_test_set(count: int) -> TestSet:
    """Pairs of 5 to 25 words, word for word in a slightly other order."""
    rng = np.random.default_rng(0)
    pairs, words, gold, starts, cells = [], [], [], [], 0
    for _ in range(count):
        length = int(rng.integers(5, 26))
        numbers = rng.integers(len(WORDS), size=length)
        order = np.argsort(np.arange(length) + rng.choice([0, 0, 1.5, 4], length))
        links = frozenset((t, int(s)) for t, s in enumerate(order))
        target = tuple(WORDS[numbers].tolist())
        source = tuple(f"mot{n}" for n in numbers[np.argsort(order)])
        empty = np.zeros((length, length), np.float32)
        pairs.append(AlignedSentence(source, target, empty, links, links))
        words.append(numbers)
        starts.append(cells + length * np.arange(length))
        gold.append(starts[-1] + order)
        cells += length * length
    ends = np.cumsum([len(numbers) for numbers in words])
    arrays = map(np.concatenate, (words, gold, starts))
    numbers, links, places = arrays
    return TestSet(pairs, numbers, ends, links, places)


def sweep_of(count: int, seeds: int):
    """`sweep(add)` of so many rows; they differ in attention and in the width."""

    def sweep(add) -> None:
        for seed in range(seeds):
            for n in range(count):
                window, score = WINDOWS[n % 3], SCORES[n // 3 % 3]
                hidden = {"model.hidden": 64 + 2 * (n // 9)}
                name = f"{window} ({score}), {hidden['model.hidden']} units"
                add(name, window=window, score=score, seed=seed, **hidden)

    return sweep


def fill(folder: Path, tests: TestSet, rng: np.random.Generator, wrong: float) -> None:
    """Make a finished run of a folder that has its config.json."""
    aligned = attend(tests, rng, wrong)
    drawn = rng.integers(len(WORDS), size=len(tests.words))
    said = np.where(rng.random(len(drawn)) < wrong, drawn, tests.words)
    hypotheses = [" ".join(part) for part in np.split(WORDS[said], tests.ends[:-1])]
    references = [" ".join(pair.target) for pair in tests.pairs]
    units = np.array([len(pair.target) + 1 for pair in tests.pairs])
    nats = units * rng.normal(1.3 + wrong, 0.2, len(units))
    runs.write_lines(folder / runs.SOURCES, [" ".join(p.source) for p in tests.pairs])
    runs.write_lines(folder / runs.REFERENCES, references)
    runs.write_lines(folder / runs.HYPOTHESES, hypotheses)
    runs.write_losses(folder, nats, units.tolist())
    runs.write_alignments(folder, {"test": aligned})
    for step in range(1, EVALUATIONS + 1):
        loss = 1.3 + wrong + 4 * 0.7**step
        kind = {"step": 100 * step, "kind": "train", "loss": loss}
        runs.append_jsonl(folder / runs.METRICS, kind)
        scores = {"perplexity": np.exp(loss), "bleu": 60 - 10 * loss, "loss": loss}
        kind = {"step": 100 * step, "kind": "dev", **scores}
        runs.append_jsonl(folder / runs.METRICS, kind)
    score = bleu.bleu(hypotheses, references)
    links = [aer.argmax_links(pair.weights) for pair in aligned]
    rates = aer.corpus_agreement(links, [(p.sure, p.possible) for p in aligned])
    result = {
        "bleu": score.score,
        "bleu_signature": score.signature,
        "perplexity": float(np.exp(nats.sum() / units.sum())),
        "aer": rates.aer,
        "gold": "test",
        "aers": {"test": {"aer": rates.aer}},
        "parameters": 123_456,
        "tokens_per_second": 21_000.0,
        "seconds": 91.5,
        "steps": 100 * EVALUATIONS,
        "best_step": 100 * EVALUATIONS,
        "stopped": "finished",
    }
    runs.write_result(folder, result)


def attend(
    tests: TestSet, rng: np.random.Generator, wrong: float
) -> list[AlignedSentence]:
    """The pairs with weights that peak at the gold links, but for a share of them."""
    cells = sum(pair.weights.size for pair in tests.pairs)
    scores = rng.standard_normal(cells, np.float32)
    scores[tests.gold[rng.random(len(tests.gold)) > wrong]] += 4
    shares = np.exp(scores)
    lengths = np.diff([*tests.starts, cells])
    shares /= np.repeat(np.add.reduceat(shares, tests.starts), lengths)
    sizes = np.cumsum([pair.weights.size for pair in tests.pairs])[:-1]
    return [
        pair._replace(weights=part.reshape(pair.weights.shape))
        for pair, part in zip(tests.pairs, np.split(shares, sizes), strict=True)
    ]


def make_runs(root: Path, rows: int, seeds: int, sentences: int, first: int = 0) -> int:
    """Finish the runs of a sweep that are not there yet; returns how many it made."""
    specs = sweep_rows.plan(get_config(), sweep_of(rows, seeds))
    tests = make_test_set(sentences)
    made = 0
    for number, spec in enumerate(specs[first:]):
        folder = root / spec.place
        if (folder / runs.RESULT).exists():
            continue
        runs.write_json(folder / runs.CONFIG, spec.config)
        order = spec.config["order"]
        assert isinstance(order, int)
        rng = np.random.default_rng([number, order])
        fill(folder, tests, rng, 0.1 + 0.2 * (order * 7 % rows) / rows)
        made += 1
    return made


class EndedProcess(NamedTuple):
    """A process that has ended: its wall time, its processor time, its largest size."""

    seconds: float
    processor: float
    gigabytes: float


def report(root: Path) -> EndedProcess:
    """`experiments.report` in a process of its own, on one core."""
    command = [sys.executable, "-m", "experiments.report", f"--runs={root}"]
    core = min(os.sched_getaffinity(0))

    def alone() -> None:
        os.sched_setaffinity(0, {core})

    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    began = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=nowhere, preexec_fn=alone
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    took = time.perf_counter() - began
    return EndedProcess(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def reports(root: Path, rows: int, seeds: int, sentences: int) -> list[Figure]:
    """A report of many runs, and a second one after one more run."""
    began = time.perf_counter()
    made = make_runs(root, rows, seeds, sentences)
    print(f"{made} runs made in {time.perf_counter() - began:.0f} s", flush=True)
    last = sweep_rows.plan(get_config(), sweep_of(rows, seeds))[-1].place
    held = root.with_name(f"{root.name}-last")
    for left in (root / "report", held):  # of a measurement that was stopped
        shutil.rmtree(left, ignore_errors=True)
    (root / NAME).unlink(missing_ok=True)
    (root / last).rename(held)
    first = report(root)
    held.rename(root / last)
    second = report(root)
    third = report(root)
    page = (root / "report" / "index.html").stat().st_size / 1000
    below = root / "report"
    sizes = [path.stat().st_size for path in below.rglob("*") if path.is_file()]
    what = f"{rows} rows x {seeds} seeds x {sentences} sentences"
    return [
        Figure("report, processor time", first.processor, "s", "<= 60", what),
        Figure("report, by the clock", first.seconds, "s", detail="on one core"),
        Figure("report, memory", first.gigabytes, "GiB", "<= 1"),
        Figure("report after one more run, processor time", second.processor, "s"),
        Figure("report after one more run, by the clock", second.seconds, "s"),
        Figure("report after nothing, processor time", third.processor, "s"),
        Figure("report after nothing, by the clock", third.seconds, "s"),
        Figure("page", page, "kB", "<= 300", "index.html"),
        Figure("all files", sum(sizes) / 1e6, "MB", detail=f"{len(sizes)} of them"),
    ]


class Dummies(Local):
    """This machine's processes, each of which copies a finished run."""

    def submit(self, jobs: Sequence[Job]) -> str:
        """Start jobs, as `Local` does, of another module."""
        module = dummy_run.__name__
        return super().submit([job._replace(module=module) for job in jobs])

    def news(self) -> Iterator[tuple[Job, End | None]]:
        """What has happened, under the names of the jobs that were asked for."""
        for job, end in super().news():
            yield training(job.folders, job.cache, in_turn=job.in_turn), end


@contextlib.contextmanager
def timed(name: str, seconds: dict[str, float]) -> Iterator[None]:
    """Adds this process's processor time to seconds[name]; children do not count."""
    began = time.process_time()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.process_time() - began


def run_dummies(root: Path, count: int) -> dict[str, float]:
    """Processor seconds of this process for a sweep: scheduled, resumed, reported."""
    template = root.with_name(f"{root.name}-template")
    runs.write_json(template / runs.CONFIG, {})
    rng = np.random.default_rng(0)
    fill(template, make_test_set(DUMMY_SENTENCES), rng, 0.2)
    # The folders have configurations of their own.
    (template / runs.CONFIG).unlink()
    listed = runs.read_manifest(template)
    del listed[runs.CONFIG]
    lines = [f"{sha256} *{name}\n" for name, sha256 in listed.items()]
    runs.write_bytes(template / runs.MANIFEST, "".join(lines).encode())
    os.environ[dummy_run.TEMPLATE] = str(template)
    seconds: dict[str, float] = {}

    def sweep() -> list[Path]:
        base = get_config()
        with timed("plan", seconds):
            specs = sweep_rows.plan(base, sweep_of(count, 1))
        with timed("folders", seconds):
            folders = sweep_rows.write_folders(specs, root)
        with timed("jobs", seconds), Display(folders, root) as display:
            run_all(
                folders,
                Dummies(8 * len(os.sched_getaffinity(0))),
                cache=root / ".compiled",
                notify=display.notify,
                poll=display.poll,
                log=display.log,
            )
        return folders

    folders = sweep()
    scheduled = sum(seconds.values())
    split = {f"first {name}": value for name, value in seconds.items()}
    for folder in folders[::10]:  # these have lost their results
        (folder / runs.RESULT).unlink()
    sweep()
    resumed = sum(seconds.values()) - scheduled
    from attnlab.report.report import write_report

    with timed("report", seconds):
        write_report(root)
    return {**split, "scheduled": scheduled, "resumed": resumed, **seconds}


def drain(terminal: int) -> None:
    """Read a terminal until nobody writes to it, or its buffer would fill."""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def dummies(root: Path, count: int) -> list[Figure]:
    """The figures of `run_dummies`, in a process of its own, on a terminal."""
    code = (
        "import json, sys; from pathlib import Path\n"
        "from benchmarks.reports import run_dummies\n"
        f"seconds = run_dummies(Path({str(root)!r}), {count})\n"
        "print(json.dumps(seconds))"
    )
    environment = os.environ | {"TERM": "xterm", "JAX_PLATFORMS": "cpu"}
    # rich draws its bars then, which is what a person's sweep costs.
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    reader = threading.Thread(target=drain, args=(ours,))
    reader.start()
    output, _ = process.communicate()
    reader.join()
    if process.returncode:
        raise SystemExit(f"the sweep of dummies ended with {process.returncode}")
    seconds = json.loads(output.splitlines()[-1])
    each = {name: 1000 * value / count for name, value in seconds.items()}
    parts = ("plan", "folders", "jobs")
    detail = ", ".join(f"{name} {each['first ' + name]:.1f}" for name in parts)
    total = each["scheduled"] + each["resumed"] + each["report"]
    return [
        Figure("a dummy row, scheduled", each["scheduled"], "ms", detail=detail),
        Figure("a dummy row, resumed", each["resumed"], "ms"),
        Figure("a dummy row, reported", each["report"], "ms"),
        Figure("a dummy row, all three", total, "ms", "<= 50", f"{count} of them"),
    ]


def main() -> None:
    flags = parser(__doc__, rounds=1)
    flags.add_argument("--rows", type=int, default=200)
    flags.add_argument("--seeds", type=int, default=3)
    flags.add_argument("--sentences", type=int, default=1000)
    flags.add_argument("--dummies", type=int, default=1000, help="rows; 0 for none")
    flags.add_argument("--folder", type=Path, help="where the runs go and stay")
    options = flags.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        root = options.folder or Path(temporary) / "big"
        if options.rows:
            figures += reports(root, options.rows, options.seeds, options.sentences)
        if options.dummies:
            figures += dummies(Path(temporary) / "dummies", options.dummies)
    finish("reports", figures, options.json)


if __name__ == "__main__":
    main()
