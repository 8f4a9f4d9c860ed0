"""summary.csv: a line a run with its numbers, and the settings that vary."""

import csv
import io

from attnlab import runs
from attnlab.report import rows
from attnlab.report.results import results
from attnlab.report.summary import COLUMNS, summary_csv


def write(root, name, seed, order=0, result=None, **settings):
    slug = runs.slug(name)
    folder = root / slug / str(seed)
    names = {"row": name, "slug": slug, "seed": seed, "order": order}
    runs.write_json(folder / runs.CONFIG, names | settings)
    if result is not None:
        runs.write_json(folder / runs.RESULT, result)
    return folder


def read(root) -> list[dict[str, str]]:
    text = summary_csv(rows.group([rows.checked(run) for run in runs.find(root)]), root)
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_a_run_with_every_number(tmp_path):
    result = {"bleu": 20.5, "aer": None, "aers": {"dev37": {"aer_20": 0.25}}, "new": 3}
    write(tmp_path, "zeta (dot)", 0, 0, result)
    runs.append_jsonl(write(tmp_path, "zeta (dot)", 1) / runs.METRICS, {"step": 40})
    failed = write(tmp_path, "alpha", 1, 2)
    runs.write_json(failed / runs.ERROR, {"error": "no\nmemory, again", "step": 7})
    lines = read(tmp_path)
    assert [line["state"] for line in lines] == ["finished", "unfinished", "failed"]
    first = lines[0]
    assert first["bleu"] == "20.5" and first["aer"] == "" and first["new"] == "3"
    assert first["aers.dev37.aer_20"] == "0.25" and first["folder"] == "zeta-dot/0"
    assert lines[2]["error"] == "failed at step 7: no memory, again"
    assert list(first)[-2:] == ["error", "folder"]
    assert list(first)[: len(COLUMNS)] == list(COLUMNS)  # no run differs in a setting


def test_settings_that_vary_are_columns_by_their_dotted_name(tmp_path):
    shared = {"version": 4, "task": "translation", "train": {"steps": 9, "clip": 1.0}}
    of_rows = {
        "a": {"score": "dot", "input_feeding": True, "edges": [8, 16], "hidden": 4},
        "b": {"score": "none", "input_feeding": False, "edges": [8], "hidden": 4},
    }
    for order, (name, model) in enumerate(of_rows.items()):
        for seed in range(2):
            write(tmp_path, name, seed, order, {"bleu": 1.0}, **shared, model=model)
    first, _, third, _ = read(tmp_path)
    settings = ["model.score", "model.input_feeding", "model.edges"]
    assert list(first)[-5:] == [*settings, "error", "folder"]
    assert [first[name] for name in settings] == ["dot", "True", "[8, 16]"]
    assert [third[name] for name in settings] == ["none", "False", "[8]"]
    assert not {"train.steps", "model.hidden", "task", "version"} & set(first)
    assert set(settings) <= set(results(tmp_path).columns)


def test_what_varies_within_a_row_is_there_and_the_seed_once(tmp_path):
    for seed in range(2):
        write(tmp_path, "a", seed, data={"synthetic": {"seed": seed}})
    first, second = read(tmp_path)
    column = "data.synthetic.seed"
    assert (first[column], second[column]) == ("0", "1")
    assert list(first).count("seed") == 1 and list(first)[-3] == column


def test_a_setting_that_an_older_or_damaged_run_lacks_does_not_vary(tmp_path):
    write(tmp_path, "new", 0, model={"score": "dot", "chunk": 2})
    write(tmp_path, "old", 0, 1, model={"score": "dot"})
    (write(tmp_path, "bad", 0, 2, model={"score": "x"}) / runs.CONFIG).write_text("{")
    assert list(read(tmp_path)[0]) == [*COLUMNS, "error", "folder"]
    write(tmp_path, "other", 0, 3, model={"score": "dot", "chunk": 3})
    chunks = {line["row"]: line["model.chunk"] for line in read(tmp_path)}
    assert (chunks["new"], chunks["old"], chunks["other"]) == ("2", "", "3")


def test_a_number_outranks_a_setting_of_its_name(tmp_path):
    for order, name in enumerate("ab"):
        write(tmp_path, name, 0, order, {"size": 7}, size=order)
    lines = read(tmp_path)
    assert [line["size"] for line in lines] == ["7", "7"]
    assert list(lines[0]).count("size") == 1
