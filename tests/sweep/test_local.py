"""The pool of processes: order, failures, kills, and what a second call does."""

import os
import signal
import time
from pathlib import Path

import pytest

from attnlab import runs
from attnlab.runs import LOG
from attnlab.sweep import local, rows
from attnlab.sweep.display import Display
from attnlab.sweep.execute import run_all
from attnlab.sweep.local import Local, cores
from tests.sweep.conftest import tries, write_config
from tests.tiny import plan


def test_runs_go_one_after_another_in_their_order(stand_in):
    folders = stand_in("works", "works", "works")
    events = []
    run_all(folders, Local(1), notify=lambda *event: events.append(event))
    assert events == [(e, folder) for folder in folders for e in ("start", "done")]
    for before, after in zip(folders[:-1], folders[1:], strict=True):
        ended = runs.read_json(before / runs.RESULT)["seconds"]
        assert tries(after)[0]["began"] >= ended


def test_processes_run_at_once_each_on_a_core(stand_in):
    folders = stand_in("works", "works")
    run_all(folders, Local(2))
    (one,), (two,) = map(tries, folders)
    assert two["began"] < runs.read_json(folders[0] / runs.RESULT)["seconds"] + 1.0
    assert len(one["cores"]) == len(two["cores"]) == 1
    if len(cores()) > 1:
        assert one["cores"] != two["cores"]
    call = ["-m", "attnlab.training.run", str(folders[0]), "--quiet", "--wait"]
    assert one["arguments"] == call


def test_more_processes_than_cores_share_them(stand_in):
    folders = stand_in("works", "works", "works")
    run_all(folders, Local(len(cores()) + 1))
    assert all((folder / runs.RESULT).exists() for folder in folders)


def test_failures_are_recorded_and_the_others_go_on(stand_in):
    folders = stand_in("fails", "killed", "exits", "works")
    events = []
    run_all(folders, Local(1), notify=lambda *event: events.append(event))
    ends = [event for event, _ in events if event != "start"]
    assert ends == ["failed", "failed", "failed", "done"]
    errors = [runs.read_json(folder / runs.ERROR)["error"] for folder in folders[:3]]
    assert errors == [
        "ValueError: no",
        f"the process ended with signal SIGKILL; see {LOG}",
        f"the process ended with exit code 3; see {LOG}",
    ]
    assert all("a word on stdout" in (f / LOG).read_text() for f in folders)
    assert not (folders[3] / runs.ERROR).exists()


def test_a_second_call_tries_the_failed_again_and_leaves_the_finished(stand_in):
    folders = stand_in("works", "killed")
    run_all(folders, Local(2))
    (folders[1] / "act").write_text("works")
    events = []
    run_all(folders, Local(2), notify=lambda *event: events.append(event))
    assert events == [("start", folders[1]), ("done", folders[1])]
    assert [len(tries(folder)) for folder in folders] == [1, 2]
    events.clear()
    began = time.monotonic()
    run_all(folders, Local(), notify=lambda *event: events.append(event))
    assert events == [] and time.monotonic() - began < 1.0


def test_a_killed_run_is_tried_again_and_one_that_raised_is_not(stand_in):
    folders = stand_in("killed works", "killed", "fails works", "exits works")
    events, said = [], []
    run_all(
        folders,
        Local(2),
        retries=2,
        notify=lambda *event: events.append(event),
        log=said.append,
    )
    assert [len(tries(folder)) for folder in folders] == [2, 3, 1, 1]
    for folder, outcome in zip(folders, ["done", *["failed"] * 3], strict=True):
        assert [e for e, f in events if f == folder] == ["start", outcome]
    again = [f"again   {name}/0  after signal SIGKILL" for name in (0, 1, 1)]
    assert sorted(said) == again
    assert not (folders[0] / runs.ERROR).exists()


def test_an_error_of_an_earlier_sweep_is_not_taken_for_a_new_one(stand_in):
    (folder,) = stand_in("killed")
    runs.write_json(folder / runs.ERROR, {"error": "ValueError: of yesterday"})
    run_all([folder], Local(1), retries=1)
    assert len(tries(folder)) == 2
    error = runs.read_json(folder / runs.ERROR)["error"]
    assert error == f"the process ended with signal SIGKILL; see {LOG}"


def test_a_kill_by_the_system_for_want_of_memory_is_told(stand_in, monkeypatch):
    counts = iter([3, 4])  # at the start and at the end
    monkeypatch.setattr(local, "out_of_memory_kills", lambda: next(counts))
    (folder,) = stand_in("killed")
    run_all([folder], Local(1))
    error = runs.read_json(folder / runs.ERROR)["error"]
    assert "signal SIGKILL, when the system was out of memory; see" in error


def test_interrupted_the_runs_under_way_are_ended(stand_in):
    folders = stand_in("sleeps", "sleeps")

    def interrupt():
        if all((folder / "tries").exists() for folder in folders):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(folders, Local(2), poll=interrupt)
    for folder in folders:
        with pytest.raises(ProcessLookupError):
            os.kill(tries(folder)[0]["pid"], 0)
        assert not (folder / runs.ERROR).exists()  # unfinished, not failed


def test_the_cache_of_compiled_programs_is_named_to_every_run(
    stand_in, tmp_path, monkeypatch
):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    (folder,) = stand_in("works")
    run_all([folder], Local(), cache=tmp_path / "cache")
    assert tries(folder)[0]["cache"] == str(tmp_path / "cache")


def test_what_the_shell_says_of_the_cache_outranks(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/somewhere")
    (folder,) = stand_in("works")
    run_all([folder], Local(), cache=tmp_path / "cache")
    assert tries(folder)[0]["cache"] == "/somewhere"


@pytest.fixture
def alike(stand_in, tmp_path, monkeypatch):
    """Four runs, of which the first and the third are alike; and a cache. The machine
    seems to have an accelerator."""
    monkeypatch.setattr(local, "hardware", lambda: "here")
    monkeypatch.setattr(local, "accelerators", lambda: ["nvidia0"])
    folders, cache = stand_in(*["works"] * 4), tmp_path / "cache"
    for folder in (folders[0], folders[2]):
        write_config(folder, 0)
    cache.mkdir()
    return folders, cache


IN_TURN = "4 runs in 3 processes, those alike in turn"
MEASURING = "measuring whether replicas pay, at most 60 s"


def sweep_in(
    cache: Path, folders: list[Path], gain, replicas: bool | None = None
) -> tuple[list[str], list]:
    """What a sweep says, and its events, where replicas gain as much."""
    (cache / "gain").write_text(str(gain))
    said, events = [], []
    run_all(
        folders,
        Local(2),
        cache=cache,
        replicas=replicas,
        notify=lambda *event: events.append(event),
        log=said.append,
    )
    return said, events


def test_replicas_that_pay_share_a_process(alike):
    folders, cache = alike
    said, events = sweep_in(cache, folders, 2.0)
    assert said == [
        MEASURING,
        "replicas of one program: 2 in one program are 2.00 times as fast as in turn "
        "on H100",
    ]
    (call,) = tries(folders[0])
    names = [str(folders[k]) for k in (0, 2)]
    assert call["arguments"][1:] == [
        "attnlab.training.run",
        *names,
        "--quiet",
        "--wait",
    ]
    assert not (folders[2] / "tries").exists()  # it has no process of its own
    assert sorted(events) == sorted(
        (event, folder) for folder in folders for event in ("start", "done")
    )


def test_replicas_that_do_not_pay_are_measured_once_and_go_in_turn(alike):
    folders, cache = alike
    said, events = sweep_in(cache, folders, 0.97)
    assert said == [
        MEASURING,
        "no replicas: 2 in one program are 0.97 times as fast as in turn on "
        "H100, and have to be 1.15",
        IN_TURN,
    ]
    starts = [folder for event, folder in events if event == "start"]
    assert sorted(starts) == folders
    assert all(len(tries(folder)) == 1 for folder in folders)
    for folder in folders:
        (folder / runs.RESULT).unlink()
    assert sweep_in(cache, folders, 5.0)[0] == said[1:]
    measured = (cache / "measured").read_text().splitlines()
    assert measured == [f"{folders[0]} {folders[2]}"]


def test_runs_go_alone_where_measuring_fails_or_no_two_are_alike(alike):
    folders, cache = alike
    said, _ = sweep_in(cache, folders, "no number")
    assert said == [MEASURING, "no replicas: they could not be measured", IN_TURN]
    assert "JSONDecodeError" in (folders[0] / LOG).read_text()
    assert all((folder / runs.RESULT).exists() for folder in folders)
    for folder in folders:
        (folder / runs.RESULT).unlink()
    said, _ = sweep_in(cache, folders[:2], 2.0)
    assert said == ["no replicas: no two differ in seed and learning rate alone"]
    assert len((cache / "measured").read_text().splitlines()) == 1
    assert sweep_in(cache, folders[:2], 2.0)[0] == []  # nothing is left to run


def test_nothing_is_measured_on_a_cpu(alike, monkeypatch):
    folders, cache = alike
    monkeypatch.setattr(local, "accelerators", list)
    said, events = sweep_in(cache, folders, 2.0)
    assert said == [IN_TURN]
    assert not (cache / "measured").exists()
    starts = [folder for event, folder in events if event == "start"]
    assert sorted(starts) == folders


def test_an_accelerator_that_jax_does_not_use_is_looked_at_again(alike):
    folders, cache = alike
    said, _ = sweep_in(cache, folders, -1.0)
    no_gain = "no replicas: JAX computes on the CPU there"
    assert said == [MEASURING, no_gain, IN_TURN]
    for folder in folders:
        (folder / runs.RESULT).unlink()
    # Its package may have been installed since.
    assert "replicas of one program" in sweep_in(cache, folders, 2.0)[0][1]


@pytest.mark.parametrize(("asked", "at_work"), [(True, 3), (False, 4)])
def test_what_is_asked_for_is_not_measured(alike, asked, at_work):
    folders, cache = alike
    sweep_in(cache, folders, 2.0, replicas=asked)
    assert not (cache / "measured").exists()
    assert sum((folder / "tries").exists() for folder in folders) == at_work


def sweep_in_turn(folders: list[Path], retries: int = 0) -> list[tuple[str, Path]]:
    """The events of a sweep whose runs are all alike, by one process at a time."""
    events: list[tuple[str, Path]] = []
    for folder in folders:
        write_config(folder, 0)
    run_all(
        folders,
        Local(1),
        retries=retries,
        notify=lambda *event: events.append(event),
    )
    return events


def test_runs_that_are_alike_go_in_turn_in_one_process(stand_in):
    folders = stand_in("works", "fails", "works")
    events = sweep_in_turn(folders)
    ends = ["done", "failed", "done"]
    assert events == [
        event
        for folder, end in zip(folders, ends, strict=True)
        for event in (("start", folder), (end, folder))
    ]
    calls = [call for folder in folders for call in tries(folder)]
    assert len({call["pid"] for call in calls}) == 1
    words = [*map(str, folders), "--quiet", "--wait", "--in-turn"]
    assert calls[0]["arguments"][2:] == words


@pytest.mark.parametrize("act", ["killed", "exits"])
def test_a_crash_costs_the_runs_after_it_a_new_process_and_no_try(stand_in, act):
    folders = stand_in("works", act, "works", "works")
    events = sweep_in_turn(folders)
    assert [len(tries(folder)) for folder in folders] == [1, 1, 1, 1]
    ends = [event for event, _ in events if event != "start"]
    assert ends == ["done", "failed", "done", "done"]
    assert tries(folders[2])[0]["pid"] == tries(folders[3])[0]["pid"]
    assert tries(folders[2])[0]["pid"] != tries(folders[1])[0]["pid"]


def test_a_run_that_is_killed_in_its_turn_is_tried_again_before_the_rest(stand_in):
    folders = stand_in("works", "killed works", "works")
    events = sweep_in_turn(folders, retries=1)
    assert [len(tries(folder)) for folder in folders] == [1, 2, 1]
    assert [event for event, _ in events] == ["start", "done"] * 3


def test_a_killed_run_is_no_longer_said_to_be_at_work(stand_in):
    folders = stand_in("killed", "works")
    for folder in folders:
        runs.write_progress(folder, runs.RunProgress(runs.TRAINING, step=3))
    run_all(folders, Local(1))
    assert [runs.read_progress(folder) for folder in folders] == [None, None]


def device_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("names", "variables", "expected"),
    [
        ([], {}, []),
        (["nvidiactl", "null", "vfio/vfio", "accel/accel0"], {}, []),
        (["nvidia0", "nvidia1"], {}, ["nvidia0", "nvidia1"]),
        (["nvidia0"], {"CUDA_VISIBLE_DEVICES": ""}, []),
        (["nvidia0"], {"CUDA_VISIBLE_DEVICES": "-1"}, []),
        (["nvidia0"], {"CUDA_VISIBLE_DEVICES": "0"}, ["nvidia0"]),
        (["nvidia0", "accel0"], {"JAX_PLATFORMS": "cpu"}, []),
        (["nvidia0"], {"JAX_PLATFORMS": "cuda,cpu"}, ["nvidia0"]),
        (["nvidia0"], {"JAX_PLATFORMS": ""}, ["nvidia0"]),
        (["kfd"], {"HIP_VISIBLE_DEVICES": "-1"}, []),
        (["accel0", "accel1"], {"CUDA_VISIBLE_DEVICES": ""}, ["accel0", "accel1"]),
        (["vfio/0", "vfio/vfio"], {}, ["0"]),
    ],
)
def test_accelerators_are_seen_without_jax(
    tmp_path, monkeypatch, names, variables, expected
):
    for name in ("JAX_PLATFORMS", *sum(local.DEVICES.values(), ())):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    device_files(tmp_path, *names)
    monkeypatch.setattr(local, "PLACE", tmp_path)
    assert local.accelerators() == expected
    assert (Local(1).hardware is None) == (expected == [])


def test_all_of_a_killed_program_are_failed_and_name_its_log(alike):
    folders, cache = alike
    (folders[0] / "act").write_text("killed")
    _, events = sweep_in(cache, folders, 2.0)
    assert sorted(f for event, f in events if event == "failed") == folders[:3:2]
    errors = [runs.read_json(folders[k] / runs.ERROR)["error"] for k in (0, 2)]
    killed = "the process ended with signal SIGKILL; see"
    assert errors == [f"{killed} {LOG}", f"{killed} ../../0/0/{LOG}"]


def test_of_a_killed_program_only_the_runs_that_are_left_are_tried_again(alike):
    folders, cache = alike
    (folders[0] / "act").write_text("first-only works")
    (cache / "gain").write_text("2.0")
    run_all(folders, Local(2), cache=cache, retries=1)
    assert [len(tries(folders[k])) for k in (0, 2)] == [1, 1]
    assert tries(folders[2])[0]["arguments"][2:-2] == [str(folders[2])]
    assert all((folder / runs.RESULT).exists() for folder in folders)


@pytest.mark.parametrize("processes", [0, -1])
def test_no_processes_are_refused(processes):
    with pytest.raises(ValueError, match=f"processes is {processes}"):
        Local(processes)


def test_the_display_tells_of_every_start_and_end(stand_in, tmp_path, capsys):
    folders = stand_in("works", "killed")
    runs.write_json(folders[0] / runs.RESULT, {"bleu": 1.0, "seconds": 2.0})
    folders += [tmp_path / "sweep" / "last" / "0"]
    write_config(folders[2], 0)
    (folders[2] / "act").write_text("works")
    with Display(folders, tmp_path / "sweep") as display:
        run_all(folders, Local(1), notify=display.notify, poll=display.poll)
    lines = [" ".join(line.split()) for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == "1 of 3 runs are finished already"
    assert lines[1] == "start 1/0"
    error = f"the process ended with signal SIGKILL; see {LOG}"
    assert lines[2] == f"FAILED 1/0 {error} [2/3]"
    assert lines[3] == "start last/0"
    assert lines[4].startswith("done last/0 bleu 1") and lines[4].endswith("[3/3]")


def test_a_real_sweep_with_a_bad_row_and_a_real_kill(tmp_path):
    # A row that asks for too many devices, one that is killed, one that trains.
    def sweep(add):
        add("broken", devices=3)
        add("killed")
        add("general")

    planned = plan(sweep)
    train = planned[1].config["train"] | {"steps": 10**6, "evaluate_every": 10**6}
    planned[1] = planned[1]._replace(config=planned[1].config | {"train": train})
    folders = rows.write_folders(planned, tmp_path)
    broken, killed, general = folders
    shot = []

    def shoot():
        if (killed / runs.METRICS).exists() and not shot:
            for pid in _children():
                if str(killed) in _command(pid):
                    os.kill(pid, signal.SIGKILL)
                    shot.append(pid)

    run_all(folders, Local(2), poll=shoot)
    assert runs.read_json(general / runs.RESULT)["steps"] == 30
    assert not (general / runs.ERROR).exists()
    error = runs.read_json(broken / runs.ERROR)["error"]
    assert error.startswith("ValueError: train.devices is 3")
    assert "Traceback" in (broken / LOG).read_text()
    error = runs.read_json(killed / runs.ERROR)["error"]
    assert error == f"the process ended with signal SIGKILL; see {LOG}"
    assert len(shot) == 1

    found = runs.find(tmp_path)
    assert [run.row for run in found] == ["broken", "killed", "general"]
    assert [bool(run.result) for run in found] == [False, False, True]


def _children() -> list[int]:
    """Processes that this one has started (Linux)."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in listed.split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
