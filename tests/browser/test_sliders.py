"""Tune's sliders by keyboard, by ear and by finger, and a browser in which they do not run."""

from __future__ import annotations

import re
from functools import partial

import pytest
from playwright.sync_api import expect

from pruneviz.plan import Plan
from tests.browser import steps
from tests.browser.conftest import WAIT_MS

SOME = Plan(sparsity=0.3)
NO_SCRIPTS = """
const real = URL.createObjectURL
URL.createObjectURL = (what) =>
  what.type === 'text/javascript' ? 'blob:nowhere' : real.call(URL, what)
"""
# A connection that loses the first message of a move after `window.loses` is set.
LOSES = """
const send = WebSocket.prototype.send
WebSocket.prototype.send = function (data) {
  const said = typeof data === 'string' ? data : new TextDecoder().decode(data)
  if (window.loses && said.includes('"phase"')) {
    window.loses = false
    window.lost = true
    return
  }
  send.call(this, data)
}
"""


@pytest.fixture
def apart(browser, server):
    """Return a function that opens a tab in which errors are expected, or that has a finger."""
    contexts = []

    def opened(**options):
        contexts.append(browser.new_context(base_url=server.url, **options))
        contexts[-1].set_default_timeout(WAIT_MS)
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


def test_a_slider_says_its_value_and_what_goes(page):
    steps.visit(page, "tune", SOME)
    conv2 = page.get_by_role("slider", name="conv2", exact=True)
    expect(conv2).to_have_attribute("aria-valuetext", "conv2: 30 %, 19 of 64 channels go")
    for key, value, units in (("PageUp", 40, 26), ("End", 100, 63), ("Home", 0, 0)):
        steps.press(page, "conv2", key)
        said = f"conv2: {value} %, {units} of 64 channels go"
        expect(conv2).to_have_attribute("aria-valuetext", said)


def test_what_the_server_never_heard_is_told_again(page):
    page.add_init_script(LOSES)
    steps.visit(page, "tune", SOME)
    steps.exact(page)  # or a number on its way would tell it along
    page.evaluate("window.loses = true")
    steps.slider(page, "conv2").press("PageUp")
    page.wait_for_url(partial(steps.in_link, "conv2", 40))
    assert page.evaluate("window.lost")
    said = "conv2: 40 %, 26 of 64 channels go"
    expect(steps.slider(page, "conv2")).to_have_attribute("aria-valuetext", said)


def test_a_finger_moves_a_slider(apart):
    page = apart(has_touch=True)
    steps.visit(page, "tune", SOME)
    track = steps.slider(page, "conv1").locator("xpath=ancestor::div[@data-orientation][1]")
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
    expect(steps.slider(page, "conv1")).to_have_value("70")
    page.wait_for_url(partial(steps.in_link, "conv1", 70))


@pytest.mark.parametrize("way", ["no module", "no script"])
def test_a_browser_that_does_not_run_the_sliders_gets_number_fields(apart, way):
    page = apart()
    if way == "no module":
        page.route(re.compile("BidiComponent"), lambda route: route.abort())
    else:
        page.add_init_script(NO_SCRIPTS)
    steps.visit(page, "tune", SOME)
    expect(page.get_by_text("The sliders do not run in this browser.")).to_be_visible()
    steps.settle(page)
    for name in ("Overall", "conv1", "conv3", "hidden"):
        expect(page.get_by_role("spinbutton", name=re.compile(f"^{name}"))).to_be_visible()
    field = page.get_by_role("spinbutton", name=re.compile("^conv2"))
    field.fill("40")
    field.press("Enter")
    page.wait_for_url(partial(steps.in_link, "conv2", 40))
