"""By keyboard and by ear: undo, focus, a strip that folds, and a voice for the accuracy."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from pruneviz.plan import Plan
from pruneviz.ui.frame.speeds import STILL_TIMED
from tests.browser import steps

SOME = Plan(criterion="taylor", scope="global", sparsity=0.3)
# A page that is not yet wholly drawn is too short for it.
SCROLLS = """(by) => (document.querySelector('[data-testid=stMain]').scrollTop = by)
  === document.querySelector('[data-testid=stMain]').scrollTop"""
FOLDED = "() => 'stripFolds' in document.documentElement.dataset"
TOP = """(e) => e.getBoundingClientRect().top
  + document.querySelector('[data-testid=stMain]').scrollTop"""


def test_ctrl_z_takes_several_presses_back_at_once_and_ctrl_shift_z_brings_them_again(page):
    steps.visit(page, "tune", SOME)
    before = steps.exact(page)
    slider = steps.slider(page, "overall")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("33")
    page.wait_for_url(lambda url: steps.in_link("overall", 33, url))
    steps.settle(page)
    assert steps.exact(page) != before
    said = " ".join(steps.cell(page, "accuracy").text_content().split())
    expect(page.locator("#pruneviz-voice")).to_have_text(said)
    page.keyboard.press("Control+z")
    expect(slider).to_have_value("30")
    assert steps.exact(page) == before
    page.keyboard.press("Control+Shift+Z")
    expect(slider).to_have_value("33")


def test_ctrl_z_in_a_text_field_leaves_the_plan(page):
    steps.visit(page, "tune", SOME)
    steps.press(page, "overall", "PageUp")
    value = steps.slider(page, "overall").input_value()
    page.locator(".st-key-goals summary").click()
    field = page.get_by_role("spinbutton", name="Points", exact=True)
    field.click()
    page.keyboard.press("Control+z")
    steps.settle(page)
    expect(steps.slider(page, "overall")).to_have_value(value)


def test_the_navigation_shows_where_the_focus_is(page):
    steps.visit(page, "home")
    page.get_by_test_id("stSidebarNavLink").first.focus()
    page.keyboard.press("Tab")
    focused = page.locator("[data-testid=stSidebarNavLink]:focus")
    expect(focused).to_have_css("outline-style", "solid")


@pytest.mark.parametrize(("width", "height"), [(800, 900), (720, 450)])
def test_the_strip_folds_to_a_line_and_nothing_below_moves(tabs, width, height):
    page = tabs(width=width, height=height)
    steps.visit(page, "tune", SOME)
    steps.exact(page)
    latency = steps.cell(page, "latency")  # the last of the strip's numbers to be final
    expect(latency).to_contain_text("ms")
    expect(latency).not_to_contain_text(STILL_TIMED)
    steps.settle(page)
    strip, heading = page.locator(".st-key-strip"), page.get_by_role("heading", level=1)
    whole, place = strip.bounding_box()["height"], heading.evaluate(TOP)
    page.wait_for_function(SCROLLS, arg=400)
    page.wait_for_function(FOLDED)
    assert strip.bounding_box()["height"] < 60
    expect(steps.cell(page, "accuracy").locator("strong")).to_be_in_viewport()
    assert heading.evaluate(TOP) == pytest.approx(place, abs=1)
    page.wait_for_function(SCROLLS, arg=0)
    page.wait_for_function(f"() => !({FOLDED})()")
    assert strip.bounding_box()["height"] == pytest.approx(whole, abs=1)
