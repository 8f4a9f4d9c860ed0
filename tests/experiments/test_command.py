"""The command `attnlab`: the programs of experiments/, in a checkout and in a wheel."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from attnlab import __main__ as command
from tests.experiments.test_cli import PROBE, SLOW

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROGRAMS = ("align", "align-text", "data", "estimators", "evaluate", "export")
PROGRAMS += ("report", "settings", "shard", "sweep", "train")


def attnlab(*arguments: str, folder=ROOT, path=ROOT) -> subprocess.CompletedProcess:
    """`python -m attnlab` in a folder, with the package at `path`."""
    return subprocess.run(
        [sys.executable, "-m", "attnlab", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(path), "PATH": ""},
        capture_output=True,
        text=True,
    )


def test_help_lists_every_program_by_its_first_line(capsys):
    assert command.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in PROGRAMS:
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        path = command.programs()[name]
        file = path if path.is_file() else path / "__main__.py"
        first = ast.get_docstring(ast.parse(file.read_text())).splitlines()[0]
        assert line.split(maxsplit=1)[1] == first


def test_the_version_is_the_packages(capsys):
    from attnlab import __version__

    assert command.main(["--version"]) == 0
    assert capsys.readouterr().out == f"attnlab {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_is_quick(arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "attnlab", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    status, imported = ast.literal_eval(done.stdout.splitlines()[-1])
    assert (status, done.stderr) == (0, "")
    assert not set(SLOW) & set(imported)


@pytest.mark.parametrize("words", [["trian"], [], ["configs"], ["arguments"]])
def test_what_is_no_program_is_a_line_with_the_choices(capsys, words):
    assert command.main(words) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert said.out == "" and line.startswith("attnlab: ")
    assert line.endswith("; choose " + ", ".join(command.programs()))
    assert not words or repr(words[0]) in line


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (["settings", "ntm"], "experiments.settings"),
        (["settings", "nothing"], "experiments.settings"),
        (["align-text", "--help"], "experiments.align_text"),
        (["align_text", "--source="], "experiments.align_text"),
        (["train", "--config=configs/no.py"], "experiments.train"),
        (["data", "again"], "experiments.data"),
    ],
)
def test_a_program_is_the_module_of_its_name(program, words, module):
    by_name = attnlab(*words)
    by_module = program(module.partition(".")[2], *words[1:])
    assert by_name.returncode == by_module.returncode
    expected = by_module.stdout
    if "--help" in words:
        called = f"python -m attnlab {words[0]}"
        assert called in by_name.stdout
        expected = expected.replace(f"python -m {module}", called)
    # The lines of the usage may break elsewhere.
    assert by_name.stdout.split() == expected.split()
    assert by_name.stderr == by_module.stderr


def test_the_script_is_the_module():
    assert PROJECT["project"]["scripts"] == {"attnlab": "attnlab.__main__:main"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A folder with what the wheel holds, as pyproject.toml places it."""
    site = tmp_path_factory.mktemp("site")
    build = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    for name in build["only-include"]:
        place = build["sources"].get(name, name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, site / place, ignore=ignored, dirs_exist_ok=True)
    # The environment of the tests has a checkout on its path.
    (site / "sitecustomize.py").write_text(ALONE)
    return site


ALONE = """
import pathlib, sys
here = pathlib.Path(__file__).parent
others = [path for path in map(pathlib.Path, sys.path) if (path / "attnlab").is_dir()]
sys.path[:] = [path for path in sys.path if path not in map(str, others)]
sys.path.insert(0, str(here))
"""
CONFIG = """
from configs.translation import get_config  # of the wheel


def sweep(add):
    add("first", seed=0)
"""


def test_an_installed_attnlab_has_its_programs(wheel, tmp_path):
    """Also beside an `experiments` of the user's own, which is another thing."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text("raise RuntimeError\n")
    (tmp_path / "mine.py").write_text(CONFIG)
    listed = attnlab("--help", folder=tmp_path, path=wheel)
    assert listed.returncode == 0 and "  train " in listed.stdout
    dry = ("sweep", "--config=mine.py", "--dry_run")
    done = attnlab(*dry, folder=tmp_path, path=wheel)
    assert (done.returncode, done.stdout) == (0, "runs/mine/first/0  first\n")
    where = attnlab("train", "--help", folder=tmp_path, path=wheel).stdout
    assert str(wheel / "attnlab/_programs/experiments/train.py") in where
    said = attnlab("settings", "ntm", folder=tmp_path, path=wheel)
    assert "model.slots" in said.stdout and said.stderr == ""
    said = attnlab("settings", "--write", folder=tmp_path, path=wheel)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1)


def test_a_users_configs_come_before_ours(wheel, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "translation.py").write_text(
        "def get_config():\n    raise ValueError('of the user')\n"
    )
    (tmp_path / "mine.py").write_text(CONFIG)
    dry = ("sweep", "--config=mine.py", "--dry_run")
    done = attnlab(*dry, folder=tmp_path, path=wheel)
    assert done.returncode == 2 and "of the user" in done.stderr


def test_make_help_prints_the_targets():
    done = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for target in ("sweep", "test", "test-services", "lint", "bench", "setup", "help"):
        assert f"  make {target} " in done.stdout
    assert "#" not in done.stdout and "PYTHON ?=" not in done.stdout
