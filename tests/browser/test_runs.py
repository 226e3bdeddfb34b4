"""Runs in the browser: find one, name it, restore it, delete it and have it back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from pruneviz.figures.kit.format import plural
from pruneviz.history.index import History
from tests.browser import steps
from tests.history.folders import make_run
from tests.slow import WAIT_SECONDS

ROW_HEIGHT, CHECKBOX = 35, 18  # pixels


@pytest.fixture(scope="module")
def kept(server):
    """Two finished runs in the server's home, under names that no other test gives."""
    folders = [make_run(server.home, seed) for seed in (701, 702)]
    history = History(server.home)
    for folder, name in zip(folders, ("walnut first", "walnut second"), strict=True):
        history.label(folder.digest, name=name)
    return folders


def find(page: Page, words: str, count: int) -> None:
    steps.visit(page, "runs")
    search = page.locator(".st-key-runs-search input")
    search.fill(words)
    search.press("Enter")
    expect(page.get_by_text(f"{plural(count, 'run')}, newest first")).to_be_visible()
    steps.settle(page)


def mark(page: Page, row: int) -> None:
    """Mark a run of the list, whose cells are drawn on a canvas."""
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.click(position={"x": CHECKBOX, "y": ROW_HEIGHT * (row + 1.5)})


def heading(page: Page, name: str):
    return page.get_by_role("heading", name=name, exact=True)


def test_find_name_restore_delete_and_undo(page, kept):
    find(page, "walnut first", 1)
    mark(page, 0)
    expect(heading(page, "walnut first")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("walnut <b>best</b>")
    page.get_by_role("button", name="Save").click()
    expect(heading(page, "walnut <b>best</b>")).to_be_visible()
    page.get_by_role("button", name="Restore to the sliders").click()
    expect(page.locator(".st-key-strip-plan")).to_contain_text("Tumours, tabular")
    expect(page.locator(".st-key-strip-plan")).to_contain_text("30 % removed")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("1 run deleted.")).to_be_visible()
    expect(heading(page, "walnut <b>best</b>")).to_have_count(0)
    page.locator(".st-key-runs-undo button").click()
    expect(heading(page, "walnut <b>best</b>")).to_be_visible()
    steps.no_exception(page)
    page.reload()  # the link says which run is looked at
    steps.arrived(page, "runs")
    expect(heading(page, "walnut <b>best</b>")).to_be_visible()


def test_two_marked_runs_are_compared_and_taken_along(page, kept):
    find(page, "walnut", 2)
    mark(page, 0)
    expect(heading(page, "walnut second")).to_be_visible()
    mark(page, 1)
    expect(heading(page, "Two runs side by side")).to_be_visible()
    accuracy = page.get_by_role("row", name="Accuracy")
    expect(accuracy.get_by_role("cell")).to_have_count(3)
    expect(page.get_by_role("row", name="seed 70")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as zip").click()
    assert download.value.suggested_filename == "pruneviz-runs.zip"


def test_what_one_sees_is_kept_and_leads_to_its_run(page):
    steps.visit(page, "compare")
    page.locator(".st-key-keep-run button").first.click()
    page.get_by_role("link", name="Kept in Runs").click(timeout=1000 * WAIT_SECONDS)
    steps.arrived(page, "runs")
    expect(page.get_by_role("row", name="Accuracy")).to_contain_text("97.7 %")
    steps.no_exception(page)
