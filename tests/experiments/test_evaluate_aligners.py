"""`experiments.evaluate` of a small aligner, beside other aligners."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import attnlab
from attnlab import runs
from attnlab.metrics.links import reverse
from attnlab.tasks.alignment.settings import AlignmentSettings
from attnlab.tasks.alignment.task import (
    init_params,
    make_pair_aligner,
    make_vocabularies,
)
from attnlab.tasks.alignment.trained import TrainedAligner
from attnlab.text.links import format_pharaoh
from experiments import evaluate, evaluate_aligners
from tests.tasks.alignment.small import small_spec


@pytest.fixture(scope="module")
def aligner(tmp_path_factory):
    """An aligner that has learned nothing, in a folder that says it has."""
    folder = tmp_path_factory.mktemp("aligner")
    (folder / runs.RESULT).write_text('{"seconds": 61.25}')
    # As many pairs in both gold sets would make files fit either.
    settings = small_spec(**{"data.synthetic.dev": 5}).settings
    assert isinstance(settings, AlignmentSettings)
    corpus = settings.data.load()
    source, target = make_vocabularies(settings, corpus)
    pair_aligner = make_pair_aligner(settings, source, target)
    counts = np.ones(source.size), np.ones(target.size)
    params = init_params(pair_aligner, counts, jax.random.key(0))
    return TrainedAligner(folder, settings, 12, params, pair_aligner)


@pytest.fixture
def trained(aligner, monkeypatch):
    """The folder, the aligner that loads from it or any other, and its gold pairs."""

    def load(folder, places=None):
        return replace(aligner, folder=folder)

    monkeypatch.setattr(attnlab, "load", load, raising=False)
    return aligner.folder, aligner.settings.data.load().gold["test"]


def numbers(printed: str, row: str) -> list[str]:
    (line,) = [line for line in printed.splitlines() if line.startswith(row + "  ")]
    return line.removeprefix(row).split()


def test_a_table_with_baselines_and_links_and_the_same_in_a_file(
    trained, tmp_path, capsys
):
    folder, gold = trained
    links, turned, out = tmp_path / "a", tmp_path / "b", tmp_path / "evaluation.tsv"
    links.write_text("".join(format_pharaoh(pair.sure) + "\n" for pair in gold))
    backward = [format_pharaoh(reverse(pair.sure)) + "\n" for pair in gold]
    turned.write_text("".join(backward))
    asked = [f"--links=one={links}", f"--links=two={turned},target-first"]
    asked += ["--baseline=ibm1,hmm", f"--out={out}"]
    assert evaluate.main([f"--run={folder}", *asked]) == 0
    printed, said = capsys.readouterr()
    tables = {part.split()[0]: part for part in printed.split("\n\n")}
    assert set(tables) >= {"dev", "test"} and "one " not in tables["dev"]
    printed, costs = tables["test"], printed
    for row in ("one", "two"):
        assert numbers(printed, row)[:4] == ["0.000", "1.000", "1.000", "0.000"]
    assert numbers(printed, "mean of posteriors")[-1] == "-"
    assert 0 < float(numbers(printed, "forward")[-1]) <= 1
    for model in ("ibm1", "hmm"):
        for row in ("forward", "backward", "grow-diag-final-and"):
            assert float(numbers(printed, f"{row}, {model}")[0]) < 1
        assert f"{model}: " in costs and f"training {model} on 64 pairs" in said
    written = [line.split("\t") for line in out.read_text().splitlines()]
    assert written[0][-1] == "seconds"
    spent = {cells[1]: cells[-1] for cells in written[1:]}
    assert float(spent["union, hmm"]) >= 0 and spent["forward"] == spent["one"] == ""


def test_runs_are_pooled(trained, tmp_path, capsys):
    folder, _ = trained
    assert evaluate.main([f"--run={folder}"]) == 0
    alone = capsys.readouterr().out
    assert evaluate.main([f"--run={folder},{tmp_path}/twin"]) == 0
    printed, said = capsys.readouterr()
    # the same numbers twice: rates and tests stay, as those of their average do
    tables = alone.split("\n\n")[0], printed.split("\n\n")[0]
    rates, pooled = ([line.split() for line in t.splitlines()] for t in tables)
    assert pooled[: len(rates)] == rates and "was written" not in said
    for row in ("forward", "grow-diag", "mean of posteriors"):
        one, both = (
            numbers(tables[0], row),
            numbers(tables[1], f"{row}, 2 averaged"),
        )
        assert one[:4] == both[:4]
    assert f"{folder}: 61.2 s of the clock in training" in printed
    assert f"{tmp_path}/twin: not finished, after 12 updates" in printed


def test_runs_of_other_settings_are_not_pooled(aligner):
    model = aligner.settings.model.model_copy(update={"null": 0.0})
    settings = aligner.settings.model_copy(update={"model": model})
    other = replace(aligner, folder="other", settings=settings)
    with pytest.raises(ValueError, match="other and .* differ in model"):
        evaluate_aligners.evaluate([aligner, other], [], [], None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--reverse=elsewhere"], "leave out --reverse"),
        (["--baseline=giza"], "unknown aligner 'giza'"),
        (["--links=nothing"], "No such file or directory: 'nothing'"),
        (["--out=no/such/folder.tsv"], "no folder no/such"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(trained, capsys, words, expected):
    assert evaluate.main([f"--run={trained[0]}", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evaluate: ") and expected in line


def test_links_that_fit_no_gold_set_are_said_in_a_line(trained, tmp_path, capsys):
    links = tmp_path / "links"
    links.write_text("0-0\n")
    asked = [f"--run={trained[0]}", f"--links=other={links}"]
    assert evaluate.main(asked) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "fits no gold set" in line and "1 lines for 5 pairs" in line
