"""Run folders: what is written is read back, whatever a kill has left."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from attnlab import runs
from attnlab.runs import AlignedSentence

ROOT = Path(__file__).resolve().parents[1]  # from where `import attnlab` works


def make_run(folder, row="dot", seed=0, order=0, **files):
    config = {"row": row, "slug": runs.slug(row), "seed": seed, "order": order}
    runs.write_json(folder / "config.json", config)
    for name, value in files.items():
        runs.write_json(folder / f"{name}.json", value)


def test_runs_are_found_in_the_order_of_the_sweep(tmp_path):
    make_run(tmp_path / "local-p-general" / "0", "local-p (general)", 0, 1)
    make_run(tmp_path / "global-dot" / "10", "global (dot)", 10, 0)
    make_run(tmp_path / "global-dot" / "2", "global (dot)", 2, 0, result={"bleu": 1.0})
    make_run(tmp_path / ".trash" / "0")
    (tmp_path / "global-dot" / "2" / "checkpoints").mkdir()
    make_run(tmp_path / "global-dot" / "2" / "wandb")
    found = runs.find(tmp_path)
    assert [(run.row, run.seed) for run in found] == [
        ("global (dot)", 2),
        ("global (dot)", 10),
        ("local-p (general)", 0),
    ]
    assert found[0].result == {"bleu": 1.0}
    assert found[0].folder == tmp_path / "global-dot" / "2"
    assert (found[2].slug, found[2].order) == ("local-p-general", 1)
    assert found[1].result is None
    assert found[1].error is None
    assert runs.find(found[0].folder) == [found[0]]


def test_a_result_outranks_an_earlier_error(tmp_path):
    make_run(tmp_path / "a", order=0, error={"error": "nan"})
    make_run(tmp_path / "b", order=1, error={"error": "nan"}, result={"bleu": 1.0})
    failed, finished = runs.find(tmp_path)
    assert failed.error == {"error": "nan"}
    assert finished.error is None


def test_a_run_without_names_is_called_after_its_folder(tmp_path):
    runs.write_json(tmp_path / "mine" / "0" / "config.json", {})
    (run,) = runs.find(tmp_path)
    assert (run.row, run.slug, run.seed, run.order) == ("mine", "mine", 0, 0)
    assert run.metrics() == []
    assert run.alignments() == {}
    assert run.lines("hypotheses.txt") is None
    assert run.losses() is None


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder of runs at .*nowhere"):
        runs.find(tmp_path / "nowhere")
    assert runs.find(tmp_path) == []


def test_a_damaged_result_is_a_failure_of_its_run_alone(tmp_path):
    make_run(tmp_path / "a", error={"error": "an earlier try"})
    make_run(tmp_path / "b", order=1, result={"bleu": 1.0})
    make_run(tmp_path / "c", order=2)
    (tmp_path / "a" / "result.json").write_text('{"bleu": ')
    (tmp_path / "c" / "error.json").write_text("[1]")
    damaged, finished, failed = runs.find(tmp_path)
    assert damaged.result is None
    assert damaged.error["error"].startswith("result.json is not valid JSON: ")
    assert (finished.result, finished.error) == ({"bleu": 1.0}, None)
    assert failed.error == {"error": "error.json holds a list, not an object"}


def test_a_damaged_config_is_a_failure_of_its_run_alone(tmp_path):
    make_run(tmp_path / "a" / "3", result={"bleu": 2.0})
    make_run(tmp_path / "b" / "1", order=1, result={"bleu": 1.0})
    (tmp_path / "a" / "3" / "config.json").write_text('{"row": ')
    damaged, finished = runs.find(tmp_path)
    assert (damaged.slug, damaged.seed, damaged.result) == ("a", 3, None)
    assert damaged.error["error"].startswith("config.json is not valid JSON: ")
    assert finished.result == {"bleu": 1.0}


def test_a_problem_names_its_file_from_the_folder_of_the_run(tmp_path):
    make_run(tmp_path / "a" / "0")
    (run,) = runs.find(tmp_path)
    problem = ValueError(f"{run.folder / 'x.txt'} is not {run.folder / 'y.txt'}")
    assert run.reason(problem) == "x.txt is not y.txt"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("local-p (general)", "local-p-general"),
        ("Entmax 1.5 / D=10", "entmax-1.5-d-10"),
        ("Größe", "grösse"),
        ("..", None),
        ("", None),
        ("../../etc", "etc"),
    ],
)
def test_slug(name, expected):
    if expected is None:
        with pytest.raises(ValueError, match="no folder name"):
            runs.slug(name)
    else:
        assert runs.slug(name) == expected
        assert runs.slug(expected) == expected


def test_long_slugs_differ():
    one, two = runs.slug("x" * 200), runs.slug("x" * 201)
    assert one != two
    assert len(one) == len(two) == 80


def test_fingerprint_ignores_the_order_of_keys():
    one = runs.fingerprint({"a": 1, "b": {"c": (2, 3), "d": None}})
    assert one == runs.fingerprint({"b": {"d": None, "c": [2, 3]}, "a": 1})
    assert one != runs.fingerprint({"a": 1, "b": {"c": [3, 2], "d": None}})


# JSON.


def test_json_takes_arrays_and_has_no_nan(tmp_path):
    path = tmp_path / "deep" / "result.json"
    value = {
        "numpy": np.float32(0.5),
        "jax": jnp.arange(2),
        "tuple": (1, True, None),
        "nan": math.nan,
        "inf": [np.inf, jnp.float32(-jnp.inf)],
        "word": "größer",
        "path": tmp_path,
        3: "key",
    }
    runs.write_json(path, value)
    expected = {
        "numpy": 0.5,
        "jax": [0, 1],
        "tuple": [1, True, None],
        "nan": None,
        "inf": [None, None],
        "word": "größer",
        "path": str(tmp_path),
        "3": "key",
    }
    assert runs.read_json(path) == expected
    assert "größer" in path.read_text()
    assert os.listdir(path.parent) == ["result.json"]


def test_what_json_cannot_hold_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"model.sizes\[1\] is a set"):
        runs.write_json(tmp_path / "x.json", {"model": {"sizes": [1, {2}]}})
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    runs.write_json(path, {"a": 1})

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        runs.write_json(path, {"a": 2})
    assert runs.read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["result.json"]


def test_unreadable_json_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no x.json in {tmp_path}"):
        runs.read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(ValueError, match="x.json holds a list, not an object"):
        runs.read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="x.json is not valid JSON"):
        runs.read_json(tmp_path / "x.json")


# Metrics.


def test_a_torn_last_line_is_left_out_and_overwritten(tmp_path):
    path = tmp_path / "metrics.jsonl"
    runs.append_jsonl(path, {"step": 1, "kind": "train", "loss": np.float32(2.0)})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"step": 2, "kind": "tr')
    assert runs.read_jsonl(path) == [{"step": 1, "kind": "train", "loss": 2.0}]
    runs.append_jsonl(path, {"step": 2, "kind": "dev", "bleu": math.nan})
    assert runs.read_jsonl(path)[1:] == [{"step": 2, "kind": "dev", "bleu": None}]
    path.write_bytes(b'{"step"')
    runs.append_jsonl(path, {"step": 3})
    assert runs.read_jsonl(path) == [{"step": 3}]


def test_a_bad_line_inside_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": \n{"step": 3}\n')
    with pytest.raises(ValueError, match="metrics.jsonl line 2 is not JSON"):
        runs.read_jsonl(path)
    path.write_text('{"step": 1}\n3\n')
    with pytest.raises(ValueError, match="metrics.jsonl line 2 is not an object"):
        runs.read_jsonl(path)
    path.write_text('{"loss": 1}\n')
    with pytest.warns(RuntimeWarning, match="left out: .* line 1 has step None"):
        assert runs.truncate_metrics(tmp_path, 1) == 0


def test_truncation_keeps_the_lines_up_to_a_step(tmp_path):
    path = tmp_path / "metrics.jsonl"
    runs.truncate_metrics(tmp_path, 3)
    assert not path.exists()
    for step, kind in [(1, "train"), (2, "train"), (2, "dev"), (3, "train")]:
        runs.append_jsonl(path, {"step": step, "kind": kind, "loss": 0.1 + step})
    before = path.read_bytes()
    runs.truncate_metrics(tmp_path, 3)
    assert path.read_bytes() == before
    path.write_bytes(before + b'{"step": 4')
    runs.truncate_metrics(tmp_path, 3)
    assert path.read_bytes() == before
    runs.truncate_metrics(tmp_path, 2)
    assert path.read_bytes() == before[: before.index(b'{"step": 3')]
    runs.truncate_metrics(tmp_path, 0)
    assert path.read_bytes() == b""


def test_metrics_of_a_run_by_kind(tmp_path):
    make_run(tmp_path)
    for kind in ("train", "dev", "train"):
        runs.append_jsonl(tmp_path / "metrics.jsonl", {"step": 1, "kind": kind})
    (run,) = runs.find(tmp_path)
    assert len(run.metrics()) == 3
    assert len(run.metrics("train")) == 2


def test_a_kill_loses_no_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    code = """
        import sys
        from attnlab import runs
        step = 0
        while True:
            runs.append_jsonl(sys.argv[1], {"step": step, "text": "x" * 1000})
            step += 1
            if step == 100:
                print(flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), path],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    time.sleep(0.02)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    lines = runs.read_jsonl(path)
    assert [line["step"] for line in lines] == list(range(len(lines)))
    assert len(lines) >= 100
    runs.append_jsonl(path, {"step": len(lines)})
    assert len(runs.read_jsonl(path)) == len(lines) + 1


# Sentences.


@pytest.mark.parametrize("lines", [[], [""], ["a b", "", "größer"], ["", ""]])
def test_lines_round_trip(tmp_path, lines):
    runs.write_lines(tmp_path / "x.txt", lines)
    assert runs.read_lines(tmp_path / "x.txt") == lines


def test_line_breaks_inside_a_sentence_cannot_shift_the_rest(tmp_path):
    runs.write_lines(tmp_path / "x.txt", ["a\nb\r\nc", "d\u2028e"])
    assert runs.read_lines(tmp_path / "x.txt") == ["a b c", "d\u2028e"]


def test_lines_that_are_not_utf8_name_their_file(tmp_path):
    (tmp_path / "x.txt").write_bytes("größer\n".encode("latin-1"))
    with pytest.raises(ValueError, match="x.txt is not UTF-8: .* 0xf6 in position 2"):
        runs.read_lines(tmp_path / "x.txt")


# Losses.


@pytest.mark.parametrize("kind", [np.float64, np.float32, jnp.asarray])
def test_losses_come_back_as_the_numbers_they_were(tmp_path, kind):
    nats = kind(np.array([0.1 + 0.2, np.nextafter(1, 2), 1234.56789, 0.0, 1e-30]))
    units = [3, 1, 10**12, 1, 2]
    runs.write_losses(tmp_path, nats, np.array(units))
    found, counts = runs.read_losses(tmp_path)
    assert found.tolist() == nats.tolist() and counts.tolist() == units
    assert (found.dtype, counts.dtype) == (np.float64, np.int64)
    make_run(tmp_path)
    (run,) = runs.find(tmp_path)
    np.testing.assert_array_equal(run.losses()[0], found)


def test_losses_of_no_sentences(tmp_path):
    runs.write_losses(tmp_path, [], [])
    nats, units = runs.read_losses(tmp_path)
    assert nats.shape == units.shape == (0,)


def test_losses_and_units_are_of_the_same_sentences(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        runs.write_losses(tmp_path, [1.0, 2.0], [3])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\t1\n", "not UTF-8"),
        (b"1.0\t2\n\n", "damaged"),
        (b"1.0\n", "damaged"),
        (b"1.0 2\n", "damaged"),
        (b"1.0\t2\t3\n", "damaged"),
        (b"one\t2\n", "damaged"),
        (b"1.0\t2.5\n", "damaged"),
        (b"1.0\t10000000000000000000\n", "damaged"),  # past int64
    ],
)
def test_damaged_losses_name_their_file(tmp_path, content, expected):
    (tmp_path / "losses.tsv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"{tmp_path}/losses.tsv is {expected}: "):
        runs.read_losses(tmp_path)


# Alignments.


def sentences():
    weights = np.random.default_rng(0).random((2, 3))
    return [
        AlignedSentence(
            ("la", "maison", "»"),
            ("the", "house"),
            weights,
            frozenset({(0, 0)}),
            frozenset({(0, 0), (1, 1)}),
        ),
        AlignedSentence((), ("x",), np.zeros((1, 0))),
        AlignedSentence(("a",), ("b",), np.ones((1, 1), np.float64)),
    ]


def test_alignments_round_trip(tmp_path):
    sets = {"test": sentences(), "dev/37": sentences()[:1], "none": []}
    runs.write_alignments(tmp_path, sets)
    found = runs.read_alignments(tmp_path)
    assert list(found) == list(sets)
    for name, expected in sets.items():
        assert len(found[name]) == len(expected)
        for one, two in zip(found[name], expected, strict=True):
            assert one._replace(weights=None) == two._replace(weights=None)
            assert one.weights.dtype == np.float32
            np.testing.assert_array_equal(one.weights, two.weights.astype(np.float32))
    before = (tmp_path / "alignments.npz").read_bytes()
    runs.write_alignments(tmp_path, sets)
    assert (tmp_path / "alignments.npz").read_bytes() == before


def test_centres_and_samples_round_trip_beside_sets_without(tmp_path):
    whole, empty, one = sentences()
    stepped = [
        whole._replace(centres=np.array([0.25, 2.5]), samples=np.array([-1, 2])),
        empty._replace(centres=np.zeros(1), samples=np.array([-1])),
        one._replace(centres=np.ones(1), samples=np.zeros(1, int)),
    ]
    sets = {"both": stepped, "old": sentences()}
    runs.write_alignments(tmp_path, sets)
    found = runs.read_alignments(tmp_path)
    assert list(found) == ["both", "old"]
    for back, given in zip(found["both"], stepped, strict=True):
        np.testing.assert_array_equal(back.centres, given.centres)
        np.testing.assert_array_equal(back.samples, given.samples)
        assert back.samples.dtype == np.int32 and back.centres.dtype == np.float32
    assert all(p.centres is None and p.samples is None for p in found["old"])


def test_a_file_without_steps_is_what_it_was_before_there_were_any(tmp_path):
    runs.write_alignments(tmp_path, {"test": sentences()})
    arrays = runs.read_arrays(tmp_path / "alignments.npz")
    assert list(arrays) == ["test/weights", "test/sentences"]


def test_steps_that_do_not_fit_the_file_are_named(tmp_path):
    pair = sentences()[0]._replace(centres=np.zeros(2))
    runs.write_alignments(tmp_path, {"test": [pair]})
    path = tmp_path / "alignments.npz"
    arrays = runs.read_arrays(path)
    runs.write_arrays(path, arrays | {"test/centres": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match="3 centres for 2 target words"):
        runs.read_alignments(tmp_path)


def test_steps_of_some_sentences_only_are_refused(tmp_path):
    pairs = [sentences()[0]._replace(centres=np.zeros(2)), sentences()[0]]
    with pytest.raises(ValueError, match="sentence 1 of 'test': centres have shape No"):
        runs.write_alignments(tmp_path, {"test": pairs})


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"samples": np.zeros(3, int)},
            r"samples have shape \(3,\), its words ask for",
        ),
        ({"weights": np.zeros((3, 2))}, r"sentence 0 of 'test': weights have shape"),
        ({"sure": frozenset({(2, 0)})}, r"link \(2, 0\) is outside \(2, 3\)"),
        ({"possible": frozenset({(0, -1)})}, r"link \(0, -1\) is outside"),
    ],
)
def test_alignments_that_do_not_fit_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        runs.write_alignments(tmp_path, {"test": [sentences()[0]._replace(**change)]})


def test_unreadable_alignments_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no alignments.npz"):
        runs.read_alignments(tmp_path)
    runs.write_alignments(tmp_path, {"test": sentences()})
    path = tmp_path / "alignments.npz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="alignments.npz cannot be read"):
        runs.read_alignments(tmp_path)


def test_runs_needs_no_jax():
    code = "import attnlab.runs, sys; print('jax' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert output.stdout == "False\n"


def test_json_files_are_readable_by_others(tmp_path):
    runs.write_json(tmp_path / "x.json", {"a": math.inf})
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None}


def test_tallies_come_back(tmp_path):
    counts = {"accuracy": [[1, 1], [0, 1]], "pointing": [[2.5, 3], [0, 0]]}
    runs.write_example_counts(tmp_path, ["a line", "ein Größeres"], counts)
    found = runs.read_example_counts(tmp_path)
    assert found.examples == ["a line", "ein Größeres"]
    assert {name: a.tolist() for name, a in found.counts.items()} == counts
    runs.write_example_counts(tmp_path, [], {})
    assert runs.read_example_counts(tmp_path) == ([], {})


def test_tallies_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"'accuracy' have shape \(1, 2\), must be"):
        runs.write_example_counts(tmp_path, ["a", "b"], {"accuracy": [[1, 1]]})


@pytest.mark.parametrize(
    "arrays",
    [
        {"examples": np.zeros(0, np.uint8), "counts/x": np.ones((2, 2))},
        {"counts/x": np.ones((2, 2))},
        {"examples": np.array([97], np.uint8), "counts/x": np.array([[np.nan, 1]])},
    ],
)
def test_damaged_tallies_name_their_file(tmp_path, arrays):
    runs.write_arrays(tmp_path / runs.EXAMPLE_COUNTS, arrays)
    with pytest.raises(ValueError, match="tallies.npz is damaged"):
        runs.read_example_counts(tmp_path)


def test_examples_of_other_content_have_other_names():
    one = runs.unique_id("test 3", "a b", b"\x00")
    assert one.startswith("test 3 ")
    assert one == runs.unique_id("test 3", "a b", b"\x00")
    assert one != runs.unique_id("test 3", "a", " b\x00")
