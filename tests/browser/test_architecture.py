"""Architecture in a browser: a click on a row chooses its layer, here and on other pages."""

from __future__ import annotations

from playwright.sync_api import expect

from pruneviz.plan import Plan
from tests.browser import steps

RESIDUAL = Plan(model="sample:digits-resnet", criterion="taylor", scope="global", sparsity=0.3)
CONV2 = 8  # the row of stage2.0.conv2


def test_a_click_on_a_row_chooses_its_layer_everywhere(page):
    steps.visit(page, "architecture", RESIDUAL)
    steps.exact(page)
    bar = page.locator(".st-key-architecture-network .bars .point").nth(CONV2)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.click(box["x"] + 10, box["y"] + box["height"] / 2)
    page.wait_for_url("**layer=stage2.0.conv2*")
    group = page.locator(".st-key-architecture-group input")
    expect(group).to_have_value("6 · stage2.0.conv2 and 3 more layers (32 channels)")
    steps.go(page, "weights")
    expect(page.locator(".st-key-weights-layer input")).to_have_value("stage2.0.conv2")
    steps.no_exception(page)
