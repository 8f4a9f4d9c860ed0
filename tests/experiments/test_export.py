"""experiments.export: weights and alignments, read back bit for bit."""

import json
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors import safe_open

import attnlab
from attnlab import runs
from attnlab.training.weights_file import named_weights
from experiments import export

RUNS = Path(__file__).resolve().parents[1] / "fixtures" / "runs_v1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run in a sweep's folder, with gold links and windows."""
    sweep = tmp_path_factory.mktemp("export") / "sweep"
    folder = sweep / "local-p-general" / "0"
    shutil.copytree(RUNS / "local-p-general" / "0", folder)
    return folder


def test_weights_are_the_best_parameters_by_their_paths(folder, tmp_path, capsys):
    file = tmp_path / "a.safetensors"
    assert export.main([f"--run={folder}", f"--weights={file}"]) == 0
    assert capsys.readouterr() == ("", f"wrote {file}\n")
    loaded = attnlab.load(folder)
    leaves = {
        ".".join(str(getattr(key, "key", key)) for key in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(loaded.params)
    }
    assert len(leaves) > 10
    with safe_open(file, framework="numpy") as opened:
        assert set(opened.keys()) == set(leaves)
        for name, leaf in leaves.items():
            tensor = opened.get_tensor(name)
            assert (tensor.dtype, tensor.shape) == (leaf.dtype, leaf.shape)
            assert tensor.tobytes() == leaf.tobytes()
        metadata = opened.metadata()
    assert json.loads(metadata["config"]) == runs.read_config(folder)
    assert metadata["step"] == str(loaded.step)
    assert (metadata["task"], metadata["seed"]) == ("translation", "0")
    assert metadata["row"] == runs.read_config(folder)["row"]


def test_names_are_paths_and_are_told_apart():
    tree = {"b": [np.zeros(2), {"c": np.ones((), np.int32)}], "a": np.zeros((0, 3))}
    named = named_weights(tree)
    assert {name: array.shape for name, array in named.items()} == {
        "a": (0, 3),
        "b.0": (2,),
        "b.1.c": (),
    }
    with pytest.raises(ValueError, match="a.b"):
        named_weights({"a": {"b": np.zeros(1)}, "a.b": np.zeros(1)})


def read_back(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_alignments_are_those_of_the_run(folder, tmp_path):
    file = tmp_path / "a.jsonl"
    assert export.main([f"--run={folder}", f"--alignments={file}"]) == 0
    pairs = [
        (name, pair)
        for name, some in runs.read_alignments(folder).items()
        for pair in some
    ]
    lines = read_back(file)
    assert len(lines) == len(pairs) >= 8
    for line, (name, pair) in zip(lines, pairs, strict=True):
        assert line["set"] == name
        assert (tuple(line["source"]), tuple(line["target"])) == pair[:2]
        weights = np.array(line["weights"], np.float32).reshape(pair.weights.shape)
        assert weights.tobytes() == pair.weights.astype(np.float32).tobytes()
        assert {(t, s) for s, t in line["sure"]} == pair.sure
        assert {(t, s) for s, t in line["possible"]} == pair.possible
        centres = np.array(line["centres"], np.float32)
        assert centres.tobytes() == pair.centres.tobytes()
    assert any(pair.sure for _, pair in pairs)


def test_a_set_is_chosen_by_its_name(tmp_path, capsys):
    folder = tmp_path / "run"
    runs.write_json(folder / runs.CONFIG, {"seed": 0})
    pair = runs.AlignedSentence(
        ("ö", "b"), ("x",), np.array([[0.1, 0.9]]), samples=np.array([1])
    )
    empty = runs.AlignedSentence((), (), np.zeros((0, 0)), samples=np.zeros(0, int))
    runs.write_alignments(folder, {"odd": [pair, empty], "dev": []})
    out = tmp_path / "a.jsonl"
    words = [f"--run={folder}", f"--alignments={out}"]
    assert export.main([*words, "--set=nothing"]) == 2
    assert "unknown set 'nothing'; choose odd, dev\n" in capsys.readouterr().err
    assert not out.exists()
    assert export.main([*words, "--set=odd"]) == 0
    first, second = read_back(out)
    assert first == {
        "set": "odd",
        "source": ["ö", "b"],
        "target": ["x"],
        "weights": [[0.1, 0.9]],  # and not 0.10000000149011612
        "sure": [],
        "possible": [],
        "samples": [1],
    }
    assert second["source"] == second["weights"] == second["samples"] == []
    assert "ö" in out.read_text(encoding="utf-8")


def test_what_exists_is_not_replaced(folder, tmp_path, capsys):
    there = tmp_path / "there"
    there.write_text("mine")
    other = tmp_path / "other"
    words = [f"--run={folder}", f"--weights={other}", f"--alignments={there}"]
    assert export.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"export: {there} exists; choose another name, or remove it"
    assert there.read_text() == "mine" and not other.exists()
    assert export.main([f"--run={folder}", f"--weights={folder / runs.RESULT}"]) == 2
    assert export.main([f"--run={folder}", f"--weights={tmp_path / 'no' / 'a'}"]) == 2
    assert f"no folder {tmp_path / 'no'}" in capsys.readouterr().err


def test_a_sweep_in_place_of_a_run_names_its_runs(folder, tmp_path, capsys):
    sweep = folder.parents[1]
    assert export.main([f"--run={sweep}", f"--weights={tmp_path / 'a'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"export: {sweep} is no run, it holds runs: {folder}"
    assert export.main([f"--run={tmp_path}", f"--weights={tmp_path / 'a'}"]) == 2
    assert capsys.readouterr().err == f"export: no config.json in {tmp_path}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "give --weights=FILE.safetensors or --alignments=FILE.jsonl"),
        (["--weights=a", "--set=odd"], "--set is for --alignments"),
        (["--weights=a", "--alignments=a"], "--weights and --alignments are both a"),
    ],
)
def test_what_cannot_be_is_a_line(folder, capsys, words, expected):
    assert export.main([f"--run={folder}", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("export: ") and expected in line


def test_without_safetensors_a_line_says_how_to_get_it(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    assert export.main([f"--run={folder}", f"--weights={tmp_path / 'a'}"]) == 2
    expected = "export: safetensors is not installed: pip install safetensors\n"
    assert capsys.readouterr().err == expected


def test_a_run_without_alignments_is_a_line(tmp_path, capsys):
    runs.write_json(tmp_path / runs.CONFIG, {"seed": 0})
    words = [f"--run={tmp_path}", f"--alignments={tmp_path / 'a.jsonl'}"]
    assert export.main(words) == 2
    assert runs.ALIGNMENTS in capsys.readouterr().err
