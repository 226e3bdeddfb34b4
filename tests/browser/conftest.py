"""One server and one browser for all browser tests; a fresh context for each tab that is opened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.server import Server, end_jobs, serve

HERE = Path(__file__).parent
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
NAMES = ("chromium-headless-shell", "chromium")  # the shell has no window to draw
WAIT_MS = 180_000  # a machine that is busy takes its time
FAILED = pytest.StashKey[bool]()
Tabs = Callable[..., Page]


def pytest_collection_modifyitems(items):
    """Mark every test in this folder, so that `-m 'not browser'` leaves them all out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        installed = filter(None, map(shutil.which, NAMES))
        found = next(installed, playwright.chromium.executable_path)
        if not Path(found).is_file():
            pytest.fail(
                "there is no Chromium for the browser tests: run tests/browser/install.sh, or "
                "leave them out with -m 'not browser'"
            )
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """Serve the app; whatever the tests did to it, its log must hold no complaint at the end."""
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running
        end_jobs(running.home)
    assert running.complaints() == []


@dataclass
class Watch:
    """Opens tabs and remembers what went wrong in any of them."""

    browser: Browser
    url: str
    contexts: list[BrowserContext] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def open(
        self,
        *,
        width: int = 1440,
        height: int = 1000,
        scheme: str = "light",
        context: BrowserContext | None = None,
        url: str | None = None,
    ) -> Page:
        """Return a new tab; in a fresh context, which shares nothing, unless one is given."""
        if context is None:
            context = self.browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
                base_url=url or self.url,
                accept_downloads=True,
            )
            context.set_default_timeout(WAIT_MS)
            self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self._request)
        return page

    def _console(self, message) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def _request(self, request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname != "localhost":
            self.problems.append(f"request to elsewhere: {request.url}")


@pytest.fixture
def tabs(browser, server, request) -> Iterator[Tabs]:
    """Return a function that opens tabs; errors and requests to elsewhere fail the test."""
    watch = Watch(browser, server.url)
    yield watch.open
    for context in watch.contexts:
        context.close()
    if request.node.stash.get(FAILED, False):
        end_jobs(server.home)  # or the next test's job waits until a failed one's has ended
    assert watch.problems == []


@pytest.fixture
def page(tabs) -> Page:
    return tabs()
