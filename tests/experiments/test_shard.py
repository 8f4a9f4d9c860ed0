"""experiments.shard: from text files to a folder that trains, and what it refuses."""

import json
from functools import partial

from attnlab.corpora.loading import load_corpus
from attnlab.text.parallel_corpora import CORPORA
from tests.experiments.test_cli import TRAIN

load = partial(load_corpus, CORPORA)


def test_text_becomes_shards(program, tmp_path):
    lines = [f"das haus {number % 40}" for number in range(900)] + ["zu " * 30]
    (tmp_path / "a.de").write_text("\n".join([*lines, ""]) + "\n")
    (tmp_path / "b.en").write_text("\n".join([*lines, "nothing"]) + "\n")
    text = f"{tmp_path}/a.de,{tmp_path}/b.en"
    splits = ("train", "dev", "test")
    options = [TRAIN, *(f"--config.data.files.{split}={text}" for split in splits)]
    options += ["--config.data.name=files", "--config.data.longest=20"]
    options += [
        "--config.data.units=subwords",
        "--config.data.source_vocabulary=60",
        f"--out={tmp_path}/out/shards",
    ]
    done = program("shard", *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "vocabularies: 901 pairs",
        "lengths: 901 pairs",
        "shards: 901 pairs",
    ]
    *left_out, last = done.stdout.splitlines()
    assert last.startswith(f"wrote 900 pairs to {tmp_path}/out/shards, padded to ")
    assert left_out == [
        "left out 1 pairs longer than 20 with the end mark",
        "left out 1 pairs without a word on one side",
    ]
    corpus = load("shards", folder=f"{tmp_path}/out/shards")
    assert sorted(" ".join(pair.source) for pair in corpus.train) == sorted(lines[:900])
    assert len(corpus.dev) == 902
    again = program("shard", *options)
    assert again.returncode == 2
    assert "out/shards is there already; remove it" in again.stderr
    whole = program("shard", f"--verify={tmp_path}/out/shards")
    assert whole.returncode == 0
    assert f"{tmp_path}/out/shards is whole: " in whole.stdout
    path = tmp_path / "out" / "shards" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["dev.tsv"] = "0" * 64
    path.write_text(json.dumps(manifest))
    broken = program("shard", f"--verify={tmp_path}/out/shards")
    assert broken.returncode == 2 and broken.stdout == ""
    assert "dev.tsv is damaged: its sha256" in broken.stderr.splitlines()[-1]


def test_a_mistake_is_one_line(program, tmp_path):
    for arguments, told in (
        ([], "give --out=FOLDER to write, or --verify=FOLDER to check"),
        (["--out=x"], "give --config=configs/translation.py"),
        ([f"--verify={tmp_path}"], f"no manifest.json in {tmp_path}"),
    ):
        done = program("shard", *arguments)
        assert done.returncode == 2 and done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("shard: ") and told in line
