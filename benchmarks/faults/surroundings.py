"""What surrounds a program: its config file, its terminal and its shell's variables."""

import contextlib
import os
import pty
import subprocess
import sys
import threading

from benchmarks.faults import trials
from benchmarks.faults.sweeps import CONFIG, ROOT, FaultBench, Outcome
from benchmarks.faults.trials import Trial

SETTINGS = "from benchmarks.faults.config import get_config\n"
# By what is wrong: the file, and what the line has to name.
CONFIGS = {
    "a syntax error": ("def get_config(:\n", ":1: invalid syntax"),
    "an exception": ("def get_config():\n    return x\n", ":2: NameError"),
    "no get_config": ("x = 1\n", "get_config"),
    "a library's error": (
        "import json\n\n\ndef get_config():\n    return json.loads('{')\n",
        ":5: JSONDecodeError",
    ),
    "an import that fails": ("import nowhere\n", ":1: ModuleNotFoundError"),
}
SWEEPS = {  # of experiments.sweep alone
    "an exception in sweep": (
        f"{SETTINGS}\n\ndef sweep(add):\n    add(1 / 0)\n",
        ":5: ZeroDivisionError",
    ),
    "no sweep": (SETTINGS, "sweep(add)"),
}
ENCODINGS = ("latin-1", "ascii")


def surroundings(bench: FaultBench, quick: bool) -> list[Outcome]:
    """The outcomes of all of them."""
    files = [("sweep", CONFIGS | SWEEPS), ("train", CONFIGS)]
    configs = [
        _config(bench, program, name, content, expected)
        for program, configs in files
        for name, (content, expected) in [*configs.items()][: 1 if quick else None]
    ]
    terminals = [
        _terminal(bench, encoding, program)
        for encoding in ENCODINGS[: 1 if quick else None]
        for program in ("sweep", "report")
    ]
    return [
        trials.outcome("a config file that fails", configs),
        trials.outcome("a terminal that lacks letters", terminals),
        trials.outcome("JAX_ENABLE_X64=1", [_x64(bench)]),
    ]


def _config(
    bench: FaultBench, program: str, name: str, content: str, expected: str
) -> Trial:
    """A line with the file, and the line in it."""
    file = bench.folder / "mine.py"
    file.write_text(content)
    words = (f"--config={file}", f"--workdir={bench.folder / 'never'}")
    ended = trials.run_program(bench, f"experiments.{program}", *words)
    refused = ended.refused(str(file), expected)
    bench.say(f"{name}, {program}: {ended}")
    nothing = not (bench.folder / "never").exists()
    return Trial(f"{name}, {program}", refused and nothing, refused)


def _terminal(bench: FaultBench, encoding: str, program: str) -> Trial:
    """A terminal of another encoding gets other signs, the files are the same."""
    folder = bench.copy(bench.whole, bench.folder / "terminal")
    if program == "sweep":
        trials.unfinish(folder / "global" / "0")
        words = [f"--config={CONFIG}", f"--workdir={folder}"]
    else:
        words = [f"--runs={folder}"]
    code, text = on_terminal(bench, f"experiments.{program}", words, encoding)
    wrong = bench.differences(folder)
    name = f"{encoding}, {program}"
    bench.say(f"{name}: exit {code}, {len(text)} letters; {wrong[:2]}")
    survived = code == 0 and not wrong and "Traceback" not in text and "global" in text
    return Trial(name, survived, lost=len(wrong))


def on_terminal(
    bench: FaultBench, module: str, words: list[str], encoding: str
) -> tuple[int, str]:
    """A program's exit status, and what it has drawn on a terminal of an encoding."""
    ours, its = pty.openpty()
    variables = {"PYTHONIOENCODING": encoding, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        env=bench.environment() | variables,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    drawn = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # of a terminal that nobody writes to
            while content := os.read(ours, 65536):
                drawn.extend(content)

    reading = threading.Thread(target=read)
    reading.start()
    code = bench.finish(process)
    reading.join()
    os.close(ours)
    return code, drawn.decode(encoding, errors="replace")


def _x64(bench: FaultBench) -> Trial:
    """Another precision in the shell: the numbers are those of attnlab's."""
    folder = bench.begin(bench.folder / "x64")
    code = bench.finish(bench.start(folder, JAX_ENABLE_X64="1"))
    wrong = bench.differences(folder)
    bench.say(f"JAX_ENABLE_X64=1: exit {code}; {wrong[:2]}")
    return Trial("a sweep", code == 0 and not wrong, lost=len(wrong))
