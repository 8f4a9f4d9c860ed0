"""files.sha256: what a finished run has left is known when it is damaged."""

import shutil
import subprocess

import numpy as np
import pytest

from attnlab import runs
from attnlab.report import rows

FILES = {
    runs.LOSSES: lambda folder: runs.write_losses(folder, [1.5, 2.5], [3, 4]),
    runs.EXAMPLE_COUNTS: lambda folder: runs.write_example_counts(
        folder, ["a"], {"x": [[1, 2]]}
    ),
    runs.ALIGNMENTS: lambda folder: runs.write_alignments(
        folder,
        {"test": [runs.AlignedSentence(("a",), ("b",), np.ones((1, 1)))]},
    ),
    runs.HYPOTHESES: lambda f: runs.write_lines(f / runs.HYPOTHESES, ["ein Wort"]),
    runs.METRICS: lambda f: runs.append_jsonl(f / runs.METRICS, {"step": 1}),
    runs.ENVIRONMENT: lambda f: runs.write_json(f / runs.ENVIRONMENT, {"cores": 2}),
    "words.codec": lambda f: runs.write_lines(f / "words.codec", ["a"]),
}


@pytest.fixture
def finished(tmp_path):
    folder = tmp_path / "row" / "0"
    runs.write_json(folder / runs.CONFIG, {"row": "row", "seed": 0})
    for write in FILES.values():
        write(folder)
    runs.write_result(folder, {"bleu": 12.5, "row": "row"})
    return folder


def flip(path, place=-1):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(bytes(content))


def test_a_finished_run_is_whole(finished):
    assert runs.damaged_files(finished) == []
    assert runs.check_result(finished) == {"bleu": 12.5, "row": "row"}
    assert runs.reopen(finished) == []
    (run,) = runs.find(finished)
    assert run.result == {"bleu": 12.5, "row": "row"} and run.error is None


def test_others_can_check_the_list(finished):
    program = shutil.which("sha256sum")
    if program is None:
        pytest.fail("sha256sum is part of every Linux", pytrace=False)
    words = [program, "--check", "--strict", "--quiet", runs.MANIFEST]
    assert subprocess.run(words, cwd=finished, check=False).returncode == 0
    assert set(runs.read_manifest(finished)) == {*FILES, runs.CONFIG, runs.RESULT}


@pytest.mark.parametrize("damage", ["first", "last", "cut", "emptied"])
@pytest.mark.parametrize("name", [*FILES, runs.CONFIG, runs.RESULT])
def test_a_damaged_file_is_named_wherever_the_run_is_read(finished, name, damage):
    path = finished / name
    content = path.read_bytes()
    if damage in ("first", "last"):
        flip(path, 0 if damage == "first" else -2)
    else:
        path.write_bytes(content[:-3] if damage == "cut" else b"")
    assert name in runs.damaged_files(finished)
    with pytest.raises(ValueError, match=rf"{name} is (damaged: see files.sha256|not)"):
        runs.check_result(finished)
    (run,) = runs.find(finished.parent)
    assert rows.state(rows.checked(run)) == "failed"
    assert name in run.error["error"]
    assert name in runs.reopen(finished)
    assert not (finished / runs.RESULT).exists()
    assert {p.name for p in (finished / "damaged").iterdir()} == {name, runs.RESULT}


def test_a_digit_that_still_reads_as_a_number_is_found(finished):
    path = finished / runs.RESULT
    path.write_text(path.read_text().replace("12.5", "13.5"))
    (run,) = runs.find(finished)
    assert run.result is None
    assert run.error["error"] == "result.json is damaged: see files.sha256"


@pytest.mark.parametrize("content", [b"\xff", b"x\n", b"00 *result.json\n"])
def test_a_damaged_list_is_damage(finished, content):
    (finished / runs.MANIFEST).write_bytes(content)
    assert runs.damaged_files(finished) == [runs.MANIFEST]
    (run,) = runs.find(finished)
    assert "files.sha256 is damaged" in run.error["error"]
    assert runs.reopen(finished) == [runs.MANIFEST]


def test_runs_without_a_list_are_read_as_they_are(finished):
    (finished / runs.MANIFEST).unlink()
    flip(finished / runs.LOSSES, 0)
    assert runs.damaged_files(finished) == []
    assert runs.check_result(finished)["bleu"] == 12.5
    (finished / runs.RESULT).write_text('{"bleu": ')
    assert runs.reopen(finished) == [runs.RESULT]


def test_what_somebody_removed_is_not_damaged(finished):
    (finished / runs.ALIGNMENTS).unlink()
    assert runs.damaged_files(finished) == []


def test_a_run_with_a_damaged_configuration_stays_in_its_row(tmp_path):
    for seed in (0, 1):
        config = {"row": "A row (x)", "slug": "a-row-x", "seed": seed, "order": 3}
        runs.write_json(tmp_path / "a-row-x" / str(seed) / runs.CONFIG, config)
    (tmp_path / "a-row-x" / "0" / runs.CONFIG).write_bytes(b"\0")
    (row,) = rows.group(runs.find(tmp_path))
    assert (row.name, row.order) == ("A row (x)", 3)
    assert [run.seed for run in row.runs] == [0, 1]
    assert [rows.state(run) for run in row.runs] == ["failed", "unfinished"]


def test_what_grows_on_is_not_listed(finished):
    (finished / "log.txt").write_text("more")
    (finished / ".lock").write_text("")
    runs.write_result(finished, {"bleu": 1.0})
    assert not {"log.txt", ".lock", runs.MANIFEST} & set(runs.read_manifest(finished))


# Lines of metrics.jsonl.


def test_a_line_whose_number_changed_is_found_and_left_out(tmp_path):
    path = tmp_path / runs.METRICS
    for step in (1, 2, 3):
        runs.append_jsonl(path, {"step": step, "kind": "dev", "bleu": 0.5 + step})
    path.write_text(path.read_text().replace("2.5", "7.5"))
    with pytest.raises(ValueError, match="metrics.jsonl line 2 is damaged: its crc"):
        runs.read_jsonl(path)
    with pytest.warns(RuntimeWarning, match="left out: .*line 2 is damaged"):
        assert runs.truncate_metrics(tmp_path, 3) == 2
    assert [line["step"] for line in runs.read_jsonl(path)] == [1, 3]


def test_the_test_is_cut_off_as_it_is_done_again(tmp_path):
    path = tmp_path / runs.METRICS
    runs.append_jsonl(path, {"step": 3, "kind": "dev"})
    runs.append_jsonl(path, {"step": 3, "kind": "test"})
    assert runs.truncate_metrics(tmp_path, 3) == 1
