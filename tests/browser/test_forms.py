"""Examples of other tasks in the viewer: stories, passages, sequences and captions."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from attnlab import runs
from tests.browser import sweeps
from tests.browser.steps import link, wait_for_count
from tests.report import task_sweeps

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """written(kind) -> index.html of `task_sweeps.write_<kind>`, made once."""
    made = {}

    def page(kind):
        if kind not in made:
            root = tmp_path_factory.mktemp("sweep") / kind
            getattr(task_sweeps, f"write_{kind}")(root)
            made[kind] = sweeps.write_page(root, tested=False)
        return made[kind]

    return page


def shown(page, example):
    page.wait_for_selector(f'#picture[data-shown="{example}"] > svg')


def point(page, locator):
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    return page.locator("#readout").inner_text()


def fills(locator):
    """How light elements are that are filled with rgb(...): 765 is white."""
    colors = locator.evaluate_all("all => all.map(each => each.getAttribute('fill'))")
    return [sum(map(int, re.findall(r"\d+", color))) for color in colors]


def test_a_story_has_a_column_a_hop_for_every_row(open_page, written):
    page = open_page(written("stories"))
    shown(page, "questions/1")
    for row, said in (("one", "→ home ✓ (p 0.75)"), ("two", "→ garden ✗ (p 0.75)")):
        group = page.locator(f'[data-map="{row}"]')
        assert group.locator("rect").count() == 2 * len(task_sweeps.STORY)
        assert group.locator("[data-right]").text_content() == said
    dark = fills(page.locator('[data-map="one"] rect'))
    assert dark[0] == min(dark) and dark[2] == max(dark)  # 0.9 and 0 of the first hop
    (fact,) = page.locator("[data-fact]").all()  # the rows share the story
    assert fact.text_content() == task_sweeps.STORY[0]
    said = point(page, page.locator('[data-map="two"] rect').nth(5))
    assert said == "two, hop 2: mary left the garden 0.40"
    page.locator("#picture > svg").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    first = page.locator("#readout").inner_text()
    assert first == "one, hop 1: mary went home 0.90"
    page.keyboard.press("ArrowDown")
    assert "john took $5 <b> 0.10" in page.locator("#readout").inner_text()
    page.keyboard.press("n")
    shown(page, "questions/2")
    assert "set=questions&sentence=2" in link(page)
    assert page.locator("#list .item").nth(1).inner_text().startswith("2\nwho has $5")
    assert page.locator('[data-map="one"] rect').count() == 4


def test_a_passage_has_its_words_shaded(open_page, written):
    page = open_page(written("passages"))
    shown(page, "questions/1")
    sharp = page.locator('[data-map="sharp"]')
    dark = fills(sharp.locator("[data-shade]"))
    assert len(dark) == len(task_sweeps.PASSAGE)
    assert dark.index(min(dark)) == 2 and len(set(dark)) == 2
    even = fills(page.locator('[data-map="even"] [data-shade]'))
    assert max(even) - min(even) < 5 and abs(even[0] - dark[0]) < 5  # one scale
    assert sharp.locator("[data-right]").text_content() == "→ @entity1 (Anna) ✓"
    said = page.locator('[data-map="even"] [data-right]').text_content()
    assert said == "→ @entity2 ✗"
    words = point(page, sharp.locator("[data-shade]").nth(2))
    assert words == "sharp: @entity1 (Anna) 0.50"
    underlined = sharp.locator("path[d*=h]")
    assert underlined.count() == 4
    assert page.locator("#picture i").count() == 0  # words are words


def test_a_sequence_shows_what_heads_wrote_and_read(open_page, written):
    page = open_page(written("sequences"), "#sentence=2")
    shown(page, "sequences/2")
    parts = "all => all.map((each) => each.dataset.part)"
    names = page.locator('[data-map="NTM" i] [data-part]').evaluate_all(parts)
    assert names == ["inputs", "targets", "outputs", "write", "read"]
    names = page.locator('[data-map="lstm"] [data-part]').evaluate_all(parts)
    assert names == ["inputs", "targets", "outputs"]
    write = page.locator('[data-map="ntm"] [data-part="write"]')
    write.scroll_into_view_if_needed()
    box = write.bounding_box()

    def at_step(step):
        page.mouse.move(box["x"] + box["width"] * (step + 0.5) / 41, box["y"] + 20)
        return page.locator("#readout").inner_text()

    assert at_step(0) == "NTM, write, step 1: slot 14 1.00"
    assert at_step(2) == "NTM, write, step 3: slot 0 0.90"  # round the end
    assert at_step(30) == "NTM, write, step 31: nothing"
    outputs = page.locator('[data-map="ntm"] [data-part="outputs"]').bounding_box()
    page.mouse.move(outputs["x"] + 3, outputs["y"] + 3)
    assert page.locator("#readout").inner_text().endswith("step 1: not scored")


def test_a_caption_lights_up_its_picture(open_page, written, tmp_path):
    page = open_page(written("captions"))
    shown(page, "pictures/1")
    soft = page.locator('[data-map="soft"]')
    tiles = soft.locator("[data-tile]")
    assert tiles.count() == 4  # the picture, and a word each
    assert tiles.nth(0).locator("rect").count() == 0
    corners = (
        "all => all.map((each) => each.getAttribute('x') + each.getAttribute('y'))"
    )
    for n in (1, 2, 3):  # no shade on the brightest cell, at the upper right
        shades = tiles.nth(n).locator("rect").evaluate_all(corners)
        assert len(shades) == 8 and "80.000.00" not in shades
        assert "0.000.00" in shades and "80.0040.00" in shades
    assert page.locator("[data-read]").count() == 3  # of the hard row alone
    examples = runs.read_arrays(
        written("captions").parent.parent / "soft" / "0" / runs.EXAMPLES
    )
    weight = examples["weights/0"][1, 0, 2]
    said = point(page, tiles.nth(2))
    assert said.startswith(f"soft, “red”: row 1, column 3 {weight:.2f}; ")
    with page.expect_download() as download:
        page.locator("#save-svg").click()
    assert download.value.suggested_filename == "soft_hard_pictures_picture_1.svg"
    download.value.save_as(tmp_path / "captions.svg")
    texts = list(ElementTree.parse(tmp_path / "captions.svg").getroot().itertext())
    assert "<b>square</b>" in texts
    content = (tmp_path / "captions.svg").read_text(encoding="utf-8")
    assert content.count("data:image/png") == 1  # once, used by all tiles


@pytest.mark.parametrize("kind", ["stories", "passages", "sequences", "captions"])
def test_every_form_fits_a_telephone_and_is_printed(open_page, written, kind):
    page = open_page(written(kind), width=400, color_scheme="dark")
    page.wait_for_selector("#picture[data-shown] > svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    box = page.locator("#picture > svg").bounding_box()
    assert box["x"] + box["width"] <= 400
    noun = page.locator("#bar label").inner_text().split()[0]
    assert noun == {"stories": "question", "passages": "question"}.get(
        kind, kind[:-1]
    ) or (kind == "captions" and noun == "picture")
    lead = page.locator("#viewer .lead").inner_text()
    assert "brighter" in lead and "darker" not in lead
    page.emulate_media(media="print")
    wait_for_count(page.locator("#picture[data-printed] > svg"), 1)
    paper = page.locator("#picture > svg > rect").first
    assert paper.get_attribute("fill") == "#ffffff"
    assert page.locator("#picture [data-map]").count() == 2
