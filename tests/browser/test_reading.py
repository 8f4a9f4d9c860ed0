"""How the report page is read: sorted, linked to, printed, dark, on a telephone."""

import re

import pytest

from tests.browser.steps import link, names, ready, wait_for_count

pytestmark = pytest.mark.browser

FOUR = "#row=global-dot&row=local-m-general&row=local-p-general&row=hard-local-p"

# For every text in sight [text, contrast of its color with what is behind it].
CONTRASTS = """() => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
        .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const [r, g, b, a] = numbers(getComputedStyle(e).backgroundColor);
            if (a === undefined || a > 0.99) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const hidden = "script, style, noscript, option, title, :disabled";
        if (!walker.currentNode.textContent.trim()) continue;
        if (!element.checkVisibility() || element.closest(hidden)) continue;
        const style = getComputedStyle(element);
        const inside = element.closest("svg");
        const color = numbers(inside ? style.fill : style.color);
        if (inside && color[3] === 0) continue;
        const [one, two] = [light(color), light(behind(element))];
        const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
        found.push([walker.currentNode.textContent, contrast]);
    }
    return found;
}"""


def in_sight(page):
    """Whether the top of the picture is on the screen."""
    top = page.locator("#picture").bounding_box()["y"]
    return 0 <= top < page.viewport_size["height"]


def test_the_whole_head_of_a_column_sorts(open_page, small):
    page = open_page(small)
    heading = page.locator("thead th", has=page.locator('[data-sort="bleu"]'))
    arrow = heading.locator(".arrow")
    assert arrow.inner_text() == "↕"
    box = heading.bounding_box()
    page.mouse.click(box["x"] + 3, box["y"] + 3)  # a corner, far from the word
    assert heading.get_attribute("aria-sort") == "descending"
    assert arrow.inner_text() == "▼"
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert arrow.inner_text() == "▲"
    page.locator('[data-sort="aer"]').focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "none"
    first = page.locator("thead th", has=page.locator('[data-sort="aer"]'))
    assert first.get_attribute("aria-sort") == "ascending"


def test_a_link_to_a_sentence_opens_there(open_page, small):
    page = open_page(small)
    ready(page)
    assert not in_sight(page)
    page.locator('[data-sort="bleu"]').click()
    assert link(page) == "sort=bleu%3Adown"  # nothing was looked at in the viewer
    linked = open_page(small, "#row=local-p-general&sentence=25")
    ready(linked, "test/25")
    linked.wait_for_timeout(300)
    assert in_sight(linked)
    item = linked.locator("#sentence-24").bounding_box()
    frame = linked.locator("#list").bounding_box()
    assert frame["y"] <= item["y"] <= frame["y"] + frame["height"] - item["height"]
    linked.evaluate("window.scrollTo(0, 0)")
    linked.evaluate("location.hash = 'row=global-dot&sentence=3'")
    ready(linked, "test/3")
    linked.wait_for_timeout(300)
    assert in_sight(linked)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_has_whole_maps_and_light_colors(open_page, small, scheme):
    page = open_page(small, f"{FOUR}&sentence=2", color_scheme=scheme, width=688)
    ready(page, "test/2")
    pages = page.pdf(format="A4").count(b"/Type /Page\n")
    assert 1 <= pages <= 3
    page.emulate_media(media="print")
    pictures = page.locator("#picture[data-printed] > svg")
    wait_for_count(pictures.locator("[data-map]"), 4)
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box["width"] <= 688 and box["height"] <= 930  # within a page's margins
        style = "element => getComputedStyle(element).breakInside"
        assert picture.evaluate(style) == "avoid"
        assert picture.locator("rect").first.get_attribute("fill") == "#ffffff"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    controls = "#filters, #bar, #variants, #list, .fold, .pick, .arrow, .hint, nav"
    assert [each.is_visible() for each in page.locator(controls).all()].count(True) == 0
    assert "darker" in page.locator("#viewer .lead").inner_text()
    page.emulate_media(media="screen")
    picture = page.locator("#picture:not([data-printed]) > svg")
    wait_for_count(picture, 1)  # back again
    dark = picture.locator("rect").first.get_attribute("fill") != "#ffffff"
    assert dark == (scheme == "dark")


def test_maps_too_high_for_a_page_are_printed_line_by_line(open_page, long_sentences):
    page = open_page(long_sentences, "#row=variant-0&row=variant-1&row=variant-2")
    page.wait_for_selector("#picture svg")
    page.emulate_media(media="print")
    pictures = page.locator("#picture[data-printed] > svg")
    wait_for_count(pictures, 3)
    maps = [picture.locator("[data-map]").count() for picture in pictures.all()]
    assert maps == [1, 1, 1]
    for picture in pictures.all():
        assert picture.bounding_box()["height"] <= 930


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_true_and_readable_by_day_and_by_night(open_page, small, scheme):
    page = open_page(small, f"{FOUR}&sentence=2", color_scheme=scheme)
    ready(page, "test/2")
    lead = page.locator("#viewer .lead").inner_text()
    assert ("darker" in lead, "brighter" in lead) == (
        scheme == "light",
        scheme == "dark",
    )
    light = [sum(map(int, re.findall(r"\d+", color))) for color in weights(page)]
    assert (light[-1] > light[0]) == (scheme == "dark")  # as the words say
    texts = page.evaluate(CONTRASTS)
    assert len(texts) > 100
    assert [(text, n) for text, n in texts if n < 4.5] == []


def weights(page):
    """The colors in the key, of weight 0 first."""
    return page.locator("[data-key] rect").evaluate_all(
        "all => all.map(each => each.getAttribute('fill'))"
    )


def test_a_telephone_shows_cards(open_page, small):
    page = open_page(small, f"{FOUR}&sentence=2", width=400)
    ready(page, "test/2")
    over = """() => [...document.querySelectorAll("body *")].filter((element) =>
        !element.closest("svg > *, .room, script") && element.checkVisibility() &&
        (element.getBoundingClientRect().right > 400 ||
        (element.scrollWidth > element.clientWidth + 1 &&
        getComputedStyle(element).overflowX !== "visible" &&
        getComputedStyle(element).overflowX !== "hidden" &&
        !element.matches("input, select")))).map((element) => element.outerHTML)"""
    assert page.evaluate(over) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    card = page.locator('[data-row="local-p-general"]')
    cells = card.locator("td[data-label]")
    labels = cells.evaluate_all(
        """all => all.map((cell) =>
            getComputedStyle(cell, "::before").content.replaceAll('"', ""))"""
    )
    titles = page.locator("thead [data-sort]").evaluate_all(
        "all => all.slice(1).map((each) => each.firstChild.textContent)"
    )
    assert labels == titles and len(labels) == 5
    tops = [cell.bounding_box()["y"] for cell in cells.all()]
    assert tops == sorted(set(tops))  # one below the other
    assert card.get_attribute("role") == "row"  # it is a table to a screen reader
    page.locator('[data-sort="bleu"]').click()
    assert names(page)[0] == "local-p-general"


def test_long_sentences_are_shrunk_and_still_pointed_at(open_page, long_sentences):
    page = open_page(long_sentences, "#row=variant-0", width=400)
    page.wait_for_selector("#picture svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    frame = page.locator("[data-map] > rect").first.bounding_box()
    assert frame["x"] + frame["width"] <= 400
    words = page.locator('#picture [data-word^="source"]').count()
    x = frame["x"] + frame["width"] * 20.5 / words
    y = frame["y"] + frame["height"] * 0.5 / words
    page.mouse.move(x, y)
    box = page.locator("[data-map] rect[stroke-width]").last.bounding_box()
    assert abs(box["x"] + box["width"] / 2 - x) < box["width"]
