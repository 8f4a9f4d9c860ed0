"""Files of other aligners' links: which gold set they are of, and their two forms."""

from pathlib import Path

import pytest

from attnlab.corpora.folder import corpus_file
from attnlab.metrics.alignment_error_rate import corpus_agreement
from attnlab.text.hansards import GOLD as HANSARDS
from attnlab.text.hansards import UPSTREAM
from attnlab.text.lines import read_columns, read_gold_table
from attnlab.text.other_links import LinkFile, links_of_gold, parse_link_file
from attnlab.text.pairs import GoldPair

NONE = frozenset()
ONE = GoldPair(("a", "b", "c"), ("x", "y"), NONE, NONE)  # three words, two words
TWO = GoldPair(("a",), ("x",), NONE, NONE)
GOLD = {"long": [ONE, TWO, ONE], "short": [TWO, TWO]}


def written(folder: Path, text: str, **how) -> LinkFile:
    path = folder / "links"
    path.write_text(text)
    return LinkFile("other", path, **how)


def test_what_a_text_says():
    assert parse_link_file("GIZA++=a/b.gz") == LinkFile("GIZA++", Path("a/b.gz"))
    said = parse_link_file("g=f,odd,target-first,gold=dev37,from-1")
    assert said == LinkFile("g", Path("f"), True, True, True, "dev37")
    said = parse_link_file("a/giza.gz,odd,gold=dev")
    assert said == LinkFile("a/giza.gz", Path("a/giza.gz"), odd=True, gold="dev")
    for text in ("", "=file", "giza="):
        with pytest.raises(ValueError, match=rf"{text!r} is not \[NAME=\]FILE"):
            parse_link_file(text)
    with pytest.raises(ValueError, match="'even' of g; choose target-first, from-1"):
        parse_link_file("g=f,even")


def test_a_pharaoh_file_is_of_the_set_with_as_many_pairs(tmp_path):
    name, links = links_of_gold(written(tmp_path, "2-1 0?0\n\n0-0 1-0\n"), GOLD)
    assert name == "long"
    # (t, s), and only what the aligner is sure of
    assert links == [{(1, 2)}, set(), {(0, 0), (0, 1)}]
    turned = written(tmp_path, "1-2\n\n0-0 0-1\n", target_first=True)
    assert links_of_gold(turned, GOLD) == (name, links)
    counted = written(tmp_path, "3-2\n\n1-1 2-1\n", one_based=True)
    assert links_of_gold(counted, GOLD) == (name, links)
    assert links_of_gold(written(tmp_path, "0-0\n0-0\n"), GOLD)[0] == "short"


def test_every_other_line_of_a_larger_set(tmp_path):
    text = "2-1\n9-9\n\n9-9\n0-0\n"
    name, links = links_of_gold(written(tmp_path, text, odd=True), GOLD)
    assert name == "long" and links == [{(1, 2)}, set(), {(0, 0)}]


def test_a_wpt_file_says_nothing_of_pairs_without_links(tmp_path):
    text = "0001 3 2 S\n0001 1 1 P\n3 1 1\n3 2 1 S 0.5\n3 0 1\n"
    name, links = links_of_gold(written(tmp_path, text), GOLD)
    assert name == "long" and links == [{(1, 2)}, set(), {(0, 0), (0, 1)}]
    turned = written(tmp_path, "1 2 3\n3 1 1\n3 1 2\n", target_first=True)
    assert links_of_gold(turned, GOLD) == (name, links)
    # 1, 3 and 5 are the first three; even pairs are not in the set, and unchecked
    odd = written(tmp_path, "1 3 2\n2 9 9\n5 1 1\n5 2 1\n", odd=True)
    assert links_of_gold(odd, GOLD) == (name, links)


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        ("0-0\n" * 5, {}, r"links fits no gold set; long: 5 lines for 3 pairs; short"),
        ("0-0\n" * 7, {"odd": True}, "short: 4 odd-numbered lines for 2 pairs"),
        ("1-2\n\n\n", {}, r"long: line 1: link '1-2'.*\(it fits with target-first\)"),
        ("4 1 1\n", {}, "long: links of pair 4, of 3 pairs"),
        ("0 1 1\n", {}, "long: links of pair 0, of 3 pairs"),
        ("2 1 2\n", {}, "long: pair 2 links target word 2 to source word 1"),
        ("nonsense\n\n\n", {}, "long: line 1: 'nonsense' is not a link"),
        ("1 1 1\n", {}, "fits several gold sets: add gold=long or gold=short"),
        ("0-0\n", {"gold": "none"}, "no gold set 'none'; choose long, short"),
    ],
)
def test_a_file_that_fits_no_set_is_named_in_a_line(tmp_path, text, how, expected):
    with pytest.raises(ValueError, match=expected) as error:
        links_of_gold(written(tmp_path, text, **how), GOLD)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_set_may_be_named(tmp_path):
    file = written(tmp_path, "1 1 1\n", gold="short")
    assert links_of_gold(file, GOLD) == ("short", [{(0, 0)}, set()])
    with pytest.raises(FileNotFoundError):
        links_of_gold(LinkFile("other", tmp_path / "nothing"), GOLD)


@pytest.mark.data
def test_published_files_of_the_hansards():
    def path(name):
        return corpus_file(f"hansards_fr-en/{name}", upstream=UPSTREAM)

    gold = {name: read_gold_table(path(file)) for name, file in HANSARDS.items()}
    table = path("system_outputs/expected_aer.tsv")
    for row in read_columns(table, 8, header=True):
        first = row[1].split("-")[0]
        outputs = path(f"system_outputs/{row[0]}")
        file = LinkFile("it", outputs, target_first=first == "en", odd=True)
        name, links = links_of_gold(file, gold)
        assert name == "odd224"
        marks = [(pair.sure, pair.possible) for pair in gold[name]]
        rate = corpus_agreement(links, marks).aer
        assert 100 * rate == pytest.approx(float(row[7]), abs=1e-4)
        with pytest.raises(ValueError, match="it fits with"):
            links_of_gold(file._replace(target_first=not file.target_first), gold)
    words = path("gold_test_all.wa.nonullalign.gz")
    file = LinkFile("gold", words, target_first=True, odd=True)
    name, links = links_of_gold(file, gold)
    assert name == "odd224" and links == [pair.sure for pair in gold[name]]
