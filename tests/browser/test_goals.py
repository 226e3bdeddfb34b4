"""Goals in a browser: one click proposes and moves the sliders, one undo moves them back."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from pruneviz.plan import Plan
from tests.browser import steps
from tests.slow import WAIT_SECONDS

PLAN = Plan(
    model="sample:tumour-mlp",
    criterion="taylor",
    layers={"fc1": 0.2, "fc2": 0.1},
    locks={"fc2": (1, 2)},
)


def test_ratios_come_on_the_sliders_with_what_holds_them_and_undo_takes_them_back(page):
    steps.visit(page, "tune", PLAN)
    before = steps.exact(page)
    goals = page.locator(".st-key-goals")
    goals.locator("summary").click()
    kind = goals.get_by_role("combobox", name="Goal")
    kind.click()
    page.get_by_role("option", name="Keep at most (% of the parameters)").click()
    value = goals.get_by_role("spinbutton", name="% of the parameters", exact=True)
    expect(value).to_have_count(1)
    steps.settle(page)
    value.fill("40")
    value.press("Enter")
    page.wait_for_url("**goal=parameters%3A0.4*")
    steps.settle(page)
    expect(goals).to_contain_text("more than the goal")
    goals.get_by_role("button", name="Propose ratios").click()
    expect(goals).to_contain_text("Limited by:", timeout=1000 * WAIT_SECONDS)
    expect(goals).to_contain_text("within the goal")
    after = steps.exact(page)
    assert after["size"] != before["size"]
    plan = steps.plan_of(page.url)
    assert set(plan.layers) == {"fc1", "fc2"}
    assert dict(plan.locks) == {"fc2": (1, 2)}
    for name, sparsity in plan.layers.items():
        assert sparsity > PLAN.layers[name]
        expect(steps.slider(page, name)).to_have_value(str(round(100 * sparsity)))
    expect(goals).to_contain_text(re.compile(r"\d % of the parameters are left"))
    page.get_by_role("button", name="Undo").click()
    for name, sparsity in PLAN.layers.items():
        expect(steps.slider(page, name)).to_have_value(str(round(100 * sparsity)))
    expect(goals).to_contain_text("differ from the proposal")
    assert steps.exact(page) == before
    steps.no_exception(page)
