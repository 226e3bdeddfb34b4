"""Every page, opened cold by its address: complete, alone, by keyboard, on a narrow screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from pruneviz.measure.speed import AGAIN
from pruneviz.plan import Plan
from tests.browser import steps
from tests.browser.server import serve

SOME = Plan(criterion="taylor", scope="global", sparsity=0.3)
NARROW = 800
# Everything that ends right of the window, except what lies in a box that scrolls by itself.
OVERFLOWING = """() => {
  const scrolls = (e) => e && (/(auto|scroll|hidden|clip)/.test(getComputedStyle(e).overflowX)
    && e.dataset.testid !== 'stMain' ? true : scrolls(e.parentElement))
  const main = document.querySelector('[data-testid=stMain]')
  const wide = [...main.querySelectorAll('*')].filter((e) => {
    const box = e.getBoundingClientRect()
    return box.width > 0 && box.right > innerWidth + 1 && !scrolls(e.parentElement)
  })
  return [document.scrollingElement.scrollWidth > innerWidth, main.scrollWidth > main.clientWidth,
    wide.map((e) => e.tagName + '.' + e.className)]
}"""


@pytest.mark.parametrize("name", steps.TITLES)
def test_a_cold_link_opens_the_whole_page_and_nothing_overflows_when_it_is_narrow(page, name):
    steps.visit(page, name, SOME)
    whole(page, name)
    assert "97.7 %" in steps.exact(page)["accuracy"]
    steps.no_exception(page)
    page.set_viewport_size({"width": NARROW, "height": 1000})
    page.wait_for_function(f"({OVERFLOWING})().flat().every((found) => !found)")


def test_the_first_request_after_a_start_may_be_deep(tabs, tmp_path):
    with serve(tmp_path) as server:
        page = tabs(url=server.url)
        steps.visit(page, "attributions", SOME)
        whole(page, "attributions")
        steps.exact(page)
        page.context.close()
    assert server.complaints() == []


def whole(page, name):
    """Expect navigation by section and title, the frame's strip, the page's title, no problem."""
    sections = page.get_by_test_id("stNavSectionHeader")
    expect(sections).to_contain_text(steps.SECTIONS)
    links = page.get_by_test_id("stSidebarNavLink")
    expect(links).to_have_count(len(steps.TITLES))
    shown = {text.strip().split("\n")[0] for text in links.all_inner_texts()}
    assert shown == set(steps.TITLES.values())
    expect(page).to_have_title(f"{steps.TITLES[name]} · PruneViz")
    for number in ("accuracy", "size", "macs", "latency"):
        expect(steps.cell(page, number)).to_be_visible()
    expect(page.locator(".st-key-strip-plan")).to_contain_text("global")
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)


def test_a_refresh_keeps_the_plan(page):
    steps.visit(page, "tune")
    before = steps.exact(page)
    steps.press(page, "conv2", "PageUp", 2)
    steps.changes(page, "size", before["size"])
    value, numbers = steps.slider(page, "conv2").input_value(), steps.exact(page)
    page.reload()
    steps.arrived(page, "tune")
    expect(steps.slider(page, "conv2")).to_have_value(value)
    assert steps.exact(page) == numbers


@pytest.mark.parametrize("shared", [True, False], ids=["one browser", "two browsers"])
def test_two_tabs_do_not_disturb_each_other(tabs, shared):
    first = tabs()
    second = tabs(context=first.context if shared else None)
    for page in (first, second):
        steps.visit(page, "tune", SOME)
    before = [steps.exact(page) for page in (first, second)]
    assert before[0] == before[1]
    steps.press(first, "overall", "PageUp")
    steps.changes(first, "size", before[0]["size"])
    moved = steps.exact(first)
    assert steps.exact(second) == before[1]
    steps.press(second, "overall", "PageDown")
    steps.changes(second, "size", before[1]["size"])
    assert steps.exact(first) == moved
    first.reload()
    steps.arrived(first, "tune")
    assert steps.exact(first) == moved


def test_back_in_the_history_brings_the_plan_back(page):
    steps.visit(page, "tune", SOME)
    before = steps.exact(page)
    steps.visit(page, "tune", SOME.changed(sparsity=0.6))
    assert steps.exact(page) != before
    page.go_back()
    steps.arrived(page, "tune")
    assert steps.exact(page) == before


def test_tab_reaches_a_slider_and_arrows_move_it(page):
    steps.visit(page, "tune", SOME)
    before = steps.exact(page)
    expect(steps.slider(page, "overall")).to_be_attached()
    page.get_by_role("heading", level=1).click()
    for _ in range(80):  # twice around the page: a late figure may take the focus away once
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            break
    else:
        pytest.fail("80 times Tab did not reach a slider")
    expect(steps.slider(page, "overall")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(steps.slider(page, "overall")).to_have_value("31")
    steps.changes(page, "size", before["size"])
    page.keyboard.press("ArrowLeft")
    expect(steps.cell(page, "size")).to_have_text(before["size"], use_inner_text=True)
    expect(steps.slider(page, "overall")).to_be_focused()


def test_what_shows_an_icon_alone_still_has_a_name(page):
    steps.visit(page, "tune", SOME)
    page.locator(".st-key-tune-methods summary").click()
    for name in ("Undo", "Redo", "Snapshots", "More for conv2", "About each criterion"):
        named = page.get_by_role("button", name=name, exact=True)
        expect(named.locator("visible=true")).to_have_count(1)
    page.get_by_role("button", name="More for conv2", exact=True).click()
    menu = page.get_by_role("dialog", name="More for conv2")
    expect(menu.get_by_role("switch", name="Lock: keep every unit", exact=True)).to_be_visible()


def test_tunes_sliders_begin_on_the_first_screen(tabs):
    page = tabs(width=1440, height=900)
    steps.visit(page, "tune", SOME)
    box = steps.slider(page, "conv1").bounding_box()
    assert box["y"] + box["height"] < 900


def test_what_is_folded_opens_by_keyboard_and_stays_open_when_its_summary_changes(page):
    steps.visit(page, "tune", SOME)
    summary, folded = (
        page.locator(f".st-key-{key}") for key in ("tune-methods summary", "folded-tune-methods")
    )
    expect(folded).to_contain_text("Channels and neurons · Taylor, first order · Global")
    choice = page.get_by_role("combobox", name="How to divide it among layers")
    expect(choice).to_be_hidden()
    summary.press("Enter")
    choice.click()
    page.get_by_role("option", name="Uniform", exact=True).click()
    expect(folded).to_contain_text("Taylor, first order · Uniform")
    steps.settle(page)
    expect(choice).to_be_visible()


def test_home_says_what_pruneviz_is_before_it_shows_numbers(page):
    steps.visit(page, "home")
    said = page.get_by_text("PruneViz removes parts of a trained neural network")
    assert said.bounding_box()["y"] < steps.cell(page, "accuracy").bounding_box()["y"]


def test_the_overall_slider_is_on_the_first_screen_of_a_narrow_window(tabs):
    page = tabs(width=NARROW, height=720)
    steps.visit(page, "tune", SOME)
    box = steps.slider(page, "overall").bounding_box()
    assert box["y"] + box["height"] < 720


@pytest.mark.parametrize("width", [720, 800])
def test_the_strip_keeps_its_height_whatever_is_said_of_the_time(tabs, width):
    page = tabs(width=width)
    steps.visit(page, "tune", Plan(model="sample:tumour-mlp"))
    steps.exact(page)
    last = page.locator(".st-key-strip-latency p > span").last
    heights = set()
    for said in ("", "of 0.044 ms · still being timed", f"of 0.044\N{NO-BREAK SPACE}ms · {AGAIN}"):
        last.evaluate("(span, said) => { span.textContent = said }", said)
        heights.add(page.locator(".st-key-strip").bounding_box()["height"])
    assert len(heights) == 1, heights
