"""Generated corpora come back from their files as they were drawn."""

import pytest

from attnlab.text import corpus_cache, synthetic
from attnlab.text.synthetic import LARGE

OPTIONS = {"train": LARGE, "dev": 5, "test": 5, "train_gold": True, "noise": 0.1}


@pytest.fixture
def draws(monkeypatch, tmp_path):
    """One number for each corpus that is drawn; nothing is left in memory."""
    calls = []
    drawn = synthetic._draw_corpus

    def counted(**options):
        calls.append(options["train"])
        return drawn(**options)

    monkeypatch.setattr(synthetic, "_draw_corpus", counted)
    monkeypatch.setattr(corpus_cache, "folder", lambda: tmp_path / "corpora")
    return calls


def make(**options):
    synthetic._LAST.clear()
    return synthetic.synthetic(**(OPTIONS | options))


def test_a_corpus_is_drawn_once_and_read_back_equal(draws, tmp_path):
    first = make()
    assert make() == first
    assert draws == [LARGE]
    assert type(make().gold["train"][0].sure) is frozenset
    make(seed=1)
    assert draws == [LARGE] * 2
    assert len(list((tmp_path / "corpora").iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b.replace(b"a", b"e")])
def test_a_damaged_file_is_not_read_but_replaced(draws, tmp_path, damage):
    first = make()
    (file,) = (tmp_path / "corpora").iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert make() == first
    assert len(draws) == 2 and file.read_bytes() == whole


def test_other_code_does_not_read_what_this_has_drawn(draws, monkeypatch):
    make()
    monkeypatch.setattr(corpus_cache, "CODE", corpus_cache.CODE[:2])
    make()
    assert len(draws) == 2


def test_a_folder_that_cannot_be_made_costs_only_time(draws, tmp_path):
    (tmp_path / "corpora").write_text("a file is in the way")
    assert make() == make()
    assert len(draws) == 2


def test_small_corpora_leave_no_file_and_old_files_go(draws, monkeypatch, tmp_path):
    make(train=50)
    assert not (tmp_path / "corpora").exists()
    monkeypatch.setattr(corpus_cache, "MOST", 1)
    make(), make(seed=1)
    assert len(list((tmp_path / "corpora").iterdir())) == 1
