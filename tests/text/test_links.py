import gzip

import pytest

from attnlab.text.links import format_pharaoh, parse_pharaoh, read_pharaoh, read_wpt


def test_parse_flips_to_target_source_and_puts_sure_into_possible():
    sure, possible = parse_pharaoh("0-1 2?1 3p0\n")
    assert sure == {(1, 0)}
    assert possible == {(1, 0), (1, 2), (0, 3)}


def test_parse_target_first_and_one_based():
    assert parse_pharaoh("1-2 3-1", target_first=True)[0] == {(1, 2), (3, 1)}
    assert parse_pharaoh("1-2 3-1", one_based=True)[0] == {(1, 0), (0, 2)}
    both = parse_pharaoh("1-2", one_based=True, target_first=True)
    assert both == ({(0, 1)}, {(0, 1)})


@pytest.mark.parametrize("line", ["", "  ", "\n"])
def test_empty_line_has_no_links(line):
    assert parse_pharaoh(line) == (frozenset(), frozenset())


def test_link_given_both_sure_and_possible_is_sure():
    assert parse_pharaoh("0?0 0-0 0-0") == ({(0, 0)}, {(0, 0)})


@pytest.mark.parametrize(
    "word", ["0", "0-", "-1-2", "0_1", "0-1-2", "a-b", "1.0-2", "²-1"]
)
def test_malformed_link_is_named(word):
    with pytest.raises(ValueError, match="gold.txt:7: .* is not a link") as error:
        parse_pharaoh(f"0-0 {word}", where="gold.txt:7")
    assert repr(word) in str(error.value)


def test_position_outside_its_sentence_names_file_line_and_link():
    known = {"source_length": 3, "target_length": 2, "where": "gold.txt:4"}
    assert parse_pharaoh("2-1", **known)[0] == {(1, 2)}
    with pytest.raises(
        ValueError, match="gold.txt:4: link '3-1' points at source word 3"
    ):
        parse_pharaoh("2-1 3-1", **known)
    with pytest.raises(ValueError, match="'2.2' points at target word 2.*has 2 words"):
        parse_pharaoh("2?2", **known)
    # the last word of a 1-based file is inside, and 0 is not a position
    assert parse_pharaoh("3-2", one_based=True, **known)[0] == {(1, 2)}
    with pytest.raises(ValueError, match="source word 4 .counting from 1"):
        parse_pharaoh("4-2", one_based=True, **known)
    with pytest.raises(ValueError, match="gold.txt:4: link '1-0' counts target words"):
        parse_pharaoh("1-0", one_based=True, **known)


@pytest.mark.parametrize("target_first", [False, True])
def test_lengths_are_checked_on_the_right_side(target_first):
    line = "0-4" if target_first else "4-0"  # source word 4, target word 0
    parse_pharaoh(line, source_length=5, target_length=1, target_first=target_first)
    with pytest.raises(ValueError, match="points at source word 4"):
        parse_pharaoh(line, source_length=1, target_length=5, target_first=target_first)


def test_format_is_the_inverse_of_parse():
    line = "0-1 1?0 1-3 4-2"
    assert format_pharaoh(*parse_pharaoh(line)) == line
    assert format_pharaoh([]) == ""


@pytest.mark.parametrize("name", ["a.talp", "a.talp.gz"])
def test_read_pharaoh(tmp_path, name):
    path = tmp_path / name
    text = "0-0 1-1 \n\n2-0\n"
    path.write_bytes(gzip.compress(text.encode()) if name[-1] == "z" else text.encode())
    expected = [{(0, 0), (1, 1)}, set(), {(0, 2)}]
    assert [sure for sure, _ in read_pharaoh(path)] == expected
    lengths = [(2, 2), (1, 1), (3, 1)]
    assert [sure for sure, _ in read_pharaoh(path, lengths=lengths)] == expected
    with pytest.raises(
        ValueError, match=r"talp\S*:3: link '2-0' points at source word 2"
    ):
        read_pharaoh(path, lengths=[(2, 2), (1, 1), (2, 1)])
    with pytest.raises(ValueError, match="has 3 lines for 2 pairs"):
        read_pharaoh(path, lengths=lengths[:2])


def test_read_wpt(tmp_path):
    path = tmp_path / "gold.wa"
    path.write_text("0001 1 1 S\n0001 2 1 P\n\n0003 1 2\n0003 0 1 S\n0003 2 3 S 0.5\n")
    links = read_wpt(path)
    assert links == {
        1: ({(0, 0)}, {(0, 0), (0, 1)}),
        3: ({(1, 0), (2, 1)}, {(1, 0), (2, 1)}),  # no mark = sure; 0 = no word
    }
    assert read_wpt(path, target_first=True)[1] == ({(0, 0)}, {(0, 0), (1, 0)})
    assert read_wpt(path, lengths={1: (2, 1), 3: (2, 3)}) == links


def test_wpt_errors_name_file_line_and_link(tmp_path):
    path = tmp_path / "gold.wa"
    path.write_text("1 1 1 S\n1 1 x S\n")
    with pytest.raises(ValueError, match=r"gold.wa:2: '1 1 x S' is not a WPT link"):
        read_wpt(path)
    path.write_text("1 1 1 S\n1 3 1 S\n")
    with pytest.raises(ValueError, match=r"gold.wa:2: link '1 3 1 S' points at source"):
        read_wpt(path, lengths={1: (2, 2)})
    with pytest.raises(ValueError, match="gold.wa:1: no pair has the id 1"):
        read_wpt(path, lengths={2: (2, 2)})
    path.write_text("1 1 1 Q\n")
    with pytest.raises(ValueError, match="is not a WPT link"):
        read_wpt(path)


@pytest.mark.data
def test_hansards_gold_agrees_between_its_two_formats(data_folder):
    folder = data_folder / "hansards_fr-en"
    every = read_wpt(folder / "gold_test_all.wa.nonullalign.gz", target_first=True)
    assert len(every) == 447
    with gzip.open(
        folder / "gold_test_odd.fr-en.tsv.gz", "rt", encoding="utf-8"
    ) as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    assert len(rows) == 224
    for name, french, english, line, *_ in rows:
        lengths = {
            "source_length": len(french.split()),
            "target_length": len(english.split()),
        }
        assert parse_pharaoh(line, **lengths) == every[int(name)]
