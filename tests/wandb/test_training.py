"""A child run as wandb has it: a real offline run, read back from its file."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import wandb

from attnlab import runs, tasks
from attnlab.report import task_plots
from attnlab.tasks import parse_settings
from attnlab.training import run as run_module
from attnlab.training.wandb_session import artifact_name, find_id
from attnlab.training.wandb_writer import tags
from tests.tiny import tiny, tiny_folder
from tests.training.test_loop import Killed, toy
from tests.training.test_replicas import OwnBatches
from tests.wandb.conftest import BLEU, finish
from tests.wandb.offline import Offline, offline_runs

ROOT = Path(__file__).resolve().parents[2]  # from where `import attnlab` works


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run that has trained to its end, mirrored offline."""
    folder = tiny_folder(
        tmp_path_factory.mktemp("mirror") / "luong", **{"wandb.mode": "offline"}
    )
    with pytest.MonkeyPatch.context() as patch:
        task = toy()._replace(
            finish=finish, histograms=lambda params: {"states": [0.0, 1.0, 1.0, np.nan]}
        )
        patch.setattr(tasks, "make_task", lambda settings, folder: task)
        run_module.run(folder, console=False)
    return folder


@pytest.fixture(scope="module", name="run")
def read_back(trained) -> Offline:
    (run,) = offline_runs(trained)
    return run


def test_a_run_stands_in_its_sweep(run):
    record = run.run
    assert (record.project, record.run_group) == ("attnlab", "luong")
    assert (record.display_name, record.job_type) == ("general-s0", "train")
    assert list(record.tags) == ["translation", "general", "global", "softmax", "soft"]
    (end,) = run.of("exit")
    assert end.exit_code == 0


def test_its_config_is_nested_as_settings_are(run, trained):
    assert run.config["model"]["score"] == "general"
    settings = {key: value for key, value in run.config.items() if key != "_wandb"}
    assert settings == runs.read_json(trained / runs.CONFIG)


def test_curves_are_those_of_metrics_jsonl_over_steps(run, trained):
    lines = runs.read_jsonl(trained / runs.METRICS)
    for kind, name in (("train", "loss"), ("dev", "bleu"), ("dev", "perplexity")):
        expected = {line["step"]: line[name] for line in lines if line["kind"] == kind}
        assert len(expected) == {"train": 30, "dev": 3}[kind]
        assert run.curve(f"{kind}/{name}") == pytest.approx(expected)
    assert all(row["step"] == row["_step"] for row in run.history)
    assert run.axes.pop("step") == ""
    kinds = ("train", "dev", "test", "histogram")
    assert run.axes == {f"{kind}/*": "step" for kind in kinds}


def test_the_summary_has_the_result_under_plain_names(run, trained):
    result = runs.read_json(trained / runs.RESULT)
    for name in ("bleu", "aer", "parameters", "seconds", "steps", "best_step"):
        assert run.summary[name] == pytest.approx(result[name])
    assert run.summary["bleu"] == BLEU
    assert run.summary["aers"] == {"test": {"aer": 0.25}}
    best = run.curve("dev/bleu")[result["best_step"]]
    assert run.summary["best_dev_bleu"] == pytest.approx(best)
    assert not any(name.startswith("histogram") for name in run.summary)


def test_histograms_of_parameters_and_activations_at_each_evaluation(run):
    for name, size in {"parameters/w": 3, "parameters/scale": 1, "states": 3}.items():
        counts = run.curve(f"histogram/{name}/values")
        assert list(counts) == [10, 20, 30]
        assert all(sum(bins) == size for bins in counts.values())
    assert counts[30][0] == 1 and counts[30][-1] == 2


def test_a_histogram_of_the_attention_weights_of_the_test_set(run, trained):
    (pairs,) = runs.read_alignments(trained).values()
    (bins,) = run.curve("histogram/attention/test/values").values()
    assert sum(bins) == sum(pair.weights.size for pair in pairs)


def test_pictures_of_the_report_with_names_that_all_rows_share(run):
    figures = {
        name.split("/")[1]: row["step"]
        for row in run.history
        for name in row
        if name.startswith("figure/")
    }
    assert "alignment" in figures and "alignments-1" not in figures
    assert set(figures.values()) == {30}
    files = run.media("images")
    assert {path.name.split("_")[0] for path in files} == figures.keys()
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files)


def test_the_files_of_the_run_are_an_artifact(run, trained):
    artifact = run.artifacts["luong-general-s0"]
    contents = artifact.manifest.contents
    files = {entry.path: Path(entry.local_path) for entry in contents}
    assert files.keys() == {
        "config.json", "environment.json", "metrics.jsonl", "result.json",
        "hypotheses.txt", "alignments.npz",
    }  # fmt: skip
    assert all(path == trained / name for name, path in files.items())  # no copies
    assert json.loads(artifact.metadata)["bleu"] == BLEU


def test_histograms_can_be_turned_off_and_pages_are_shown(toy_folder, monkeypatch):
    page = ("<p>words in colors</p>", "passages", "words")
    monkeypatch.setattr(task_plots, "of_run", lambda run: [page])
    folder = toy_folder(**{"wandb.histograms": False})
    run_module.run(folder, console=False)
    (run,) = offline_runs(folder)
    assert run.summary["bleu"] == BLEU
    assert not any("histogram" in name for row in run.history for name in row)
    (file,) = run.media("html")
    assert file.read_text() == page[0]
    assert file.parent.name == "figure" and file.name.startswith("passages")


def test_a_resumed_run_goes_on_under_its_id_in_a_second_file(toy_folder):
    evaluations = []

    def validate(params):
        evaluations.append(params)
        if len(evaluations) == 2:
            raise Killed
        return {"bleu": 1.0, "perplexity": 1.0}

    folder = toy_folder(toy(validate))
    with pytest.raises(Killed):
        run_module.run(folder, console=False)
    (first,) = offline_runs(folder)
    # its folder's name has the second it began in, which may not be over
    old = f"offline-run-20200101_000000-{first.run.run_id}"
    first.file.parent.rename(first.file.parent.with_name(old))
    run_module.run(folder, console=False)
    first, second = offline_runs(folder)
    assert second.run.run_id == first.run.run_id
    assert second.run.resume
    assert list(first.curve("train/loss")) == list(range(1, 21))
    assert list(second.curve("train/loss")) == list(range(11, 31))
    assert first.of("exit")[0].exit_code == 1
    assert second.summary["bleu"] == BLEU


def test_an_id_is_the_newest_of_its_key_in_the_folder(tmp_path):
    new = find_id(tmp_path, "a" * 8)
    assert new.startswith("a" * 8) and len(new) == 16
    assert find_id(tmp_path, "a" * 8) != new  # nothing there: another run
    for name in (
        "offline-run-20260101_000000-aaaaaaaa00000001",
        "run-20260102_000000-aaaaaaaa00000002",
        "offline-run-20250102_000000-aaaaaaaa00000003",
        "run-20260103_000000-bbbbbbbb00000004",
    ):
        (tmp_path / "wandb" / name).mkdir(parents=True)
    assert find_id(tmp_path, "a" * 8) == "aaaaaaaa00000002"


def test_replicas_of_one_process_have_a_wandb_run_each(tmp_path, monkeypatch):
    def maker(settings, folder):
        return toy()._replace(finish=finish, batches=OwnBatches(settings.seed))

    monkeypatch.setattr(tasks, "make_task", maker)
    folders = [
        tiny_folder(tmp_path / "luong", seed=seed, **{"wandb.mode": "offline"})
        for seed in range(3)
    ]
    assert run_module.run_together(folders).keys() == set()
    mirrors = [offline_runs(folder) for folder in folders]
    assert [len(pieces) for pieces in mirrors] == [1, 1, 1]
    ids = {run.run.run_id for (run,) in mirrors}
    assert len(ids) == 3
    for folder, (run,) in zip(folders, mirrors, strict=True):
        lines = [
            line
            for line in runs.read_jsonl(folder / runs.METRICS)
            if line["kind"] == "train"
        ]
        expected = {line["step"]: line["loss"] for line in lines}
        assert run.curve("train/loss") == pytest.approx(expected)
        assert run.run.display_name == f"general-s{folder.name}"
        assert run.summary["bleu"] == BLEU


def test_tags_leave_out_what_a_task_has_not():
    ntm = pytest.importorskip("configs.ntm")  # a task can be removed
    settings = parse_settings(ntm.get_config())
    assert tags(settings, "copying") == ["ntm", "copying", "softmax"]
    hard = tiny(**{"model.read": "hard", "estimator.learning": "marginal"})
    assert tags(hard, "general")[-2:] == ["hard", "marginal"]


# A user's process: nothing of wandb in the environment, none of pytest's settings.
RUN = """
    import json, os, sys, threading
    from pathlib import Path
    from attnlab import runs
    from attnlab.tasks import parse_settings
    from attnlab.training.wandb_writer import wandb_writer

    def children():
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return file.read().split()

    def state():
        names = sorted(thread.name for thread in threading.enumerate())
        variables = sorted(name for name in os.environ if name.startswith("WANDB"))
        return [names, len(children()), variables]

    def lazy():
        return not {"wandb", "matplotlib"} & sys.modules.keys()

    folder = Path(sys.argv[1])
    config = runs.read_json(folder / "config.json")
    settings = parse_settings(config)
    before, unloaded = state(), lazy()
    wandb = settings.wandb.model_copy(update={"mode": "disabled"})
    off = settings.model_copy(update={"wandb": wandb})
    writer = wandb_writer(folder, off, config, fingerprint="0" * 16)
    writer.write(1, "train", {"loss": 1.0})
    writer.conclude()
    writer.close()
    unloaded = unloaded and lazy() and not (folder / "wandb").exists()
    for turn in range(2):
        writers = [
            wandb_writer(folder, settings, config, fingerprint=f"{turn}{seed}" * 8)
            for seed in range(2)
        ]
        for writer in writers:
            writer.write(1, "train", {"loss": 2.5})
        opened = state()[0]
        for writer in writers:
            writer.close()
    print(json.dumps([unloaded, before, opened, state()]))
"""


def test_wandb_leaves_no_thread_process_variable_or_file_elsewhere(tmp_path):
    folder = tiny_folder(tmp_path / "luong", **{"wandb.mode": "offline"})
    home = tmp_path / "home"
    home.mkdir()
    clean = {name: value for name, value in os.environ.items() if "WANDB" not in name}
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(RUN), folder],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=clean | {"HOME": str(home)},
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    (line,) = process.stdout.splitlines()
    unloaded, before, opened, after = json.loads(line)
    assert unloaded
    assert after == before
    others = [name for name in opened if name != "MainThread"]
    assert others and all(name.startswith("wandb-") for name in others), others
    assert not list(home.iterdir())
    assert len(offline_runs(folder)) == 4


def test_a_name_that_wandb_does_not_take_becomes_one_of_its_own():
    assert artifact_name("luong local-m (general)") == "luong-local-m-general"
    names = [artifact_name(name) for name in ("größe s0", "grässe s0", "große s0")]
    assert len(set(names)) == 3
    for name in names:
        wandb.Artifact(name, type="run")  # raises for one that it does not take
