"""The catalogue against itself, and (marked data) against the real folder."""

import inspect
from fnmatch import fnmatch

import pytest

from attnlab import tasks
from attnlab.corpora import catalogue
from attnlab.corpora.catalogue import fetchable, find, parse_sum
from attnlab.corpora.loading import load_corpus
from attnlab.corpora.verifying import OK, check
from attnlab.tasks import TASKS, spec

# In the real folder, and read by no loader or test of ours.
UNUSED = (
    "README.md",
    "movie_reviews/*",
    "multi30k/image_splits/*",
    "tanaka_en-ja/*",
)
SUM = "0" * 64
ENTRIES = tasks.catalogue()


def test_every_file_belongs_to_one_corpus():
    owners = [file for entry in ENTRIES for file in entry.files]
    assert sorted(owners) == sorted(catalogue.sums())
    assert len({file.path for file in owners}) == len(owners)
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    for entry in ENTRIES:
        assert bool(entry.files) == bool(entry.folders) == bool(entry.upstream)
        assert all(file.size > 0 for file in entry.files)


def test_every_corpus_that_has_a_loader_is_listed_and_the_other_way_round():
    loaders = {
        (task, name)
        for task in TASKS
        if spec(task).catalogue  # else another task lists what it reads
        for name in spec(task).corpora
        if name not in ("files", "folder", "shards")  # the user's own
    }
    assert {(entry.task, entry.setting or entry.name) for entry in ENTRIES} == loaders


@pytest.mark.parametrize(
    "path",
    ["../a", "a/../b", "/a", "a//b", "a/", "./a", "", "a\\b", "C:a", "a\0b", ".."],
)
def test_no_path_leads_out_of_the_data_folder(path):
    with pytest.raises(ValueError, match="x:7: .* is not a path below the data fold"):
        parse_sum(f"{SUM}\t1\t{path}", "x:7")


def test_a_line_of_sums_is_read_or_named():
    assert parse_sum(f"{SUM}\t12\ta/b..c", "x:1") == ("a/b..c", 12, SUM)
    for wrong in ("0" * 63, "G" * 64, "A" * 64):
        with pytest.raises(ValueError, match=f"x:1: '{wrong}' is not a sha256 sum"):
            parse_sum(f"{wrong}\t12\ta", "x:1")


def test_an_unknown_name_is_told_with_the_nearest():
    assert find(ENTRIES, "babi").task == "memn2n"
    with pytest.raises(ValueError, match="'Multi30K'; did you mean multi30k"):
        find(ENTRIES, "Multi30K")
    with pytest.raises(ValueError, match="'zzz'; choose hansards, multi30k"):
        find(ENTRIES, "zzz")


def test_what_can_be_fetched():
    every = fetchable(ENTRIES, ["all"])
    assert [entry.name for entry in every][:2] == ["hansards", "multi30k"]
    assert all(entry.files for entry in every)
    names = [entry.name for entry in fetchable(ENTRIES, ["sst", "babi", "sst"])]
    assert names == ["sst", "babi"]
    assert fetchable(ENTRIES, ["babi", "all"])[0].name == "babi"
    assert len(fetchable(ENTRIES, ["babi", "all"])) == len(every)
    with pytest.raises(ValueError, match="choose all, hansards"):
        fetchable(ENTRIES, [])
    with pytest.raises(ValueError, match="scenes is generated"):
        fetchable(ENTRIES, ["scenes"])


def test_an_unknown_option_is_told_with_the_nearest():
    with pytest.raises(ValueError, match="'sise' .*'tatoeba'; did you mean size"):
        load_corpus(spec("translation").corpora, "tatoeba", sise="full")


GENERATED = [
    entry for entry in ENTRIES if not entry.folders
]  # of the others no file is here


@pytest.mark.parametrize("entry", GENERATED, ids=lambda entry: entry.name)
def test_a_generated_corpus_is_loaded_and_described_by_its_name(entry):
    about = spec(entry.task)
    sizes = {"train": 3, "dev": 2, "test": 1} if entry.examples else {}
    corpus = load_corpus(about.corpora, entry.setting or entry.name, **sizes)
    if sizes:
        assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (3, 2, 1)
    description = about.describe(corpus, None)
    assert description.about and description.tables
    assert all(panel.series for panel in description.panels)


@pytest.mark.data
def test_the_real_folder_is_as_the_catalogue_says(data_folder):
    wrong = [c for c in (check(f, data_folder) for f in catalogue.sums()) if c[1] != OK]
    assert wrong == []
    known = {file.path for file in catalogue.sums()}
    there = (p for p in data_folder.rglob("*") if p.is_file())
    found = {path.relative_to(data_folder).as_posix() for path in there}
    left = {path for path in found - known if not any(fnmatch(path, u) for u in UNUSED)}
    assert left == set()
    assert all(any(fnmatch(path, u) for path in found) for u in UNUSED)


@pytest.mark.data
@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.folders], ids=lambda entry: entry.name
)
def test_the_numbers_of_examples_are_those_of_the_loader(
    entry, data_folder, monkeypatch
):
    monkeypatch.setenv("ATTNLAB_DATA", str(data_folder))
    loaders = spec(entry.task).corpora
    corpus = load_corpus(loaders, entry.setting or entry.name, **entry.whole)
    sizes = (len(corpus.train), len(corpus.dev), len(corpus.test))
    assert sizes == entry.examples


def test_the_numbers_of_generated_examples_are_those_of_the_loaders():
    for entry in ENTRIES:
        if not entry.folders and entry.examples:
            loader = spec(entry.task).corpora[entry.setting or entry.name]
            given = inspect.signature(loader).parameters
            sizes = [given[split].default for split in ("train", "dev", "test")]
            assert tuple(sizes) == entry.examples, entry.name
