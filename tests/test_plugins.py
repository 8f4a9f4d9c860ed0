"""Plugins: what they register, how they are imported, and when they are not."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import attnlab
from attnlab import plugins, registration, runs
from attnlab.attention import normalizers, presets, scores, transitions, windows
from attnlab.estimators import rules
from attnlab.estimators.rule import Rule
from attnlab.plugins import PluginError, load_plugins
from attnlab.registration import check_named, plain_settings, register
from attnlab.settings import AttentionSettings
from attnlab.sweep.attention_options import takers_of
from attnlab.tasks import parse_settings
from attnlab.training.load import load
from attnlab.training.plugin_history import changed_since, go_on_with, read_history
from attnlab.training.run_config import learned_fingerprint, read_run_config
from tests.programs import run_program
from tests.tiny import TINY, tiny_config, tiny_folder

ROOT = Path(__file__).resolve().parents[1]
TABLES = (
    *(presets.SCORES, presets.WINDOWS, presets.NORMALIZERS, transitions.TRANSITIONS),
    *(rules.RULES, rules.LEARNING),
)


@pytest.fixture
def clean(monkeypatch):
    """What a test registers and imports is gone after it."""
    for table in TABLES:
        for name, value in table.items():
            monkeypatch.setitem(table, name, value)
    before = [dict(table) for table in TABLES]
    monkeypatch.setattr(registration, "REGISTERED", [])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv(plugins.NAMES, "")
    monkeypatch.setenv(plugins.FOLDERS, "")
    modules = set(sys.modules)
    yield
    for table, content in zip(TABLES, before, strict=True):
        table.clear()
        table.update(content)
    for name in set(sys.modules) - modules:
        if name.startswith("plug_"):
            del sys.modules[name]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# ---- what is registered ------------------------------------------------------------


def doubled_dot(half_width: int = 3) -> scores.Score:
    dot = scores.dot()
    return dot._replace(apply=lambda *given: 2 * half_width * dot.apply(*given))


def test_a_registered_score_is_a_choice_of_settings_and_of_python(clean):
    with pytest.raises(ValueError, match=r"model.score is 'doubled'; choose 'dot'"):
        tiny_config(**{"model.score": "doubled"})
    register("score", "doubled", doubled_dot)
    register("score", "doubled", doubled_dot)  # the same thing again is no mistake
    config = tiny_config() | {"plugins": [__name__]}
    config["model"] = config["model"] | {"score": "doubled", "half_width": 7}
    settings = parse_settings(config)
    assert settings.model.score == "doubled"
    check_named(settings)
    assert "doubled" in str(attnlab.attention("doubled"))
    assert "half_width" in presets.options_of("doubled")
    assert "score doubled" in takers_of("half_width")


def test_each_kind_goes_into_its_table(clean):
    rule = Rule(reads=("hard",), of_steps=lambda steps, context: (steps, steps))
    register("window", "everything", windows.global_window)
    register("normalizer", "soft-max", normalizers.softmax)
    register("transition", "still", transitions.none)
    register("learning", "mine", rule)
    assert presets.WINDOWS["everything"] is windows.global_window
    assert presets.NORMALIZERS["soft-max"] is normalizers.softmax
    assert transitions.TRANSITIONS["still"] is transitions.none
    assert rules.RULES["mine"] is rule
    assert "mine" in rules.LEARNING["hard"] and "mine" not in rules.LEARNING["soft"]
    model = {"read": "hard", "window": "everything", "normalizer": "soft-max"}
    config = tiny_config() | {"estimator": {"learning": "mine"}}
    parse_settings(config | {"model": config["model"] | model})


def test_a_choice_of_a_plugin_needs_its_name_in_the_settings(clean):
    register("score", "doubled", doubled_dot)
    with pytest.raises(ValueError, match=r"model.score is 'doubled'.*tests.test_plug"):
        tiny_config(**{"model.score": "doubled"})
    assert AttentionSettings(score="doubled")  # the record itself may be made


def takes_an_argument(size):
    return scores.dot()


@pytest.mark.parametrize(
    ("kind", "name", "thing", "expected"),
    [
        ("scores", "a", doubled_dot, "kind is 'scores'; did you mean score.*; choose "),
        ("score", "dot", doubled_dot, "'dot' is there already: dot of attnlab.attenti"),
        ("score", "dot", doubled_dot, "give doubled_dot of tests.test_plugins another"),
        ("score", "none", doubled_dot, "'none' is there already: one of attnlab"),
        ("score", "bahdanau2014", doubled_dot, "'bahdanau2014' is there already"),
        ("normalizer", "mocha", normalizers.softmax, "'mocha' is there already"),
        ("score", "Doubled dot", doubled_dot, "name is 'Doubled dot'; it must be of"),
        ("score", 3, doubled_dot, "name is 3; it must be"),
        ("score", "a", scores.dot(), "give the function that makes the Score"),
        ("score", "a", takes_an_argument, "argument size of takes_an_argument .* no d"),
        ("score", "a", windows.global_window, "gives a Window; it must give a Score"),
        ("window", "a", 5, "window 'a' is 5; give the function"),
        ("transition", "a", scores.dot, "gives a Score; it must give a Transition"),
        ("normalizer", "a", scores.dot, "it must be a function of two arguments"),
        ("normalizer", "a", None, "it must be a function of two arguments"),
        ("learning", "a", doubled_dot, "it must be a Rule"),
        (
            *("learning", "a", Rule(("harder",), None)),
            r"reads is \('harder',\); choose so",
        ),
        ("corpus", "a", doubled_dot, "a corpus needs the task that reads it"),
    ],
)
def test_what_cannot_be_registered_is_named(clean, kind, name, thing, expected):
    before = [dict(table) for table in TABLES]
    with pytest.raises(ValueError, match=expected):
        register(kind, name, thing)
    assert [dict(table) for table in TABLES] == before
    assert not registration.REGISTERED


def test_a_corpus_needs_a_task_that_is_there_and_a_name_for_python(clean):
    with pytest.raises(ValueError, match="unknown task 'translations'"):
        register("corpus", "mine", doubled_dot, task="translations")
    with pytest.raises(ValueError, match="'my-corpus' must be a name that Python"):
        register("corpus", "my-corpus", doubled_dot, task="translation")
    with pytest.raises(ValueError, match="'longest' has the name of a setting"):
        register("corpus", "longest", doubled_dot, task="translation")
    with pytest.raises(ValueError, match="'synthetic' is there already"):
        register("corpus", "synthetic", doubled_dot, task="translation")
    with pytest.raises(ValueError, match="task is 'translation': only corpora"):
        register("score", "mine", doubled_dot, task="translation")
    assert "longest" not in parse_settings(tiny_config()).data.corpora


CORPUS = """
import attnlab
from attnlab.settings import Count
from attnlab.text.pairs import Corpus, Pair


def counting(*, repeats: Count = 4) -> Corpus:
    \"\"\"Numbers.

    Args:
      repeats: how often the pairs come.
    \"\"\"
    pairs = [Pair(("1", "2")[:n], ("one", "two")[:n]) for n in (1, 2)]
    return Corpus("counting", pairs * repeats, pairs, pairs, {}, "a", "b", "numbers")


attnlab.register("corpus", "counting", counting, task="translation")
"""
USE = """
from attnlab.parsing import allowed, config_dict, fields_of
from attnlab.sweep.rows import plan
from attnlab.tasks import parse_settings
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.training.run_config import learned_fingerprint
from tests.tiny import TINY, tiny_config

plain = tiny_config()  # the records have been made, and used
import plug_corpus
from attnlab.tasks.alignment.settings import AlignmentSettings  # made only now

config = config_dict(TranslationSettings())
config.plugins = ("plug_corpus",)
config.data.name = "counting"
config.data.counting.repeats = 2
settings = parse_settings(config)
assert len(settings.data.load().train) == 4
assert config_dict(AlignmentSettings()).data.counting.repeats == 4
fields = dict(fields_of(TranslationSettings))
assert fields["data.counting.repeats"].description == "how often the pairs come."
assert allowed(fields["data.name"]).endswith("counting")
try:
    plan(config, lambda add: add("none", repeats=0), {})
except ValueError as error:
    assert "data.counting.repeats is 0" in str(error), error
else:
    raise AssertionError
(spec,) = plan(config, lambda add: add("three", repeats=3), {})
assert spec.config["data"]["counting"] == {"repeats": 3}
# A run that does not name the plugin is the one that it was before.
assert tiny_config() == plain
"""


@pytest.mark.processes
def test_a_corpus_gets_its_section_of_settings(tmp_path):
    write(tmp_path / "plug_corpus.py", CORPUS)
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# ---- how they are imported ---------------------------------------------------------


def test_plugins_are_looked_for_in_given_folders_after_pythons_own(
    clean, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a" / "plug_one.py", "WHERE = 'a'")
    write(tmp_path / "a" / "json.py", "raise SystemExit('the library is hidden')")
    write(tmp_path / "plug_one.py", "WHERE = 'cwd'")
    write(tmp_path / "plug_two.py", "")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.setenv(plugins.NAMES, "json, plug_two")
    files = load_plugins(["plug_one", "json"], [tmp_path / "a"])
    assert list(files) == ["json", "plug_two", "plug_one"]
    assert files["plug_one"] == str(tmp_path / "a" / "plug_one.py")
    assert sys.modules["plug_one"].WHERE == "a"
    # What a process that is started from here gets, and finds.
    assert plugins.variables() == {
        plugins.NAMES: "json,plug_two,plug_one",
        plugins.FOLDERS: f"{tmp_path / 'a'}{os.pathsep}{tmp_path}",
    }


def test_without_plugins_nothing_happens(clean, monkeypatch):
    monkeypatch.delenv(plugins.NAMES)
    monkeypatch.delenv(plugins.FOLDERS)
    path = [*sys.path]
    assert load_plugins([], ["/somewhere"]) == {} == plugins.variables()
    assert sys.path == path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("plug_gone", None, r"^no plugin plug_gone: Python finds no module plug_gone"),
        ("plug_a.gone", "", r"^no plugin plug_a.gone"),
        ("plug_a", "import plug_needs", r"plug_a.py:1: ModuleNotFoundError: .*needs"),
        ("plug_a", "x = 1\nx / 0", r"plug_a.py:2: ZeroDivisionError: division"),
        ("plug_a", "def f(:", r"plug_a.py:1: invalid syntax"),
        (
            "plug_a",
            "import attnlab\nattnlab.register('score', 'dot', 5)",
            r"plug_a.py:2",
        ),
        ("a b", None, r"plugin 'a b' is no name of a module"),
        ("../x", None, r"plugin '../x' is no name of a module"),
    ],
)
def test_a_plugin_that_fails_is_one_line(clean, tmp_path, name, text, expected):
    if text is not None:
        write(tmp_path / f"{name.split('.')[0]}.py", text)
    with pytest.raises(PluginError, match=expected) as caught:
        load_plugins([name], [tmp_path])
    assert "\n" not in str(caught.value)


def test_a_missing_plugin_is_one_line_of_a_program(tmp_path):
    config = "from configs.translation import get_config as base\n\ndef get_config():\n"
    config += (
        "    config = base()\n    config.plugins = ('plug_gone',)\n    return config"
    )
    file = write(tmp_path / "mine.py", config)
    done = run_program(tmp_path, "experiments.train", f"--config={file}")
    assert done.returncode == 2
    assert done.stderr.startswith("train: no plugin plug_gone: Python finds no module")
    assert str(tmp_path) in done.stderr and done.stderr.count("\n") == 1
    runs.write_json(tmp_path / runs.CONFIG, {})
    run = [str(tmp_path)]
    done = run_program(
        tmp_path, "attnlab.training.run", *run, ATTNLAB_PLUGINS="plug_gone"
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "no plugin plug_gone" in done.stderr.splitlines()[-1]


# ---- when they are not -------------------------------------------------------------


@pytest.fixture
def stranger(clean, tmp_path, monkeypatch) -> Path:
    """A run folder that names a module which would leave a trace."""
    write(tmp_path / "plug_trap.py", f"open({str(tmp_path / 'trace')!r}, 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tiny_folder(tmp_path / "runs")
    config = runs.read_json(folder / runs.CONFIG) | {"plugins": ["plug_trap"]}
    config["model"] |= {"score": "theirs"}
    runs.write_json(folder / runs.CONFIG, config)
    return folder


def test_a_run_folder_imports_nothing(stranger, tmp_path):
    line = (
        f"run {stranger} uses plugins plug_trap; set ATTNLAB_PLUGINS=plug_trap (it is "
        "code and is run), or in Python import plug_trap first"
    )
    for read in (read_run_config, load):
        with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
            read(stranger)
    (row,) = runs.find(tmp_path / "runs")  # what a report reads
    assert row.error is None and row.config["plugins"] == ["plug_trap"]
    assert not (tmp_path / "trace").exists()
    assert "plug_trap" not in sys.modules


def test_a_program_says_which_plugin_a_run_needs(stranger, tmp_path):
    options = [f"--run={stranger}", "--source-file=-"]
    here = {"PYTHONPATH": str(tmp_path)}
    done = run_program(tmp_path, "experiments.translate", *options, **here)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "uses plugins plug_trap; set ATTNLAB_PLUGINS=plug_trap" in done.stderr
    assert not (tmp_path / "trace").exists()


def test_an_imported_plugin_is_enough(stranger, tmp_path):
    write(tmp_path / "plug_trap.py", "")
    load_plugins(["plug_trap"], [tmp_path])
    with pytest.raises(ValueError, match="model.score is 'theirs'; choose"):
        read_run_config(stranger)


@pytest.mark.parametrize(
    "names", [5, "plug_trap", ["x; rm -rf ~"], [3], [["a"]], {"a": 1}, ["a\nb"], True]
)
def test_names_that_are_none_are_refused(stranger, names):
    config = runs.read_json(stranger / runs.CONFIG) | {"plugins": names}
    runs.write_json(stranger / runs.CONFIG, config)
    with pytest.raises(ValueError, match="plugins") as caught:
        read_run_config(stranger)
    assert "set ATTNLAB_PLUGINS" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_plugin_of_a_row_is_named(clean):
    with pytest.raises(
        ValueError, match="row 'general' uses plugins plug_gone; set ATTNLAB"
    ):
        tiny_config(plugins=("plug_gone",))


# ---- what a run keeps --------------------------------------------------------------


def test_the_fingerprint_has_the_names_and_is_the_old_one_without():
    config = tiny_config()
    assert config["plugins"] == []
    old = {name: value for name, value in config.items() if name != "plugins"}
    assert learned_fingerprint(config) == learned_fingerprint(old)
    named = [learned_fingerprint(config | {"plugins": [p]}) for p in ("a", "b")]
    assert len({learned_fingerprint(config), *named}) == 3


def test_a_run_keeps_the_digests_of_its_plugins(clean, tmp_path):
    file = write(tmp_path / "plug_one.py", "X = 1")
    write(tmp_path / "plug_many" / "__init__.py", "")
    inner = write(tmp_path / "plug_many" / "inner.py", "Y = 1")
    names = list(load_plugins(["plug_one", "plug_many", "sys"], [tmp_path]))
    first, lines = go_on_with({}, names)
    assert not lines and list(first) == ["plug_one", "plug_many"]
    (digest,) = first["plug_one"]
    assert digest == f"{runs.digest(b'X = 1')} plug_one.py"
    assert go_on_with(first, names) == (first, [])
    file.write_text("X = 2")
    second, (line,) = go_on_with(first, names)
    assert second["plug_one"] == [digest, f"{runs.digest(b'X = 2')} plug_one.py"]
    assert line.startswith("plugin plug_one has changed since the run began")
    assert second["plug_many"] == first["plug_many"]
    inner.write_text("Y = 2")
    assert len(go_on_with(second, names)[1]) == 1

    for name, history in (("a", first), ("b", second)):
        runs.write_json(tmp_path / name / runs.ENVIRONMENT, {"plugins": history})
    (tmp_path / "c").mkdir()
    folders = [tmp_path / name for name in "abc"]
    assert [read_history(folder) for folder in folders] == [first, second, {}]
    lines = changed_since(folders, ["plug_one"])
    assert lines == [
        "plugin plug_one has changed since 1 of these runs was trained with it"
    ]


@pytest.mark.parametrize("odd", [5, {"a": 5}, {"a": []}, {"a": [5]}, [1]])
def test_an_odd_history_is_none(tmp_path, odd):
    runs.write_json(tmp_path / runs.ENVIRONMENT, {"plugins": odd})
    assert read_history(tmp_path) == {}


# ---- the document's example, in the processes of a sweep ---------------------------


@pytest.mark.processes
def test_the_documents_plugin_runs_in_a_sweep(tmp_path):
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    section = text.split("## Without touching attnlab\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", section, re.DOTALL)
    assert [name for name, _ in blocks] == ["my_scores.py", "my_sweep.py"]
    assert max(len(block.splitlines()) for _, block in blocks) < 30
    for name, block in blocks:  # not in the working directory, and not where Python is
        write(tmp_path / "mine" / name, block)
    settings = TINY | {"train.steps": 2, "train.evaluate_every": 2}
    settings |= {"model.encoder_hidden": 4}
    options = [f"--config.{name}={value}" for name, value in settings.items()]
    (tmp_path / "elsewhere").mkdir()

    def sweep() -> subprocess.CompletedProcess:
        return subprocess.run(
            [
                *(sys.executable, "-m", "experiments.sweep", "--workdir=w"),
                *("--config=../mine/my_sweep.py", "--processes=1", *options),
            ],
            cwd=tmp_path / "elsewhere",
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )

    done = sweep()
    assert done.returncode == 0, done.stderr
    file = tmp_path / "mine" / "my_scores.py"
    assert f"plugin my_scores is {file}" in done.stderr
    folder = tmp_path / "elsewhere" / "w" / "negative-distance" / "0"
    config = json.loads((folder / runs.CONFIG).read_text())
    assert config["plugins"] == ["my_scores"]
    assert config["model"]["score"] == "negative-distance"
    digest = f"{runs.digest(file.read_bytes())} my_scores.py"
    assert read_history(folder) == {"my_scores": [digest]}
    assert (folder / runs.RESULT).exists()
    file.write_text(file.read_text() + "# a word more\n")
    done = sweep()  # which skips both runs
    assert done.returncode == 0, done.stderr
    line = "plugin my_scores has changed since 2 of these runs were trained with it"
    assert line in done.stderr
    with pytest.raises(ValueError, match="uses plugins my_scores; set ATTNLAB_PLUGINS"):
        load(folder)


def test_plain_settings_are_the_dump_where_no_plugin_is():
    settings = parse_settings(tiny_config())
    assert plain_settings(settings) == settings.model_dump(mode="json")
