"""What the browser tests do and read on a page."""


def ready(page, sentence="test/1"):
    """Wait until the picture shows that sentence."""
    page.wait_for_selector(f'#picture[data-shown="{sentence}"] svg')


def names(page):
    return page.locator("tbody tr[data-row]").evaluate_all(
        "rows => rows.map(row => row.dataset.row)"
    )


def maps(page):
    return page.locator("#picture [data-map]").evaluate_all(
        "maps => maps.map(map => map.dataset.map)"
    )


def wait_for_count(locator, number):
    """Wait until as many elements match.

    Not `page.wait_for_function`: the page's policy refuses to evaluate a text again,
    so that it fails wherever its first look comes too early.
    """
    from playwright.sync_api import expect  # the extra is not in the default tests

    expect(locator).to_have_count(number, timeout=10_000)


def link(page):
    """The link, once it has followed the page."""
    page.wait_for_timeout(200)
    return page.url.partition("#")[2]
