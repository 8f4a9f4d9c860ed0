"""What a sweep is refused for before its first run: data, and what its report lacks."""

import pytest

from attnlab import runs
from attnlab.corpora.folder import VARIABLE
from attnlab.settings import DataSettings
from attnlab.sweep.data_checks import check_data
from attnlab.sweep.rows import check_report, plan
from configs.alignment import get_config as alignment_config
from configs.translation import get_config

TINY = {"data.synthetic.train": 8, "data.synthetic.dev": 4, "data.synthetic.test": 4}


def specs_of(sweep, config=get_config, **overrides):
    return plan(config(), sweep, TINY | overrides)


def two(add):
    for seed in range(2):
        add("first", seed=seed)
        add("second", score="additive", seed=seed)


def test_missing_files_are_one_line_for_all_rows(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    specs = specs_of(two, **{"data.name": "multi30k"})
    with pytest.raises(ValueError) as error:
        check_data(specs, tmp_path)
    (line,) = str(error.value).splitlines()
    assert line.startswith("all 2 rows: multi30k/") and str(tmp_path / "none") in line


def test_own_files_that_are_not_there_are_named(tmp_path):
    paths = f"{tmp_path}/a,{tmp_path}/b"
    specs = specs_of(
        lambda add: [
            add("theirs"),
            add("mine", **{"data.name": "files", "data.files.train": paths}),
        ]
    )
    with pytest.raises(ValueError) as error:
        check_data(specs, tmp_path)
    (line,) = str(error.value).splitlines()
    assert line.startswith("row 'mine': ") and f"{tmp_path}/a" in line


def test_what_the_corpus_does_not_fit_names_its_rows(tmp_path):
    specs = specs_of(
        lambda add: [
            add("fine"),
            add("gold", **{"evaluate.gold": "tesst"}),
            add("stop", stop_on="error_rate"),
            add("other", stop_on="error_rate"),
        ]
    )
    with pytest.raises(ValueError) as error:
        check_data(specs, tmp_path)
    gold, stop = str(error.value).splitlines()
    assert gold.startswith("row 'gold': evaluate.gold is 'tesst'; choose ")
    assert stop == (
        "rows 'stop', 'other': unknown train.stop_on 'error_rate'; choose bleu, "
        "perplexity"
    )
    check_data(specs[:1], tmp_path)


def test_an_aligner_has_the_scores_of_its_corpus(tmp_path):
    def sweep(add):
        add("a", stop_on="aer")

    check_data(specs_of(sweep, alignment_config), tmp_path)  # of the other gold set


def test_a_corpus_is_read_once_and_not_for_what_has_finished(tmp_path, monkeypatch):
    read, load = [], DataSettings.load

    def spy(self):
        read.append(self.name)
        return load(self)

    monkeypatch.setattr(DataSettings, "load", spy)
    specs = specs_of(two)
    check_data(specs, tmp_path)
    assert read == ["synthetic"]
    for run in specs:
        (tmp_path / run.place).mkdir(parents=True)
        (tmp_path / run.place / runs.RESULT).write_text("{}")
    check_data(specs, tmp_path)
    assert read == ["synthetic"]


def test_the_reports_row_and_setting_are_there_or_refused(tmp_path):
    specs = specs_of(two)
    for baseline in ("first", "second", None):
        check_report(specs, tmp_path, baseline, "model.score")
    with pytest.raises(ValueError, match="no row 'third'.*choose first, second"):
        check_report(specs, tmp_path, "third", None)
    (tmp_path / "third").mkdir()
    check_report(specs, tmp_path, "third", None)  # of an earlier sweep
    with pytest.raises(ValueError, match="'model.window' does not vary.*model.score"):
        check_report(specs, tmp_path, None, "window")
