"""Time from a key press on a slider to the new accuracy on screen: digits-cnn, real browser.

The ratio is to the same page with an empty engine: the same app whose numbers are made up at once.
A third row has a training run as a job meanwhile. Goals on two cores: a median of at most 300 ms,
and at most 1.3 times that of the idle machine beside a job.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common import finish, quick_asked
from playwright.sync_api import Page, sync_playwright

from pruneviz import jobs
from pruneviz.plan import Plan
from pruneviz.run import bind
from pruneviz.subjects import load_subject

CHROMIUM = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# The browser's own clock: from the key press until the accuracy's text has changed.
MEASURE = """() => new Promise((done) => {
  // The size is drawn right after the accuracy, and changes even where the accuracy does not.
  const shown = () => ['accuracy', 'size'].map(
    (name) => document.querySelector('.st-key-strip-' + name)?.innerText).join()
  const before = shown()
  const slider = document.querySelector('.st-key-tune-layer-hidden input[type=range]')
  slider.focus()
  window.pressed = 0
  slider.addEventListener('keydown', () => { window.pressed = performance.now() }, {once: true})
  const watch = () => {
    if (window.pressed && shown() !== before) {
      window.waited = performance.now() - window.pressed
    } else { requestAnimationFrame(watch) }
  }
  window.waited = null
  requestAnimationFrame(watch)
  done()
})"""
TRANSPARENT = """
import pruneviz.ui.launch as launch
from pruneviz import run
from pruneviz.ui import cache, live

real, kept = live.measure_live, {}

def empty(prepared, pruned, original):
    '''Return the first numbers again, with another accuracy each time.'''
    first = kept.setdefault('live', None) or kept.update(live=real(prepared, pruned, original))
    first = kept['live']
    kept['calls'] = kept.get('calls', 0) + 1
    accuracy = first.report.accuracy.model_copy(update={'pruned': 0.5 + kept['calls'] % 100 / 250})
    report = first.report.model_copy(update={'accuracy': accuracy})
    return live.Live(report, True)

def same(prepared, plan, real=run.prune):
    '''Return the first pruned network again.'''
    if 'pruned' not in kept:
        kept['pruned'] = real(prepared, plan)
    return kept['pruned']

cache.measure_live = empty
run.prune = same
launch.launch(PORT, headless=True)
"""


def main() -> None:
    """Time both apps one after the other and write the section."""
    presses = 10 if quick_asked(__doc__) else 30
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-headless-shell"),
            args=CHROMIUM,
        )
        # One after the other: two servers would share the cores.
        with served(home, None) as port:
            page = open_tune(browser.new_page(), port)
            idle = [press(page) for _ in range(presses)]
            with training(Path(home)):
                open_tune(page, port)
                # The other way: what was seen before is cached, and would be there at once.
                beside = [press(page, "ArrowLeft") for _ in range(presses)]
            page.close()
        with served(home, TRANSPARENT) as port:
            page = open_tune(browser.new_page(), port)
            empty = [press(page) for _ in range(presses)]
        browser.close()
    waits = [idle, empty, beside]
    medians = [statistics.median(w) for w in waits]
    tails = [statistics.quantiles(w, n=20)[-1] for w in waits]
    rows = [
        [name, f"{median:.0f} ms", f"{tail:.0f} ms", str(presses)]
        for name, median, tail in zip(
            ("the app", "the same page, empty engine", "the app, a training beside it"),
            medians,
            tails,
            strict=True,
        )
    ]
    finish(
        "slider",
        ["key press to new accuracy", "median", "95th percentile", "presses"],
        rows,
        "digits-cnn, channels, the slider of the layer 'hidden'; headless Chromium on the same "
        "machine. Goals: median at most 300 ms; beside a training at most 1.3 times that of the "
        f"idle machine: {medians[2] / medians[0]:.2f}.",
        medians[0] / medians[1],
    )


@contextmanager
def training(home: Path) -> Iterator[None]:
    """Train digits-resnet as a job until the block ends."""
    step = {"method": "finetune", "parameters": {"epochs": 10_000}}
    plan = Plan(model="sample:digits-resnet", sparsity=0.3, recovery=[step])
    folder = jobs.submit(home, "run", bind(plan, load_subject(plan)))
    for status in jobs.follow(folder):
        if status.fraction > 0:
            break
    try:
        yield
        assert folder.state() == "running", folder.status()
    finally:
        jobs.cancel(folder)
        for _ in jobs.follow(folder):
            pass


@contextmanager
def served(home: str, code: str | None) -> Iterator[int]:
    """Serve the app, or a program that patches it first, on a free port."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    app = ["-m", "pruneviz", "app", "--headless", "--port", str(port)]
    command = app if code is None else ["-c", code.replace("PORT", str(port))]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    env = {**os.environ, "PRUNEVIZ_HOME": home}
    process = subprocess.Popen([sys.executable, *command], env=env, **quiet)
    try:
        for _ in range(600):
            with suppress(OSError):
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1)
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def open_tune(page: Page, port: int) -> Page:
    """Open the Tune page and wait until nothing runs."""
    page.goto(f"http://localhost:{port}/tune")
    page.wait_for_selector(
        ".st-key-tune-layer-hidden input[type=range]", state="attached", timeout=60_000
    )
    settle(page)
    for _ in range(3):  # the first runs import and compile
        press(page)
    return page


def settle(page: Page) -> None:
    """Wait until the page's script is at rest."""
    rest = '[data-testid="stApp"][data-test-script-state="notRunning"]'
    page.wait_for_selector(rest, timeout=60_000)
    page.wait_for_timeout(400)


def press(page: Page, key: str = "ArrowRight") -> float:
    """Move the slider by one key press; return the milliseconds until the accuracy changed."""
    page.evaluate(MEASURE)
    page.keyboard.press(key)
    page.wait_for_function("window.waited !== null", timeout=60_000)
    waited = float(page.evaluate("window.waited"))
    settle(page)
    return waited


if __name__ == "__main__":
    main()
