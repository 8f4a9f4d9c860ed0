"""Nothing that happens to wandb stops a run or changes a number of it."""

import gc
import io
import os
import resource
import signal
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from attnlab import runs, tasks
from attnlab.report import task_plots
from attnlab.training import run as run_module
from tests.tiny import tiny, tiny_folder
from tests.training.test_loop import TIMES, metrics, toy
from tests.wandb.conftest import BLEU, finish
from tests.wandb.offline import offline_runs

PARTS = ("init", "define_metric", "log", "summary", "log_artifact", "finish")


class Broken(RuntimeError):
    pass


def fake_wandb(breaks: str, after: int = 0) -> ModuleType:
    """A module that stands for wandb, of which one function fails after some calls."""
    fake, calls = ModuleType("wandb"), dict.fromkeys(PARTS, 0)

    def function(name: str, result=None):
        def call(*_, **__):
            calls[name] += 1
            if name == breaks and calls[name] > after:
                raise Broken(f"{name} is broken")
            return result

        return call

    settings = SimpleNamespace(mode="online")
    run = SimpleNamespace(
        settings=settings,
        summary=SimpleNamespace(update=function("summary")),
        **{name: function(name) for name in PARTS if name not in ("init", "summary")},
    )
    artifact = SimpleNamespace(add_file=lambda *_, **__: None)
    init = function("init", run)

    def start(**settings):
        (settings["dir"] / "wandb").mkdir(exist_ok=True)
        return init()

    for name in ("Settings", "Artifact", "Histogram", "Image"):
        setattr(fake, name, lambda *_, **__: artifact)
    fake.__dict__.update(init=start, teardown=lambda: None, calls=calls)
    return fake


# Of a wandb-core that has died or cannot write, wandb leaves a Popen without waiting.
POPEN = "ignore:Exception ignored in.*Popen:pytest.PytestUnraisableExceptionWarning"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The numbers of a run without wandb."""
    off = {"wandb.mode": "disabled"}
    folder = tiny_folder(tmp_path_factory.mktemp("plain"), **off)
    with pytest.MonkeyPatch.context() as patch:
        task = toy()._replace(finish=finish)
        patch.setattr(tasks, "make_task", lambda settings, folder: task)
        run_module.run(folder, console=False)
    return numbers(folder)


def numbers(folder: Path):
    result = runs.read_json(folder / runs.RESULT)
    return {k: v for k, v in result.items() if k not in TIMES}, metrics(folder)


@pytest.fixture
def train(toy_folder, undisturbed, capsys, monkeypatch):
    """train(task, **settings): the folder and the stderr of a run.

    Its numbers are checked: they have to be those of a run without wandb.
    """
    monkeypatch.setattr(task_plots, "of_run", lambda run: [])  # to save time

    def act(task=None, **settings):
        folder = toy_folder(task, **settings)
        run_module.run(folder, console=False)
        assert numbers(folder) == undisturbed
        assert not (folder / runs.ERROR).exists()
        assert runs.damaged_files(folder) == []
        return folder, capsys.readouterr().err

    yield act
    gc.collect()


def only_note(folder: Path, stderr: str) -> str:
    """The only line of stderr, which environment.json has too."""
    (line,) = stderr.splitlines()
    assert runs.read_json(folder / runs.ENVIRONMENT)["wandb"] == line
    return line


def test_an_absent_wandb_is_reported_once(train, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    line = only_note(*train())
    assert line.startswith("wandb failed (ModuleNotFoundError: ")


@pytest.mark.parametrize(("part", "after"), [*((p, 0) for p in PARTS), ("log", 12)])
def test_a_broken_wandb_is_reported_once(train, monkeypatch, part, after):
    fake = fake_wandb(part, after)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    line = only_note(*train())
    assert line.startswith(f"wandb failed (Broken: {part} is broken)")
    assert fake.calls[part] == after + 1  # not tried again
    assert fake.calls["finish"] == (part != "init")  # it is closed all the same


@pytest.mark.processes
@pytest.mark.filterwarnings(POPEN)
def test_a_wandb_core_that_is_killed_is_reported_once(train):
    killed = []

    def validate(params):
        if not killed:
            killed.append(core())
            os.kill(killed[0], signal.SIGKILL)
            os.waitid(os.P_PID, killed[0], os.WEXITED | os.WNOWAIT)
        far = float(abs(params["w"]).sum())
        return {"bleu": -far, "perplexity": far}

    folder, stderr = train(toy(validate))
    line = only_note(folder, stderr)
    assert "ConnectionResetError" in line or "BrokenPipeError" in line
    assert "WANDB_SERVICE" not in os.environ
    assert killed


@pytest.mark.processes
@pytest.mark.filterwarnings(POPEN)
def test_after_a_killed_wandb_core_the_next_run_has_one_again(train, toy_folder):
    test_a_wandb_core_that_is_killed_is_reported_once(train)
    folder = toy_folder(**{"seed": 7})
    run_module.run(folder, console=False)
    (run,) = offline_runs(folder)
    assert run.summary["steps"] == 30


@pytest.mark.processes
@pytest.mark.filterwarnings(POPEN)
def test_a_full_disk_under_wandb_costs_the_mirror_alone(train):
    limited = []

    def validate(params):
        if not limited:
            limited.append(core())  # from here on no file of its can grow
            resource.prlimit(limited[0], resource.RLIMIT_FSIZE, (0, 0))
        far = float(abs(params["w"]).sum())
        return {"bleu": -far, "perplexity": far}

    line = only_note(*train(toy(validate)))
    assert "lacks its end; is the disk full?" in line
    assert limited


def test_pictures_that_cannot_be_drawn_cost_nothing_else(train, monkeypatch):
    def of_run(run):
        raise Broken(f"no pictures of {run.row}")

    monkeypatch.setattr(task_plots, "of_run", of_run)
    folder, stderr = train()
    assert "(Broken: no pictures of general)" in only_note(folder, stderr)
    (run,) = offline_runs(folder)
    assert run.summary["bleu"] == BLEU
    assert "luong-general-s0" in run.artifacts


def core() -> int:
    """The process of wandb-core that this one has started."""
    for task in os.listdir("/proc/self/task"):
        children = Path(f"/proc/self/task/{task}/children").read_text().split()
        for child in map(int, children):
            if "wandb" in Path(f"/proc/{child}/cmdline").read_text():
                return child
    raise AssertionError("no wandb-core is running")


def test_online_without_a_login_is_kept_offline(train, tmp_path, monkeypatch):
    # Nobody listens on port 9 of this machine.
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    folder, stderr = train(**{"wandb.mode": "online"})
    note = runs.read_json(folder / runs.ENVIRONMENT)["wandb"]
    assert note in stderr.splitlines()
    assert f"wandb sync {folder}/wandb/offline-run-*" in note
    (run,) = offline_runs(folder)
    assert run.summary["steps"] == 30
    assert os.environ["WANDB_MODE"] == "disabled"


def test_online_without_an_answer_is_kept_offline(train, monkeypatch):
    fake, tried = fake_wandb("nothing"), []
    start = fake.init

    def init(**settings):
        tried.append(settings["mode"])
        if settings["mode"] == "online":
            raise Broken("timed out\nand much more")
        return start(**settings)

    fake.init = init
    monkeypatch.setitem(sys.modules, "wandb", fake)
    line = only_note(*train(**{"wandb.mode": "online"}))
    assert "(timed out)" in line and "much more" not in line
    assert "wandb sync" in line
    assert tried == ["online", "offline"]


def test_an_unknown_mode_names_the_choices():
    with pytest.raises(ValueError, match="wandb.mode.*offline") as error:
        tiny(**{"wandb.mode": "on"})
    assert all(word in str(error.value) for word in ("'on'", "online", "disabled"))
