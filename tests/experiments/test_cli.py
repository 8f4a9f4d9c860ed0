"""The command-line programs: quick help, and one clear line for a mistake."""

import ast
import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from absl import app

from attnlab import runs
from attnlab.report import marks
from attnlab.sweep import rows
from attnlab.tasks import parse_settings
from attnlab.training.start import THRESHOLDS
from experiments import align, align_text, configs, evaluate, report, train

ROOT = Path(__file__).resolve().parents[2]
SWEEP = "--config=configs/ablations/synthetic.py"
TRAIN = "--config=configs/translation.py"
SLOW = ("jax", "orbax", "wandb", "matplotlib", "sacrebleu")

# Runs a program as `python -m` does, then lists what it has imported.
PROBE = """
import json, runpy, sys
module, sys.argv[1:] = sys.argv[1], sys.argv[2:]
status = 0
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as stop:
    status = stop.code or 0
top = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([status, top]))
"""


@pytest.mark.parametrize(
    "module",
    ["experiments.train", "experiments.sweep", "experiments.report"]
    + ["experiments.align", "experiments.evaluate", "experiments.data"]
    + ["experiments.shard", "experiments.translate", "experiments.export"]
    + ["attnlab.training.run"],
)
def test_help_is_quick_and_no_error(module):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, module, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *text, last = done.stdout.splitlines()
    status, imported = json.loads(last)
    assert status == 0
    assert not set(SLOW) & set(imported)
    assert done.stderr == ""
    if module.startswith("experiments"):
        source = (ROOT / (module.replace(".", "/") + ".py")).read_text()
        first = ast.get_docstring(ast.parse(source)).splitlines()[0]
        assert first in text
    flag = {"attnlab.training.run": "--quiet", "experiments.report": "--runs"}
    flag |= {"experiments.align": "--run", "experiments.sweep": "--only"}
    flag |= {"experiments.evaluate": "--reverse", "experiments.data": "--plot"}
    flag |= {"experiments.shard": "--verify", "experiments.translate": "--n-best"}
    flag |= {"experiments.export": "--weights"}
    assert flag.get(module, "--config") in done.stdout


# What JAX believes in after a program has imported it.
CACHE = (
    PROBE
    + """
import jax
print(jax.config.jax_compilation_cache_dir)
print(jax.config.jax_persistent_cache_min_compile_time_secs)
import gc
print(gc.get_threshold()[0])
"""
)


def test_train_prepares_its_process_before_its_config_file_imports_jax(tmp_path):
    unset = ("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")
    shell = {k: v for k, v in os.environ.items() if not k.startswith(unset)}
    done = subprocess.run(
        [sys.executable, "-c", CACHE, "experiments.train", TRAIN, "--nonsense"],
        cwd=ROOT,
        env=shell | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    last, folder, seconds, objects = done.stdout.splitlines()
    status, imported = json.loads(last)
    assert status == 2 and "jax" in imported  # by the file: main was not reached
    assert Path(folder).is_relative_to(tmp_path / "attnlab")
    assert float(seconds) == 0
    assert int(objects) == THRESHOLDS[0]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        (
            "sweep",
            [SWEEP, "--config.train.stepz=3"],
            "unknown setting 'train.stepz'; did you mean train.steps?",
        ),
        (
            "sweep",
            ["--config=configs/ablations/deng2018.py:hansard"],
            "unknown corpus 'hansard'; choose synthetic, hansards",
        ),
        (
            "train",
            [TRAIN, "--config.train.stepz=3"],
            "unknown setting 'train.stepz'; did you mean train.steps?",
        ),
        (
            "train",
            [TRAIN, "--config.trian.steps=3"],
            "unknown setting 'trian.steps'; did you mean train.steps?",
        ),
        ("train", [TRAIN + ":bahdanau"], "unknown preset 'bahdanau'; choose bahdanau2"),
        (
            "sweep",
            [SWEEP, "--config.train.steps=many"],
            "flag --config.train.steps=many: invalid literal for int()",
        ),
        ("sweep", ["--config=configs/no.py"], "no config file 'configs/no.py'"),
        (
            "train",
            ["--config=configs/no.py", "--config.train.steps=3"],
            "no config file 'configs/no.py'",
        ),
        ("sweep", [], "give --config="),
        ("train", [], "give --config="),
        ("sweep", [TRAIN], "translation.py has no sweep(add)"),
        (
            "train",
            [TRAIN, "--config.model.half_width=5"],
            "model.half_width is given, and nothing takes it; these do: window local-m",
        ),
        (
            "sweep",
            ["--config=configs/ablations/deng2018.py", "--config.model.half_width=5"],
            "model.half_width is given, and nothing takes it; these do: window local-m",
        ),
        ("sweep", [SWEEP, "--only=zz"], "no row contains 'zz'"),
        ("sweep", [SWEEP, "--only=dot", "--only=zz"], "no row contains 'zz'"),
        ("sweep", [SWEEP, "--baseline=zz"], "no row 'zz' to compare with; choose none"),
        ("sweep", [SWEEP, "--x=scor"], "unknown setting 'scor'"),
        (
            "sweep",
            [SWEEP, "--config.data.name=files", "--config.data.files.train=no/such"],
            "all 8 rows: ",
        ),
        (
            "sweep",
            [SWEEP, "--config.data.name=multi31k"],
            "data.name is 'multi31k'",
        ),
        ("sweep", [SWEEP, "--confg=3"], "Unknown command line flag 'confg'"),
        ("train", [TRAIN, "again"], "unexpected argument 'again'"),
        (
            "data",
            [TRAIN],
            "say one of list, fetch, verify, describe, text, not nothing",
        ),
        ("data", ["describe"], "give --config="),
        ("data", ["describe", "babbi"], "unknown corpus 'babbi'; did you mean babi?"),
        ("data", ["fetch", "sst", "--mirror=/a"], "mirror '/a' is no address; give"),
        ("data", ["describe", TRAIN, "--plot=a.gif"], "choose a .png or a .pdf file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_on_stderr(program, name, arguments, expected):
    done = program(name, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{name}: ")
    assert expected in line


def test_a_config_file_that_is_missing_is_looked_for_in(program, tmp_path):
    own = f"; attnlab's own are in {ROOT / 'configs'}\n"
    done = program("sweep", "--config=no.py:a")
    assert done.stderr == f"sweep: no config file 'no.py:a' in {ROOT}{own}"
    done = program("sweep", f"--config={tmp_path}/no.py")
    assert done.stderr == f"sweep: no config file '{tmp_path}/no.py'{own}"


def test_a_wrong_choice_is_one_line_and_makes_no_folder(program, tmp_path):
    where = f"--workdir={tmp_path / 'run'}"
    done = program("train", TRAIN, where, "--config.model.score=dott")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert all(part in line for part in ("train: ", "model.score", "'dott'", "'dot'"))
    assert not (tmp_path / "run").exists()


def test_what_the_corpus_does_not_fit_is_one_line_and_its_traceback_in_the_folder(
    program,
    tmp_path,
):
    where = f"--workdir={tmp_path / 'run'}"
    tiny = ["--config.data.synthetic.train=8", "--config.wandb.mode=disabled"]
    done = program("train", TRAIN, where, "--config.evaluate.gold=tesst", *tiny)
    assert done.returncode == 2
    stage, line = done.stderr.splitlines()
    assert stage == "reading data"
    assert line.startswith("train: ") and "evaluate.gold" in line and "'tesst'" in line
    error = tmp_path / "run" / "error.json"
    assert str(error) in line and "Traceback" in error.read_text()
    assert not (tmp_path / "run" / runs.PROGRESS).exists()


SWEEP_OF_TWO = """
from configs.translation import get_config

def sweep(add):
    add("first", score="generall")
    add("fine")
    add("second", window="global", half_width=5)
    add("third", steps=0)
"""


@pytest.mark.parametrize("flags", [[], ["--dry_run"]], ids=["run", "dry"])
def test_a_sweep_names_the_mistakes_of_all_rows_before_it_starts(
    program, tmp_path, flags
):
    config = tmp_path / "rows.py"
    config.write_text(SWEEP_OF_TWO)
    where = f"--workdir={tmp_path / 's'}"
    done = program("sweep", f"--config={config}", where, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    for line, parts in zip(
        lines,
        [("first", "generall"), ("second", "half_width"), ("third", "train.steps")],
        strict=True,
    ):
        assert all(part in line for part in parts), line
    assert not (tmp_path / "s").exists()


def test_a_config_file_with_a_bug_shows_where_it_is(program, tmp_path):
    config = tmp_path / "mine.py"
    config.write_text("def get_config():\n    return None.steps\n")
    done = program("train", f"--config={config}")
    assert done.returncode == 2
    assert f"{config}:2: AttributeError: 'NoneType'" in done.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("def get_config():\n    return 1\0\n", "{config} holds a NUL byte"),
        ("def get_config():\n    pass\n", "{config}: get_config() returned None; it "),
        ("def get_config():\n    return {'a': 1}\n", "returned {{'a': 1}}; it must"),
        ("get_config = 5", "{config}: TypeError: 'int' object is not callable"),
        ("def get_config(a):\n    pass\n", "{config}: TypeError: get_config() missing"),
        ("import sys\nsys.exit()\n", "{config}:2: SystemExit"),
        (
            "from configs.ntm import get_config as first\ndef get_config():\n"
            "    config = first()\n    config.train.steps = 'many'\n",
            "{config}:4: TypeError: Could not override field 'steps'",
        ),
        (
            "from ml_collections import ConfigDict\ndef get_config():\n"
            "    return ConfigDict({'train': {'steps': 5}})\n",
            "unknown task None; choose translation",
        ),
    ],
    ids=["NUL", "None", "dict", "5", "argument", "exit", "type", "no task"],
)
def test_what_is_no_config_file_is_one_line(program, tmp_path, content, expected):
    config = tmp_path / "mine.py"
    config.write_text(content)
    flags = [f"--config={config}", f"--workdir={tmp_path / 'w'}"]
    done = program("train", *flags, "--config.train.steps=2")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert expected.format(config=config) in line
    assert not (tmp_path / "w").exists()


def test_a_variable_of_jax_is_named_with_its_choices(capsys):
    def refuse():
        enum_values = ["default", "highest"]
        assert enum_values
        raise ValueError('Invalid value "no" for JAX flag jax_default_matmul_precision')

    assert configs.answer(refuse, "train") == 2
    expected = (
        "train: JAX_DEFAULT_MATMUL_PRECISION is 'no'; choose 'default', 'highest'"
    )
    assert capsys.readouterr().err == f"{expected}\n"


@pytest.mark.parametrize("sweep", [lambda: None, lambda add, more: None, 5])
def test_a_sweep_that_does_not_take_rows_names_its_file(sweep):
    module = ModuleType("mine")
    module.__dict__.update(sweep=sweep, __file__="mine.py")
    with pytest.raises(app.UsageError, match="^mine.py.*add"):
        configs.sweep_of(module)


@pytest.mark.parametrize(
    ("main", "flags"),
    [
        (report.main, ["--runs="]),
        (report.main, ["--runs", ""]),
        (report.main, ["--runs=a", "--out="]),
        (align.main, ["--run=", "--source=a"]),
        (evaluate.main, ["--run=a", "--reverse="]),
        (align_text.main, ["--source=", "--target=a", "--out=b"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value.__module__,
)
def test_an_empty_path_is_one_line(capsys, main, flags):
    with pytest.raises(SystemExit) as stop:
        main(flags)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "it is empty" in line


@pytest.mark.parametrize(
    ("name", "flags"),
    [("train", ["--workdir="]), ("sweep", ["--sbatch="]), ("shard", ["--out="])],
)
def test_an_empty_flag_is_one_line(program, name, flags):
    config = SWEEP if name == "sweep" else TRAIN
    done = program(name, config, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{name}: {flags[0].removesuffix('=')} is empty\n"


def test_a_dry_run_lists_rows_and_writes_nothing(program, tmp_path):
    done = program(
        "sweep", SWEEP, f"--workdir={tmp_path / 's'}", "--dry_run", "--only=local"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"4 runs in {tmp_path / 's'}, none of them started\n"
    names = [line.split("  ")[-1] for line in done.stdout.splitlines()]
    assert names == ["local-m (general)", "local-p (general)"] * 2
    assert not (tmp_path / "s").exists()


def test_only_is_repeatable(program, tmp_path):
    words = (f"--workdir={tmp_path / 's'}", "--only=local-p", "--only=none")
    done = program("sweep", SWEEP, "--dry_run", *words)
    assert done.returncode == 0, done.stderr
    names = [line.split("  ")[-1] for line in done.stdout.splitlines()]
    assert names == ["none", "local-p (general)"] * 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--source=a"], "no config.json in {folder}"),
        (["--source=a", "--target=b"], "no config.json in {folder}"),
    ],
)
def test_align_names_a_folder_that_is_no_run(tmp_path, capsys, arguments, expected):
    assert align.main([f"--run={tmp_path}", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"align: {expected.format(folder=tmp_path)}\n"


def test_an_interruption_is_one_line(monkeypatch, capsys):
    def main(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["sweep"])
    assert configs.launch(main, "sweep") == 130
    assert capsys.readouterr().err == ("sweep: interrupted; the same command goes on\n")


def test_report_names_a_folder_that_is_not_there(tmp_path, capsys):
    assert report.main([f"--runs={tmp_path / 'none'}"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("report: ") and str(tmp_path / "none") in said.err


@pytest.fixture
def three_rows(tmp_path):
    """Finished runs of three rows, one with a comma in its name, by perplexity."""
    for order, (name, nats) in enumerate(
        {"soft": 2.0, "hard, enumerated": 2.5, "marginal": 1.5}.items()
    ):
        folder = tmp_path / "sweep" / runs.slug(name) / "0"
        config = {"row": name, "slug": runs.slug(name), "seed": 0, "order": order}
        runs.write_json(folder / runs.CONFIG, config)
        bleu = 60 - 20 * nats
        runs.write_json(
            folder / runs.RESULT, {"perplexity": math.exp(nats), "bleu": bleu}
        )
        runs.write_lines(folder / runs.REFERENCES, ["a", "b", "c", "d", "e", "f"])
        runs.write_losses(folder, [2 * nats + x for x in (-1, 1, 0, 0, 2, -2)], [2] * 6)
    return tmp_path / "sweep"


def test_report_checks_an_order(three_rows, capsys):
    chain = "marginal <= soft <= hard, enumerated"
    assert report.main([f"--runs={three_rows}", f"--order={chain}"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    printed = " ".join(said.out.split())
    assert f"Order asked for in perplexity: {chain}. " in printed
    alone = "held over sentences alone (p = 0.00"
    assert f"marginal 4.48 <= soft 7.39, difference +2.91: {alone}" in printed
    assert f"soft 7.39 <= hard, enumerated 12.18, difference +4.79: {alone}" in printed
    assert report.main([f"--runs={three_rows}", "--order=soft <= marginal"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "difference -2.91: did not hold over sentences alone (p = 0.00" in printed
    assert "; one seed)." in printed


def test_report_orders_by_another_score(three_rows, capsys):
    order = ["--order=soft <= marginal", "--order-by=bleu"]
    assert report.main([f"--runs={three_rows}", *order]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Order asked for in BLEU: soft <= marginal." in printed
    assert "soft 20.0 <= marginal 30.0, difference +10.0: held, not tested" in printed


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (
            "soft <= hard",
            "no row 'hard' to put in order; choose soft; hard, enumerated; marginal",
        ),
        ("soft, marginal", "'soft, marginal' is no order; write 'ROW <= ROW <= ...'"),
    ],
)
def test_report_names_a_wrong_order(three_rows, capsys, order, expected):
    assert report.main([f"--runs={three_rows}", f"--order={order}"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"report: {expected}\n")
    assert not (three_rows / "report").exists()


def test_report_names_a_setting_that_does_not_vary(three_rows, capsys):
    assert report.main([f"--runs={three_rows}", "--x=model.half_widht"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and not (three_rows / "report").exists()
    (line,) = said.err.splitlines()
    assert line.startswith("report: unknown setting 'model.half_widht'; no setting")


def test_report_orders_by_every_score_that_is_tested(capsys):
    with pytest.raises(SystemExit) as stop:
        report.main(["--runs=x", "--order=a <= b", "--order-by=entropy"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "'entropy'" in said and all(key in said for key in marks.TESTED)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sorce=a b"], "unknown option --sorce; did you mean --source?"),
        (["--run=x", "--sorce", "a b"], "unknown option --sorce; did you mean --so"),
        (["--run=x", "--sour=a"], "unknown option --sour; did you mean --source?"),
        (["--run=x", "--zzzz"], "unknown option --zzzz\n"),
        (["--run=x", "--source", "--=a b", "--title=--a"], "no config.json in x"),
        (["--source=a", "--", "--sorce=a b"], "required: --run"),
    ],
)
def test_an_unknown_option_is_named_first(capsys, words, expected):
    try:
        status = align.main(words)
    except SystemExit as stop:
        status = stop.code
    said = capsys.readouterr().err
    assert status == 2 and said.startswith("align: ") and expected in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("main", [align.main, report.main])
def test_a_missing_flag_is_an_error(main, capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "required" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "changes", "expected"),
    [
        ("translation", {}, "global (general)"),
        ("translation", {"model.preset": "bahdanau2014"}, "bahdanau2014"),
        (
            "translation",
            {"model.read": "hard", "estimator.learning": "marginal"},
            "global (general), marginal",
        ),
        ("cloze", {"model.read": "top-k"}, "attentive, global (additive), top-k"),
        ("classification", {"model.pooling": "mean"}, "mean, global (additive)"),
        ("ntm", {}, "ntm"),
    ],
)
def test_a_run_without_a_row_is_called_by_what_it_is(file, changes, expected):
    config = importlib.import_module(f"configs.{file}").get_config()
    settings = parse_settings(json.loads(rows.resolve(config, {}, changes).to_json()))
    assert train.variant(settings) == expected
