"""Time from a key press on a layer's slider to the new numbers: 160 layers against 10.

In a real browser; both are the same chain of small layers, opened as a Python factory. A press to a
new amount prunes and measures the network, which takes longer for more layers; a press back to an
amount seen before is answered from memory, and its time is the page's own. The ratio is of the
former; its goal is at most 1.2.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from common import finish, quick_asked
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from playwright.sync_api import TimeoutError as WaitedInVain
from slider import CHROMIUM, served, settle

from pruneviz.plan import Plan
from pruneviz.ui.session import link

FACTORY = '''
import torch
from torch import nn

class Block(nn.Module):
    """Two small layers."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Linear(12, width), nn.Linear(width, 12)

    def forward(self, x):
        return self.second(self.first(x).relu()).relu()

def build(stages, blocks):
    torch.manual_seed(0)
    # The layer that moves is wide, so that one percent of it shows in the size of the network.
    widths = [[12 if s or b else 1200 for b in range(blocks)] for s in range(stages)]
    parts = {f"stage{s}": nn.Sequential(*map(Block, row)) for s, row in enumerate(widths)}
    return nn.Sequential(*parts.values(), nn.Linear(12, 4)).eval()

def many():
    return build(8, 10)

def few():
    return build(1, 5)
'''
SERVE = """
import pruneviz.ui.server.launch as launch

launch.launch(PORT, {models!r}, {data!r}, headless=True)
"""
LAYERS = {"few": 10, "many": 160}
MOVED = "0.0.first"
# The browser's own clock: from the key press until the strip's numbers have changed.
MEASURE = """(key) => {
  const shown = () => ['accuracy', 'size', 'macs', 'latency'].map(
    (name) => document.querySelector('.st-key-strip-' + name)?.innerText).join()
  const before = shown()
  const turn = window.turn = (window.turn ?? 0) + 1
  window.waited = null
  let pressed = 0
  // On the way down to the slider, which lets no key go further and may be drawn anew meanwhile.
  document.addEventListener('keydown', () => { pressed = performance.now() },
    {once: true, capture: true})
  const watch = () => {
    if (turn !== window.turn) return  // that key met nothing
    if (pressed && shown() !== before) { window.waited = performance.now() - pressed }
    else { requestAnimationFrame(watch) }
  }
  requestAnimationFrame(watch)
  document.querySelector(`.st-key-tune-layer-${key} input[type=range]`).focus()
}"""
MOVED_FROM = """([key, value]) => {
  const slider = document.querySelector(`.st-key-tune-layer-${key} input[type=range]`)
  return slider !== null && slider.value !== value
}"""
KEY_MS, NUMBERS_MS = 2000, 60_000  # the most that a key, and the numbers after it, are waited for
TRIES = 5  # of a key that meets nothing because the page is drawn anew at that moment


def main() -> None:
    """Time both networks in turns and write the section."""
    presses = 8 if quick_asked(__doc__) else 24
    new: dict[str, list[float]] = {name: [] for name in LAYERS}
    seen: dict[str, list[float]] = {name: [] for name in LAYERS}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        models, data = written(Path(folder))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-headless-shell"),
            args=CHROMIUM,
        )
        code = SERVE.format(models=list(models.values()), data=[data])
        with served(folder, code=code) as port:
            pages = {}
            for name, model in models.items():
                begun = time.perf_counter()
                pages[name] = opened(browser, port, model, data)
                print(f"{name}: moves after {time.perf_counter() - begun:.1f} s", flush=True)
            for _ in range(presses):
                for name, page in pages.items():
                    new[name].append(press(page, "PageUp"))
                    seen[name].append(press(page, "PageDown"))
                    press(page, "ArrowRight")  # so that the next amount is new again
                    print(name, f"{new[name][-1]:.0f} ms", flush=True)
        browser.close()
    rows = [
        [f"{layers} layers", *(f"{statistics.median(waits[name]):.0f} ms" for waits in (new, seen)),
         f"{statistics.quantiles(seen[name], n=20)[-1]:.0f} ms", str(presses)]
        for name, layers in LAYERS.items()
    ]  # fmt: skip
    ratio = statistics.median(new["many"]) / statistics.median(new["few"])
    finish(
        "sliders",
        [
            "key press to new numbers",
            "a new amount",
            "one seen before",
            "95th percentile",
            "presses",
        ],
        rows,
        "Chains of layers of 12 neurons, channels, the slider of the first layer, which has 1200; "
        "headless "
        "Chromium on the same machine, both pages in turns. Goal: a new amount takes at most 1.2 "
        "times as long with 160 layers; the 95th percentile is of amounts seen before.",
        ratio,
    )


def written(folder: Path) -> tuple[dict[str, str], str]:
    """Write the networks and some data into a folder; return what they are opened by."""
    file = folder / "chains.py"
    file.write_text(FACTORY)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 12)).astype(np.float32)
    np.savez(folder / "data.npz", x=x, y=rng.integers(0, 4, 200))
    return {name: f"python:{file}:{name}" for name in LAYERS}, f"npz:{folder / 'data.npz'}"


def opened(browser: Browser, port: int, model: str, data: str) -> Page:
    """Open Tune with a network, and move its first slider until everything is imported."""
    page = browser.new_page()
    plan = link.encode(Plan(model=model, data=data, layers={MOVED: 0.1}))
    page.goto(f"http://localhost:{port}/tune?plan={plan}")
    slider(page).wait_for(state="attached", timeout=60_000)
    settle(page)
    page.wait_for_timeout(3000)  # until the time by layer is measured
    settle(page)
    for name in ("PageUp", "PageDown", "PageUp", "PageDown"):
        press(page, name)
    return page


def press(page: Page, name: str) -> float:
    """Move the slider by one key press; return the milliseconds until the numbers changed.

    RuntimeError where the slider does not move, or the numbers stay as they were.
    """
    before = slider(page).input_value()
    for _ in range(TRIES):
        page.evaluate(MEASURE, key())
        page.keyboard.press(name)
        with suppress(WaitedInVain):
            page.wait_for_function(MOVED_FROM, arg=[key(), before], timeout=KEY_MS)
            break
    else:
        raise RuntimeError(f"the slider stays at {before} % at {TRIES} presses of {name}")
    try:
        page.wait_for_function("window.waited !== null", timeout=NUMBERS_MS)
    except WaitedInVain as error:
        raise RuntimeError(
            f"the strip shows the same numbers at {before} % and at {slider(page).input_value()} %"
        ) from error
    waited = float(page.evaluate("window.waited"))
    settle(page)
    return waited


def slider(page: Page) -> Locator:
    """Return the moved layer's slider."""
    return page.locator(f".st-key-tune-layer-{key()} input[type=range]")


def key() -> str:
    """Return the moved layer as a style knows it."""
    return MOVED.replace(".", "-")


if __name__ == "__main__":
    main()
