"""Fonts for letters that matplotlib's own lacks: chosen where one is installed."""

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from attnlab.report import figures, fonts
from attnlab.report.fonts import choose_fonts


def write_font(path, family: str, letters: str) -> str:
    """A font in which each letter is a square."""
    pen = TTGlyphPen(None)
    for move, point in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if move else pen.moveTo)(point)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(
        {ord(letter): name for letter, name in zip(letters, names[1:], strict=True)}
    )
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return str(path)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(family, letters): a font of this machine, in this test alone.

    matplotlib's own fonts are there; those of the machine are not.
    """
    own = [
        entry
        for entry in font_manager.fontManager.ttflist
        if "mpl-data" in entry.fname and "Last Resort" not in entry.name
    ]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    files = []
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: files)

    def make(family: str, letters: str) -> None:
        files.append(write_font(tmp_path / f"{family}.ttf", family, letters))

    return make


def test_the_default_has_latin_greek_cyrillic_hebrew_and_arabic(install):
    words = ["naïve", "ἀλφα", "слово", "שלום", "مرحبا", "½ → ≤\u200d\ufeff\n"]
    assert choose_fonts(words) == (("DejaVu Sans",), "")
    assert choose_fonts([]).advice() is None


def test_a_font_that_has_the_letters_is_taken_after_the_default(install):
    install("A Little", "中")
    install("Much", "中文字")
    install("Other", "집")
    chosen = choose_fonts(["the 中文", "字", "집 집"])
    assert chosen == (("DejaVu Sans", "Much", "Other"), "")
    assert chosen.advice() is None
    assert choose_fonts(["中"]).families == ("DejaVu Sans", "A Little")


def test_letters_are_drawn_from_the_fonts_chosen(install, tmp_path, recwarn):
    install("Much", "中文字")
    chosen = choose_fonts(["a 中"])
    with figures.font(chosen.families):
        figure = figures.blank(1, 1)
        figure.text(0, 0, "a 中")
        figures.save_pages([figure], tmp_path / "a.pdf")
        figure = figures.blank(1, 1)
    figure.text(0, 0, "a 中")
    assert not recwarn.list
    with pytest.warns(RuntimeWarning, match="a has boxes for 中"):
        figures.save_pages([figure], tmp_path / "a.png")


def test_what_no_font_has_is_said_with_a_font_to_install(install):
    install("Much", "中")
    chosen = choose_fonts(["中 文 집 घर か"])
    assert chosen.families == ("DejaVu Sans", "Much")
    assert chosen.missing == "文집घरか"
    assert chosen.advice() == (
        "no installed font has 文집घरか: install one that has, as Noto Sans CJK, "
        "Noto Sans CJK KR, Noto Sans Devanagari, Noto Sans CJK JP"
    )


def test_a_font_that_is_named_comes_first(install):
    install("Much", "中")
    fonts._read_new_fonts()
    assert choose_fonts(["中"], "Much").families == ("Much", "DejaVu Sans")
    with pytest.raises(ValueError, match="no font 'Nonesuch'"):
        choose_fonts(["a"], "Nonesuch")


def test_a_damaged_font_file_is_left_out(install, tmp_path):
    install("Much", "中")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    font_manager.findSystemFonts().append(str(tmp_path / "broken.ttf"))
    assert choose_fonts(["中"]).families == ("DejaVu Sans", "Much")
