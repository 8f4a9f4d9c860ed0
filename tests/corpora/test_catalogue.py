"""The catalogue against itself, and (marked data) against the real folder."""

from fnmatch import fnmatch

import pytest

from attnlab.corpora import catalogue, loading
from attnlab.corpora.catalogue import CATALOGUE, ENTRIES, fetchable, find, parse_sum
from attnlab.corpora.verifying import OK, check

# In the real folder, and read by no loader or test of ours.
UNUSED = (
    "README.md",
    "cmudict/*",
    "movie_reviews/*",
    "multi30k/image_splits/*",
    "nettalk/*",
    "sigmorphon2016_german/*",
    "tanaka_en-ja/*",
)
SUM = "0" * 64


def test_every_file_belongs_to_one_corpus():
    owners = [file for entry in ENTRIES for file in entry.files]
    assert sorted(owners) == sorted(catalogue.sums())
    assert len({file.path for file in owners}) == len(owners)
    assert len(CATALOGUE) == len(ENTRIES)
    for entry in ENTRIES:
        assert bool(entry.files) == bool(entry.folders) == bool(entry.upstream)
        assert all(file.size > 0 for file in entry.files)


def test_every_corpus_that_has_a_loader_is_listed_and_the_other_way_round():
    loaders = {
        (task, name)
        for task, named in loading.LOADERS.items()
        for name in named
        if name not in ("files", "folder", "shards")  # the user's own
    }
    assert {(entry.task, entry.reads or entry.name) for entry in ENTRIES} == loaders


def test_every_task_of_the_configs_reads_the_same_corpora():
    from attnlab.tasks.cloze import task as read
    from attnlab.tasks.memn2n import task as answer
    from attnlab.tasks.ntm import task as memorise

    for task, theirs in (
        ("memn2n", answer.CORPORA),
        ("read", read.CORPORA),
        ("ntm", memorise.PROBLEMS),
    ):
        ours = loading.LOADERS[task]
        assert {k: v for k, v in theirs.items() if k != "files"} == ours, task


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


def test_names_are_found_or_the_nearest_is_told():
    assert find("babi").task == "memn2n"
    with pytest.raises(ValueError, match="unknown corpus 'Multi30K'; did you mean mul"):
        find("Multi30K")
    with pytest.raises(ValueError, match="unknown corpus 'zzz'; choose hansards, mul"):
        find("zzz")


def test_what_can_be_fetched():
    every = fetchable(["all"])
    assert [entry.name for entry in every][:2] == ["hansards", "multi30k"]
    assert all(entry.files for entry in every)
    assert [e.name for e in fetchable(["sst", "babi", "sst"])] == ["sst", "babi"]
    assert fetchable(["babi", "all"])[0].name == "babi"
    assert len(fetchable(["babi", "all"])) == len(every)
    with pytest.raises(ValueError, match="name a corpus; choose all, hansards"):
        fetchable([])
    with pytest.raises(ValueError, match="scenes is generated and has no files"):
        fetchable(["scenes"])


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(ValueError, match="'sise' of corpus 'tatoeba'; did you mean si"):
        loading.load("tatoeba", sise="full")


def test_any_corpus_is_loaded_by_its_name():
    sizes = {"train": 3, "dev": 2, "test": 1}
    for name in ("synthetic", "scenes", "cloze", "stories", "evidence"):
        corpus = loading.load(name, **sizes)
        assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (3, 2, 1)
    assert loading.load("copy", lengths=[2, 3]).training == [(2,), (3,)]


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
@pytest.mark.parametrize("name", [e.name for e in ENTRIES if e.folders])
def test_the_numbers_of_examples_are_those_of_the_loader(name, data_folder):
    options = {**loading.WHOLE.get(name, {}), "folder": data_folder}
    corpus = loading.load(name, **options)
    sizes = (len(corpus.train), len(corpus.dev), len(corpus.test))
    assert sizes == find(name).examples


def test_the_numbers_of_generated_examples_are_those_of_the_loaders():
    import inspect

    for entry in ENTRIES:
        if not entry.folders and entry.examples:
            loader = loading.LOADERS[entry.task][entry.reads or entry.name]
            given = inspect.signature(loader).parameters
            sizes = [given[split].default for split in ("train", "dev", "test")]
            assert tuple(sizes) == entry.examples, entry.name
