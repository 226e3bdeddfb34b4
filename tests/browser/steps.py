"""What the browser tests do again and again: open a page, wait until it is true, read the strip."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from pruneviz.plan import Plan
from pruneviz.ui.session import link

REST = '[data-testid="stApp"][data-test-script-state="notRunning"]'
TITLES = {
    "home": "Home",
    "architecture": "Architecture",
    "weights": "Weights",
    "sensitivity": "Sensitivity",
    "methods": "Methods",
    "tune": "Tune",
    "recover": "Recover",
    "compare": "Compare",
    "attributions": "Attributions",
    "export": "Export",
    "runs": "Runs",
}
SECTIONS = ["Choose", "Understand", "Decide", "Judge", "Ship"]
ABOUT = "≈"


def visit(page: Page, name: str = "home", plan: Plan | str | None = None, **query: str) -> None:
    """Open a page by its address, with a plan or the text of a link, and wait until it rests."""
    if plan is not None:
        query["plan"] = plan if isinstance(plan, str) else link.encode(plan)
    wanted = "&".join(f"{key}={value}" for key, value in query.items())
    page.goto(("/" if name == "home" else f"/{name}") + (f"?{wanted}" if wanted else ""))
    arrived(page, name)


def go(page: Page, name: str) -> None:
    """Go to a page by its link in the navigation."""
    links = page.get_by_test_id("stSidebarNav")
    links.get_by_role("link", name=TITLES[name], exact=True).first.click()
    arrived(page, name)


def arrived(page: Page, name: str) -> None:
    """Wait until a page is there, its numbers exact and its script at rest."""
    expect(page.get_by_role("heading", name=TITLES[name], level=1, exact=True)).to_be_visible()
    settle(page)


def settle(page: Page) -> None:
    """Wait until no script runs."""
    page.wait_for_selector(REST, state="attached")


def cell(page: Page, name: str) -> Locator:
    """Return a number of the strip: accuracy, size, macs or latency."""
    return page.locator(f".st-key-strip-{name}")


def exact(page: Page) -> dict[str, str]:
    """Wait until the strip's accuracy is no estimate, and return its exact numbers' texts."""
    expect(cell(page, "accuracy")).to_contain_text(re.compile(r"\d\s%"))
    expect(cell(page, "accuracy")).not_to_contain_text(ABOUT)
    settle(page)
    return {name: words(cell(page, name)) for name in ("accuracy", "size", "macs")}


def words(place: Locator) -> str:
    """Return a place's text with plain single spaces."""
    return " ".join(place.inner_text().split())


def slider(page: Page, name: str) -> Locator:
    """Return the slider of a layer, or the overall one, as the element that takes keys."""
    key = "tune-overall" if name == "overall" else f"tune-layer-{name}"
    return page.locator(f".st-key-{key} input[type=range]")


def press(page: Page, name: str, key: str, times: int = 1) -> None:
    """Move a slider by key presses; each is in the link, so the server has it, before the next."""
    thumb = slider(page, name)
    for _ in range(times):
        before = thumb.input_value()
        thumb.focus()
        page.keyboard.press(key)
        expect(thumb).not_to_have_value(before)
        page.wait_for_url(partial(in_link, name, int(thumb.input_value())))
        settle(page)


def in_link(name: str, percent: int, url: str) -> bool:
    """Return whether the plan in a link has a slider's value."""
    plan = plan_of(url)
    value = plan.sparsity if name == "overall" else plan.layers.get(name)
    return value is not None and round(100 * value) == percent


def plan_of(url: str) -> Plan:
    """Return the plan in a link."""
    return link.decode(parse_qs(urlsplit(url).query).get("plan", [""])[0])


def changes(page: Page, name: str, before: str) -> None:
    """Wait until a number of the strip is another one than before."""
    expect(cell(page, name)).not_to_have_text(before, use_inner_text=True)


def drawn(page: Page, figure: str, place: str) -> Locator:
    """Return the places of a figure, once the page shows the figure once: a page that is drawn
    anew may hold the old one, out of sight, beside the new one for a moment.
    """
    chart = page.locator(f".st-key-{figure}")
    expect(chart.locator(".main-svg .cartesianlayer")).to_have_count(1)
    expect(chart.locator(place).first).to_be_visible()
    return chart.locator(place)


def click_in(page: Page, chart: str, place: Locator, dx: float | None = None) -> None:
    """Click a place of a figure as a hand does, once Plotly has said what lies under the pointer.

    `dx` pixels from its left side, or in its middle. Plotly looks no more often than every 50 ms,
    so a click right after a move would be one on what lay there before.
    """
    place.scroll_into_view_if_needed()
    expect(place).to_be_visible()
    box = place.bounding_box()
    x, y = box["x"] + (box["width"] / 2 if dx is None else dx), box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    expect(page.locator(f".st-key-{chart} .hoverlayer .hovertext").first).to_be_visible()
    page.mouse.click(x, y)


def alerts(page: Page) -> Locator:
    return page.get_by_test_id("stAlert")


def no_exception(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)
