"""A headless Chromium without a network, and pages whose errors fail the test."""

import shutil

import pytest

from tests.browser import sweeps

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail("no playwright: pip install attnlab[browser]", pytrace=False)
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("no chromium: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """open_page(path, link="", width=1280, ...) -> a page with nothing in its console.

    At the end of a test no page may have asked for anything but files, nor have said
    anything: a test takes out of `console` and `asked` what it provoked.
    """
    contexts, console, asked = [], [], []

    def start(path, link="", *, width=1280, height=800, **options):
        viewport = {"width": width, "height": height}
        context = browser.new_context(offline=True, viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.set_default_navigation_timeout(60_000)  # .ci/run compiles beside it
        page.on("console", lambda line: console.append(f"{line.type}: {line.text}"))
        page.on("pageerror", lambda error: console.append(f"error: {error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{path.as_uri()}{link}")
        return page

    start.console, start.asked = console, asked
    yield start
    for context in contexts:
        context.close()
    assert console == []
    ours = ("file:", "data:", "blob:")
    assert asked and [url for url in asked if not url.startswith(ours)] == []


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """index.html of four rows of two seeds and one row that failed."""
    root = tmp_path_factory.mktemp("sweep") / "small"
    sweeps.write_small(root)
    return sweeps.write_page(root)


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """index.html of 200 rows with 1,000 sentences each."""
    root = tmp_path_factory.mktemp("sweep") / "large"
    sweeps.write_large(root)
    return sweeps.write_page(root, tested=False)


@pytest.fixture(scope="session")
def long_sentences(tmp_path_factory):
    """index.html of three rows with sentences of sixty words."""
    root = tmp_path_factory.mktemp("sweep") / "long"
    sweeps.write_long(root)
    return sweeps.write_page(root, tested=False)
