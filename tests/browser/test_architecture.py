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
    bars = steps.drawn(page, "architecture-network", ".bars .point")
    steps.click_in(page, "architecture-network", bars.nth(CONV2), 10)
    page.wait_for_url("**layer=stage2.0.conv2*")
    group = page.locator(".st-key-architecture-group input")
    expect(group).to_have_value("6 · stage2.0.conv2 and 3 more layers (32 channels)")
    steps.go(page, "weights")
    expect(page.locator(".st-key-weights-layer input")).to_have_value("stage2.0.conv2")
    steps.no_exception(page)
