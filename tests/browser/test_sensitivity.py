"""Sensitivity in a browser: a click in a figure sets the slider once, and the link keeps it all."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from pruneviz.plan import Plan
from tests.browser import steps
from tests.slow import WAIT_SECONDS

MLP = Plan(model="sample:tumour-mlp")
HALF = 5  # the point at 50 %, after the original and four levels
SET = re.compile(r"(\S+) is set to 50 % on Tune\.")
BEFORE = "A click on a point sets"


def click(page: Page) -> None:
    """Click the last curve's point at 50 %."""
    curve = steps.drawn(page, "sensitivity-figure", ".scatterlayer .trace").last
    steps.click_in(page, "sensitivity-figure", curve.locator(".point").nth(HALF))


def test_a_click_on_a_point_sets_the_slider_and_undo_takes_it_back(page):
    steps.visit(page, "sensitivity", MLP)
    controls = page.locator(".st-key-scan-controls")
    expect(controls.or_(page.locator(".st-key-scan-go")).first).to_be_visible()
    if page.locator(".st-key-scan-go").count():  # on a busy machine it does not begin unasked
        page.locator(".st-key-scan-go button").click()
    expect(controls).to_contain_text("held-out inputs", timeout=1000 * WAIT_SECONDS)
    steps.settle(page)
    line = page.locator(".st-key-sensitivity-click")
    expect(line).to_contain_text(BEFORE)
    click(page)
    expect(line).to_have_text(re.compile(f"{SET.pattern}.*Undo", re.DOTALL))
    page.locator(".st-key-sensitivity-undo button").click()
    expect(line).to_contain_text(BEFORE)
    steps.settle(page)
    expect(line).to_contain_text(BEFORE)
    click(page)
    expect(line).to_contain_text(SET)
    name = SET.search(line.inner_text())[1]  # where curves meet, another one may lie on top now
    page.get_by_text("Heatmap", exact=True).click()
    page.wait_for_url("**view=Heatmap*")
    expect(page.locator(".st-key-sensitivity-figure .heatmaplayer image")).to_have_count(1)
    steps.go(page, "tune")
    expect(steps.slider(page, name)).to_have_value("50")
    steps.no_exception(page)
