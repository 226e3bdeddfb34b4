"""Pictures of every page, light and dark, small enough for a README."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, Page, expect

from pruneviz.plan import Plan
from tests.browser import steps
from tests.slow import WAIT_SECONDS

PLAN = Plan(criterion="taylor", scope="global", sparsity=0.3)
WIDTH, HEIGHT = 1440, 1000
MANY_BYTES = 180_000  # above this, 256 colours have to do
SCHEMES = ("light", "dark")
FIGURES = {
    "home": 0,
    "methods": 2,
    "tune": 1,
    "recover": 1,
    "sensitivity": 1,
    "architecture": 2,
    "weights": 2,
    "attributions": 3,
    "compare": 4,
    "export": 0,
    "runs": 0,
}
FINETUNE = {"method": "finetune", "parameters": {"epochs": 8}}
PLANS = {
    "architecture": PLAN.changed(model="sample:digits-resnet"),
    "recover": PLAN.changed(sparsity=0.6, recovery=[FINETUNE]),
}
WORKING = ("methods", "recover", "sensitivity")  # pages whose pictures show what a job found
TOAST_COMES_MS, TOAST_GOES_MS = 7_000, 60_000
# A layer that loses something, so that what goes can be seen.
LAYER = "hidden"
LAYERS = {"architecture": "conv1", "weights": "conv3", "attributions": "conv3"}
# The theme takes over and the figures are drawn anew; both are told by the page itself.
DARK = """(dark) => {
  const main = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor
  const light = Number(main.match(/\\d+/)[0]) > 127
  return light !== dark
}"""


def come_and_gone(page: Page) -> None:
    """Wait for the word that a job has ended, which comes a moment after the end, and close it.

    None comes where the job ended before the page was opened.
    """
    toast = page.get_by_test_id("stToast")
    with contextlib.suppress(Error):
        toast.first.wait_for(timeout=TOAST_COMES_MS)
        toast.first.get_by_role("button", name="Close").click(timeout=TOAST_COMES_MS)
    expect(toast).to_have_count(0, timeout=TOAST_GOES_MS)


def take(page: Page, name: str, folder: Path) -> list[Path]:
    """Write `name`-light.png and `name`-dark.png of one page; return both."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    steps.visit(page, name, PLANS.get(name, PLAN), layer=LAYERS.get(name, LAYER))
    steps.exact(page)
    drawn = page.locator(".js-plotly-plot > .plot-container")
    expect(drawn).to_have_count(FIGURES[name])
    if name == "sensitivity":
        done = page.locator(".st-key-scan-controls")
        expect(done).to_contain_text("held-out inputs", timeout=1000 * WAIT_SECONDS)
    if name == "methods":
        controls = page.locator(".st-key-methods-controls")
        controls.get_by_role("button", name="Measure", exact=True).click()
        expect(controls).to_contain_text("27 of 27 points", timeout=1000 * WAIT_SECONDS)
    if name == "recover":
        controls = page.locator(".st-key-recover-controls")
        controls.get_by_role("button", name="Start", exact=True).click()
        expect(controls).to_contain_text("finished:", timeout=1000 * WAIT_SECONDS)
        steps.exact(page)
    if name in WORKING:
        come_and_gone(page)
    for passing in ("stSkeleton", "stToast"):
        expect(page.get_by_test_id(passing)).to_have_count(0)
    written = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(DARK, arg=scheme == "dark")
        steps.settle(page)
        page.evaluate("() => new Promise((done) => requestIdleCallback(done, {timeout: 1000}))")
        picture = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
        path = folder / f"{name}-{scheme}.png"
        picture.convert("RGB").save(path, optimize=True)
        if path.stat().st_size > MANY_BYTES:
            picture.convert("RGB").quantize(256).save(path, optimize=True)
        written.append(path)
    return written
