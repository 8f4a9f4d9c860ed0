"""Every command of the README and the docs, run: training is cut to two updates, sweeps
to the list of their runs, benchmarks to small problems."""

import gzip
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.programs import run_program

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAM = re.compile(r"(?:\S*/)?python -m (experiments|attnlab|benchmarks|pytest)\b")
COMMAND = re.compile(r"(?:\S*/)?attnlab [a-z-]+ --|make [a-z]")
# Commands whose data are not embedded.
REAL = re.compile(
    r"hansards|multi30k\.py|photographs|polarity|:sst|describe|verify|fetch"
    r"|config=configs/transduction"
)
# What makes programs quick that take minutes by themselves.
SMALL = {
    "benchmarks.aligners": "--out=figure.png",
    "benchmarks.communication": "--width=8 --batch=8",
    "benchmarks.faults": "--quick --one-run --keep --workdir=$SHARED/faults --kills=1"
    " --only kills",
    "benchmarks.kernels": "--only memn2n --target h200",
    "benchmarks.learning": "--only gumbel --rounds=1",
    "benchmarks.marginal": "--sizes 8 --chunks 8 --vocabulary 50 --width 8",
    "benchmarks.ntm": "--rounds=1 --updates=1 --copy 2 --repeat 2 2 --batch 1",
    "benchmarks.reads": "--rounds=1 --vocabulary=50 --pairs=4 --words=4",
    "benchmarks.reports": "--rows=2 --seeds=1 --sentences=20 --dummies=0",
    "benchmarks.scaling": "--double V --base B=2 S=2 T=2 V=10 H=4 --rounds=1 --runs 2",
    "benchmarks.streaming": "--pairs=100 --small=100 --rounds=1",
    "experiments.estimators": "--samples=80 --steps=2 '--only=expected gumbel 0.5'",
    "pytest": "-k top-k -p no:cacheprovider",
}
SHORT = ("--config.train.steps=2", "--config.train.evaluate_every=2")
# What the commands take from elsewhere, as a user would have it.
FILES = {
    "in.txt": "n0 v1 ;\n",
    "a.fr": "le chat dort\nun chien\nle chien dort\n",
    "a.de": "n0 v1 ;\nv1 n0\nn1\n",
    "a.en": "n0 v1 ;\nn0 v1\nn1\n",
    "gold.links": "0-0 1-1 2-2\n0-0 1-1\n0-0\n",
    "mine.tsv": "".join(f"{'good' if n % 2 else 'bad'}\ttext {n}\n" for n in range(20)),
    "hansards.links": "\n" * 2_000,
    "evaluation.tsv": "gold\tlinks\taer\tseconds\n"
    + "".join(
        f"odd224\t{way}{whose}\n"
        for way in ("forward", "backward", "grow-diag")
        for whose in ("\t0.04\t", ", hmm\t0.18\t355.0")
    ),
} | {
    # The odd ones are of the 16 gold pairs below.
    f"giza.test.enfr.{way}talp.gz": "0-0\n" * 31
    for way in ("", "reverse.", "grow-diagonal.")
}
COPIES = {
    "train.fr": "a.fr",
    "dev.fr": "a.fr",
    "test.fr": "a.fr",
    "gold.fr": "a.fr",
    "train.en": "a.en",
    "dev.en": "a.en",
    "test.en": "a.en",
    "gold.en": "a.en",
    "second.en": "a.en",
    "hansards.fr": "a.fr",
    "hansards.en": "a.en",
    "third.en": "a.en",
    "moses.en": "a.en",
    "ours.en": "a.en",
    "fa.links": "gold.links",
}


class Command(NamedTuple):
    """A command of a page: where it stands, its module and its arguments."""

    place: str
    module: str
    arguments: list[str]


def commands() -> dict[str, Command]:
    """Every command of the pages, by its text; one that stands twice counts once."""
    found: dict[str, Command] = {}
    for page in PAGES:
        for number, line in _lines(page.read_text(encoding="utf-8")):
            command = _parse(line, f"{page.relative_to(ROOT)}:{number}")
            if command:
                found.setdefault(
                    shlex.join([command.module, *command.arguments]), command
                )
    return found


def _lines(text: str) -> list[tuple[int, str]]:
    """Indented lines, with their continuations, and code within a line."""
    lines, command, last = [], "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if not (command or line.startswith("    ")):
            inside = re.findall(r"`([^`]+)`", line)
            # Within a sentence a program is named, or its options are in its place.
            lines += [(number, code) for code in inside if "..." not in code]
            continue
        command += " " + line.strip().removesuffix("\\")
        if line.endswith("\\"):
            continue
        command = re.sub(
            r"^ \.\.\.", last, command
        )  # the one above, with other options
        lines.append((number, command.strip()))
        last = last if "..." in line else command.strip()
        command = ""
    return lines


def _parse(line: str, place: str) -> Command | None:
    if not (PROGRAM.search(line) or COMMAND.match(line)):
        return None
    words = shlex.split(re.sub(r"\[[^]]*\]", "", line), comments=True)
    for sign in ("|", ">"):  # what is piped in is a file here
        if sign in words[:3]:
            words = words[words.index(sign) + 1 :]
        words = words[: words.index(sign)] if sign in words else words
    words = [word for word in words if not word.endswith("=...")]
    if words[0] == "make":
        return Command(place, "make", words[1:])
    if Path(words[0]).name == "attnlab":
        return Command(place, f"experiments.{words[1].replace('-', '_')}", words[2:])
    return Command(place, words[2], words[3:])


COMMANDS = commands()
# Sweeps of the rows that commands name, a file each.
NEEDED = {
    "synthetic": """
from configs.ablations.synthetic import get_config as translation

ROWS = ("soft, global", "exact marginal", "soft", "hard, enumerated", "global (dot)")


def get_config():
    config = translation()
    config.data.synthetic.update({"train": 64, "dev": 8, "test": 16})
    config.evaluate.sentences = config.evaluate.dev_sentences = 16
    return config


def sweep(add):
    for row in (*ROWS, "global (general)", "local-p (general)"):
        add(row, score="dot" if "dot" in row else "general", seed=0)
""",
    "widths": """
from synthetic import get_config


def sweep(add):
    for half_width in (1, 2):
        add(f"D = {half_width}", window="local-p", half_width=half_width)
""",
    "babi": """
from configs.memn2n import get_config as memn2n


def get_config():
    config = memn2n()
    config.data.stories.update({"train": 64, "dev": 8, "test": 8})
    return config


def sweep(add):
    add("task 1", seed=0)
""",
    "alignment": """
from configs.alignment import get_config as alignment


def get_config():
    config = alignment()
    config.data.synthetic.update({"train": 64, "dev": 8, "test": 16})
    return config


def sweep(add):
    for seed in range(3):
        add("full", seed=seed)
""",
}


def run(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess:
    """A program in a folder of files and runs; fails with what it printed."""
    out = folder / "printed"
    out.mkdir(exist_ok=True)
    at = ROOT if module == "pytest" else folder  # where its files are
    done = run_program(out, module, *arguments, at=at)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, f"{shlex.join([module, *arguments])}\n{printed}"
    return done


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A folder with the files and the run folders that commands begin with."""
    folder = tmp_path_factory.mktemp("commands")
    shutil.copytree(ROOT / "configs", folder / "configs")
    for page, name in (
        ("README.md", "configs/ablations/my.py"),
        ("docs/extending.md", "my_scores.py"),
        ("docs/extending.md", "my_sweep.py"),
    ):
        text = (ROOT / page).read_text(encoding="utf-8")
        (example,) = re.findall(rf"```python\n(# {name}.*?)```", text, re.S)
        (folder / name).write_text(example)
    for name, content in FILES.items():
        data = content.encode()
        zipped = name.endswith(".gz")
        (folder / name).write_bytes(gzip.compress(data) if zipped else data)
    for name, source in COPIES.items():
        shutil.copy(folder / source, folder / name)
    for name, content in NEEDED.items():
        (folder / f"{name}.py").write_text(content)
        words = [f"--config={name}.py", f"--workdir=runs/{name}", *SHORT]
        run(folder, "experiments.sweep", *words, "--replicas=never")
    runs = folder / "runs"
    for name in ("transduction", "deng2018", "deng2018-hansards"):
        shutil.copytree(runs / "synthetic", runs / name)
    for name in ("multi30k/general", "my/local-p", "fr-en"):
        shutil.copytree(runs / "synthetic" / "global-general", runs / name)
    for workdir, languages in (("hansards", "fr,en"), ("hansards-en-fr", "en,fr")):
        source, target = languages.split(",")
        run(
            folder,
            "experiments.train",
            "--config=configs/ablations/synthetic.py",
            f"--workdir=runs/{workdir}/global-general/0",
            "--config.data.name=files",
            *(
                f"--config.data.files.{part}={part}.{source},{part}.{target}"
                for part in ("train", "dev", "test")
            ),
            f"--config.data.files.gold=gold.{source},gold.{target},gold.links",
            f"--config.data.files.source_language={source}",
            f"--config.data.files.target_language={target}",
            *SHORT,
        )
    files = ["data.name=files", "data.files.test=test.fr,test.en"]
    files += ["data.files.train=train.fr,train.en", "data.files.dev=dev.fr,dev.en"]
    run(
        folder,
        "experiments.shard",
        "--config=configs/translation.py",
        "--out=shards/news",
        *(f"--config.{setting}" for setting in files),
    )
    return folder


def shortened(command: Command) -> list[str]:
    """The arguments of a command, with what makes it short."""
    module, words = command.module, command.arguments
    text = shlex.join(words)
    if "--extend=" in text:
        return [*words, "--steps=2"]
    more = shlex.split(SMALL.get(module, ""))
    if module == "experiments.train":
        more += SHORT
        if re.search("translation.py|multi30k.py|/hansards.py", text):
            more.append("--config.evaluate.ratio=0.1")  # it does not learn to end
    if module == "experiments.sweep" and "--dry_run" not in words:
        more.append("--dry_run")
    elif "/hansards.py" in text:
        more.append("--config.data.hansards.limit=2000")
    if words[:1] == ["fetch"]:
        more.append("--mirror=$MIRROR")
    if words[-1:] == ["--write"]:
        more.append("settings.md")
    return [*words, *more]


def kind(command: Command) -> str:
    """How a command is tried: "run", "run on real data", "run with the compilers of
    accelerators" or "make"."""
    if command.module == "make":
        return "make"
    if command.module == "benchmarks.kernels":
        return "run with the compilers of accelerators"
    text = shlex.join(command.arguments)
    real = command.module != "experiments.evaluate" and REAL.search(text)
    return "run on real data" if real else "run"


def of(*kinds: str) -> list:
    return [
        pytest.param(command, id=text)
        for text, command in COMMANDS.items()
        if kind(command) in kinds
    ]


def test_commands_are_found():
    """In all forms that pages write them in."""
    assert "experiments.report --runs=runs/synthetic" in COMMANDS
    assert "make sweep" in COMMANDS and "benchmarks.learning" in COMMANDS
    assert len(of("run")) > 30 and len(of("run on real data")) > 10


def here(prepared: Path, tmp_path: Path, command: Command) -> Path:
    """A copy of the prepared folder without what the command is to write."""
    folder = tmp_path / "here"
    shutil.copytree(prepared, folder)
    makes = ["--out="]
    if command.module == "experiments.train":
        makes.append("--workdir=")
    for word in command.arguments:
        option, _, paths = word.partition("=")
        for out in map(folder.joinpath, paths.split(",")):
            if f"{option}=" in makes and out.exists():
                shutil.rmtree(out) if out.is_dir() else out.unlink()
    return folder


def run_short(command: Command, prepared: Path, tmp_path: Path) -> None:
    """The short command, in a copy of the prepared folder."""
    words = map(os.path.expandvars, shortened(command))
    run(here(prepared, tmp_path, command), command.module, *words)


@pytest.mark.processes
@pytest.mark.parametrize("command", of("run"))
def test_a_command_runs(command, prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("H", ".")
    monkeypatch.setenv("SHARED", str(prepared.parent))
    monkeypatch.setenv("ATTNLAB_UPDATES", "32")
    run_short(command, prepared, tmp_path)


@pytest.mark.data
@pytest.mark.processes
@pytest.mark.parametrize("command", of("run on real data"))
def test_a_command_runs_on_real_data(
    command, prepared, tmp_path, data_folder, monkeypatch
):
    fetches = command.arguments[:1] == ["fetch"]
    place = tmp_path / "fetched" if fetches else data_folder
    monkeypatch.setenv("ATTNLAB_DATA", str(place))
    monkeypatch.setenv("MIRROR", data_folder.as_uri())
    run_short(command, prepared, tmp_path)


@pytest.mark.accelerators
@pytest.mark.parametrize("command", of("run with the compilers of accelerators"))
def test_a_command_runs_with_the_compilers_of_accelerators(command, tmp_path):
    run(tmp_path, command.module, *shortened(command))


@pytest.mark.parametrize("command", of("make"))
def test_a_target_of_make_exists(command):
    done = subprocess.run(
        ["make", "-n", *command.arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
