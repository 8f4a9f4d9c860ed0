"""How the report page is read: sorted, linked to, printed, dark, on a telephone."""

import re

import pytest

from attnlab import runs
from attnlab.report import meanings
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


def test_panels_of_curves_stand_below_each_other_on_a_telephone(open_page, small):
    page = open_page(small, width=400)
    chart = page.locator("#charts svg").first
    lines = chart.locator("g.values[display=inline]")
    wait_for_count(lines, 5 + 5)  # two panels, five rows

    def places(name):
        label = chart.get_by_text(name, exact=True).bounding_box()
        return label["y"], max(label["width"], label["height"]) / len(name)

    (bleu, letter), (perplexity, _) = (
        places("BLEU"),
        places("ln perplexity (nats per token)"),
    )
    assert perplexity > bleu + 150 and letter > 5  # pixels a letter
    box = chart.bounding_box()
    for values in lines.all():  # what a row has moved with its axes
        inside = values.bounding_box()
        assert box["x"] <= inside["x"] and inside["x"] + inside["width"] <= 400
        assert box["y"] <= inside["y"]
        assert inside["y"] + inside["height"] <= box["y"] + box["height"]
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_timeout(300)
    assert abs(places("BLEU")[0] - places("ln perplexity (nats per token)")[0]) < 80


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


def test_every_setting_that_varies_filters(open_page, small, large):
    page = open_page(small)
    axes = page.locator("#filters [role=group]").evaluate_all(
        "all => all.map((each) => each.getAttribute('aria-label'))"
    )
    assert axes == ["score", "window", "read", "dropout"]  # half_width is the same
    page.locator('[data-filter="dropout:0.2"]').click()
    assert names(page) == ["local-m-general"]
    assert link(page) == "filter=dropout%3A0.2"
    page = open_page(large)
    sizes = page.get_by_label("batch_size")
    assert sizes.evaluate("element => element.tagName") == "SELECT"  # of 25 choices
    sizes.focus()
    sizes.select_option("17 (8)")
    assert names(page) == [f"variant-{n:03d}" for n in range(1, 200, 25)]
    assert sizes.evaluate("element => element === document.activeElement")
    sizes.select_option("any")
    assert len(names(page)) == 200


def test_seeds_are_chosen_and_kept_in_the_link(open_page, small):
    page = open_page(small, "#row=local-m-general&row=local-p-general")
    ready(page)
    root = small.parent.parent / "local-p-general"
    pairs = [runs.read_alignments(root / seed)["test"][0] for seed in "01"]
    choice = page.locator('[data-seed="1"]')
    assert choice.locator("option").all_inner_texts() == ["seed 0", "seed 1"]
    panel = page.locator('[data-map="local-p-general"]')
    for seed, pair in enumerate(pairs):
        choice.select_option(f"seed {seed}")
        page.wait_for_selector(f'[data-map="local-p-general"] :text("seed {seed}")')
        s = int(pair.weights[0].argmax())
        page.locator('#picture [data-word="target-0"]').first.hover()
        answer = page.locator("[data-answer]").nth(1).inner_text()
        said = re.search(rf"{re.escape(pair.source[s])} ([01]\.\d\d)", answer)
        assert abs(float(said[1]) - pair.weights[0, s]) < 0.01
    assert pairs[0].weights[0].max() != pairs[1].weights[0].max()
    assert "seed=local-p-general%3A1" in link(page)
    other = open_page(small, f"#{link(page)}")
    ready(other)
    assert "seed 1" in other.locator('[data-map="local-p-general"]').text_content()
    assert "seed 0" in other.locator('[data-map="local-m-general"]').text_content()
    assert other.locator('[data-seed="1"]').input_value() == "1"
    lost = open_page(small, "#row=global-dot&seed=global-dot:7")
    ready(lost)
    assert "seed “global-dot:7”" in lost.locator("#notice").inner_text()
    assert panel.count() == 1


def test_a_map_is_saved_as_a_pdf_of_its_size(open_page, small, tmp_path):
    page = open_page(small, "#row=global-dot&row=hard-local-p", color_scheme="dark")
    ready(page)
    page.evaluate("window.print = () => (window.printed = document.title)")
    page.locator("#save-pdf").click()
    name = "global-dot_seed-0_hard-local-p_seed-0_test_sentence_1"
    assert page.evaluate("window.printed") == name
    path = tmp_path / "map.pdf"
    page.pdf(path=path, prefer_css_page_size=True)
    content = path.read_bytes()
    assert content.count(b"/Type /Page\n") == 1
    width, height = map(
        float, re.search(rb"/MediaBox \[0 0 (\S+) (\S+)\]", content).groups()
    )
    assert b"/Subtype /Image" not in content  # lines and letters, no pixels
    assert b"/FontFile" in content
    page.wait_for_selector("html:not(.single)")  # printed: all is back
    assert page.title() == "small · attnlab"
    box = page.locator("#picture > svg").get_attribute("viewBox").split()
    assert width == pytest.approx(0.75 * float(box[2]), rel=0.2)
    assert width > 400 and height > 200


def test_what_the_numbers_mean_is_told(open_page, small):
    page = open_page(small)
    terms = page.locator("#meanings")
    assert terms.is_hidden()
    numbers = "".join(page.locator("tbody").all_inner_texts())
    signs = [sign for sign in meanings.DIFFERS if sign in numbers]
    assert signs
    page.get_by_text("What the numbers mean").click()
    assert terms.locator("dt").all_inner_texts() == [
        *("BLEU", "AER", "perplexity", "parameters", "tokens/s", "±", "seed"),
        *signs,
    ]
    told = dict(
        zip(
            terms.locator("dt").all_inner_texts(),
            terms.locator("dd").all_inner_texts(),
            strict=True,
        )
    )
    assert told["AER"] == meanings.column("aer") and told["±"] == meanings.SPREAD
    heading = page.locator("thead th", has=page.locator('[data-sort="aer"]'))
    assert heading.get_attribute("title").startswith(meanings.column("aer"))
