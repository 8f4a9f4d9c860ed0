"""Against the numbers and files of lilt/alignment-scripts, on real gold links."""

import csv

import pytest

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics import symmetrization as symmetrize
from attnlab.text.links import read_pharaoh, read_wpt

pytestmark = pytest.mark.data

SYSTEMS = ("fastalign", "giza")


@pytest.fixture(scope="module")
def folder(data_folder):
    return data_folder / "hansards_fr-en"


@pytest.fixture(scope="module")
def gold(folder):
    """Links (t, s) of English to French by id: English is the first column."""
    return read_wpt(folder / "gold_test_all.wa.nonullalign.gz")


def outputs(folder, system, kind="", **options):
    path = folder / "system_outputs" / f"{system}.test.enfr.{kind}talp.gz"
    return [links for links, _ in read_pharaoh(path, **options)]


@pytest.fixture(scope="module")
def expected(folder):
    path = folder / "system_outputs" / "expected_aer.tsv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_published_aer(folder, gold, expected):
    assert len(expected) == 12
    identities = sorted(gold)
    assert identities == list(range(1, 448))
    for row in expected:
        path = folder / "system_outputs" / row["file"]
        backward = row["pair_order"] == "fr-en"
        result = [links for links, _ in read_pharaoh(path, target_first=backward)]
        whole = aer.corpus_agreement(result, [gold[i] for i in identities])
        odd = aer.corpus_agreement(
            result[::2], [gold[i] for i in identities if i % 2 == 1]
        )
        name = row["file"]
        assert round(100 * whole.aer, 1) == float(row["published_aer_447"]), name
        for value, column in (
            (whole.aer, "aer_447"),
            (whole.precision, "precision_447"),
            (whole.recall, "recall_447"),
            (odd.aer, "aer_odd224"),
        ):
            assert 100 * value == pytest.approx(float(row[column]), abs=1e-4), name
        assert whole.links == int(row["links"]), name


@pytest.mark.parametrize(
    "direction, published",
    [("fwd", 8.48), ("rev", 7.49), ("intersection", 7.03), ("union", 8.79)],
)
def test_eflomal_on_the_odd_pairs(folder, gold, direction, published):
    path = folder / "system_outputs" / "eflomal.gold_test_odd.en-fr."
    both = [
        [links for links, _ in read_pharaoh(f"{path}{name}.gz")]
        for name in ("fwd", "rev")
    ]
    if direction in ("fwd", "rev"):
        result = both[direction == "rev"]
    else:
        combine = symmetrize.SYMMETRIZATIONS[direction]
        result = [combine(f, b) for f, b in zip(*both, strict=True)]
    odd = [links for name, links in sorted(gold.items()) if name % 2 == 1]
    value = 100 * aer.corpus_agreement(result, odd).aer
    assert value == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "kind, combine",
    [
        ("intersection", symmetrize.intersection),
        ("union", symmetrize.union),
        ("grow-diagonal", symmetrize.grow_diagonal),
        ("grow-diagonal-final", symmetrize.grow_diagonal_final_and),
    ],
)
def test_symmetrized_files_come_out_link_for_link(folder, system, kind, combine):
    forward = outputs(folder, system)
    backward = outputs(folder, system, "reverse.", target_first=True)
    options = {"free": "both", "order": symmetrize.LILT_ORDER} if "grow" in kind else {}
    result = [combine(f, b, **options) for f, b in zip(forward, backward, strict=True)]
    assert result == outputs(folder, system, f"{kind}.")
