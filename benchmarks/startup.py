"""What a newcomer waits for: processor seconds of first runs, from empty caches.

    python -m benchmarks.startup [--rounds 3] [--without-sweep]

- a run of 10 updates of 16 units on the embedded pair in an empty folder, from a cache
  without programs, then the same in another folder; and how many programs of it take
  more than half a second to compile;
- `make sweep`'s command from an empty cache;
- the first 10 updates of a good PyTorch script (benchmarks/peers/first_updates.py), and
  of JoeyNMT as shipped, on the same sentences.

Seconds are those of the processor, user and system, of the process and all that it
starts: an idle machine's wall time is between half of them and all.
"""

import json
import os
import resource
import runpy
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.turns import Figure, finish, parser, peer_command, peer_environment

WIDTH, UPDATES = 16, 10
LARGE = 0.5  # seconds of compilation
RUN = [
    "experiments.train",
    "--config=configs/translation.py",
    f"--config.train.steps={UPDATES}",
    f"--config.model.embedding={WIDTH}",
    f"--config.model.hidden={WIDTH}",
    f"--config.model.attention_hidden={WIDTH}",
    f"--config.model.readouts={WIDTH}",
]
SWEEP = ["experiments.sweep", "--config=configs/ablations/synthetic.py"]


def seconds_of(command: list[str], **options) -> float:
    """Processor seconds of a command and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return sum(
        getattr(after, name) - getattr(before, name)
        for name in ("ru_utime", "ru_stime")
    )


def ours(
    module: list[str], workdir: Path, cache: Path, listed: Path | None = None
) -> float:
    """Processor seconds of a program of attnlab with a cache of its own; the seconds of
    its compilations go into the file `listed`."""
    hidden = ("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")
    shell = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    watched = ["benchmarks.startup", "--listed", str(listed)] if listed else []
    return seconds_of(
        [sys.executable, "-m", *watched, *module, f"--workdir={workdir}"],
        env=shell | {"XDG_CACHE_HOME": str(cache), "OPENBLAS_NUM_THREADS": "1"},
    )


def watch(listed: Path, module: str, arguments: list[str]) -> None:
    """Run a program in this process, and list the seconds of its compilations."""
    from attnlab.training.program_cache import share_programs

    share_programs()  # before JAX is imported
    import jax.monitoring

    seconds: list[float] = []

    def listen(event: str, duration: float, **about: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            seconds.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        listed.write_text(json.dumps(seconds))


def first_runs(folder: Path, number: int) -> tuple[float, float, int]:
    """Seconds of a run from an empty cache and of the next, and the large programs."""
    cache, listed = folder / f"cache{number}", folder / "compiled.json"
    cold = ours(RUN, folder / f"cold{number}", cache, listed)
    large = sum(seconds > LARGE for seconds in json.loads(listed.read_text()))
    # Not watched, which would import JAX earlier than the program does.
    return cold, ours(RUN, folder / f"warm{number}", cache), large


def torch_seconds(folder: Path) -> float:
    """The same updates by PyTorch, on the text of the embedded pair."""
    words = [*peer_command("first_updates.py"), str(folder), str(WIDTH), str(UPDATES)]
    return seconds_of(words, env=peer_environment())


def joeynmt_seconds(folder: Path, python: Path) -> float:
    """The same by JoeyNMT."""
    command = [str(python), "-m", "joeynmt", "train", "joeynmt.yaml", "--skip-test"]
    return seconds_of(command, cwd=folder, env=peer_environment())


def measure(rounds: int, sweep: bool) -> list[Figure]:
    """All figures, each the median over turns."""
    from attnlab.text.synthetic import synthetic
    from benchmarks.joeynmt import joeynmt_python, prepare

    taken: dict[str, list[float]] = {}
    python = joeynmt_python()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        numbers = {"updates": UPDATES, "embedding_dim": WIDTH, "hidden_size": WIDTH}
        prepare(folder, synthetic(), **numbers, batch_size=64)
        for number in range(rounds):
            cold, warm, large = first_runs(folder, number)
            turn = {"cold": cold, "warm": warm, "large": large}
            turn["torch"] = torch_seconds(folder)
            if python is not None:
                turn["joeynmt"] = joeynmt_seconds(folder, python)
            for key, value in turn.items():
                taken.setdefault(key, []).append(value)
            print(", ".join(f"{k} {v:.1f}" for k, v in turn.items()), flush=True)
        if sweep:
            taken["sweep"] = [ours(SWEEP, folder / "sweep", folder / "empty")]
    titles = {
        "cold": ("first run of 10 updates", "s", "<= 40", "empty cache"),
        "warm": ("the same again", "s", "<= 10", "programs from the cache"),
        "large": ("programs that take over 0.5 s", "", "<= 12", "of the first run"),
        "sweep": ("make sweep", "s", "<= 300", "16 runs and the report, empty cache"),
        "torch": ("good PyTorch, 10 updates", "s", "", "reads the same text"),
        "joeynmt": ("JoeyNMT 2.3.0, 10 updates", "s", "", "without a test"),
    }
    return [
        Figure(titles[key][0], statistics.median(values), *titles[key][1:])
        for key, values in taken.items()
    ]


def main() -> None:
    if sys.argv[1:2] == ["--listed"]:
        watch(Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
        return
    made = parser(__doc__, rounds=3)
    made.add_argument("--without-sweep", action="store_true")
    options = made.parse_args()
    figures = measure(options.rounds, not options.without_sweep)
    finish("startup (processor seconds)", figures, options.json)


if __name__ == "__main__":
    main()
