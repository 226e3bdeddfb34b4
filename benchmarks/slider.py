"""Time from a key press on a slider to the new accuracy on screen, in a real browser.

First digits-cnn: the ratio is to the same page with an empty engine, the same app whose numbers are
made up at once; a third row has a training run as a job meanwhile. Then stdlib-lm, a small language
model: the first estimate of its perplexity, and the exact one. Then, with `--data FOLDER` (see
cifar.py), a trained ResNet-56 on real images: the first estimate, the exact number, and how long
the evaluation itself takes beside a plain pass, for sliders from the first layer to the last. Goals
on two cores: a median of at most 130 ms for digits-cnn, 500 ms for the first estimate of stdlib-lm
and 350 ms for that of ResNet-56, at most
1.3 times as long beside a job; exact within the time of a plain pass when the first layer moved,
and within half of it in the mean over the layers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cifar import subject_plan
from common import finish, quick_asked
from playwright.sync_api import Browser, Page, sync_playwright

from pruneviz import jobs
from pruneviz.evaluate import predict
from pruneviz.plan import Plan
from pruneviz.run import bind, measure_baseline, prepare, prune
from pruneviz.subjects import load_subject
from pruneviz.ui.engine.live import begin
from pruneviz.ui.engine.shared import Shared
from pruneviz.ui.session.link import encode
from pruneviz.ui.settings import MEMORY_MB

CHROMIUM = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WORDS_LAYER = "blocks.1.feed_forward.gate"
LAYERS = ("conv1", "layer1.4.conv1", "layer2.0.conv1", "layer2.6.conv1", "layer3.4.conv1")
# The browser's own clock: from the key press until the accuracy's text has changed (`first`), and
# until it is no estimate any more (`exact`).
MEASURE = """(layer) => {
  // The size is drawn right after the accuracy, and changes even where the accuracy does not.
  const shown = () => ['accuracy', 'size'].map(
    (name) => document.querySelector('.st-key-strip-' + name)?.innerText).join()
  const before = shown()
  const slider = document.querySelector('.st-key-tune-layer-' + layer + ' input[type=range]')
  slider.focus()
  let pressed = 0
  // On the way down to the slider, which lets no key go further.
  document.addEventListener('keydown', () => { pressed = performance.now() },
    {once: true, capture: true})
  window.first = window.exact = null
  const watch = () => {
    if (pressed && shown() !== before) {
      window.first = window.first ?? performance.now() - pressed
    }
    // After an estimate the exact numbers may be those from before.
    if (window.first !== null && !shown().includes('inputs')) {
      window.exact = performance.now() - pressed
      return
    }
    requestAnimationFrame(watch)
  }
  requestAnimationFrame(watch)
}"""
COMPLETE = r"""() => {
  const text = (name) => document.querySelector('.st-key-strip-' + name)?.innerText ?? ''
  return /\d/.test(text('accuracy')) && !text('accuracy').includes('inputs')
    && text('latency').includes('≈')
}"""
TRANSPARENT = """
import pruneviz.ui.server.launch as launch
from pruneviz import run
from pruneviz.ui.engine import cache, live

real, kept = live.begin, {}

class MadeUp:
    '''The first numbers again, with another accuracy.'''

    def __init__(self, report):
        accuracy = report.accuracy.model_copy(update={'pruned': 0.5 + kept['calls'] % 100 / 250})
        made_up = report.model_copy(update={'quality': (accuracy, *report.quality[1:])})
        self.current = live.Live(made_up, True, 599)

    def finish(self, prepared, pruned, stop):
        pass

def empty(prepared, pruned, shared):
    if 'report' not in kept:
        kept['report'] = real(prepared, pruned, shared).current.report
    kept['calls'] = kept.get('calls', 0) + 1
    return MadeUp(kept['report'])

def same(prepared, plan, real=run.prune):
    '''Return the first pruned network again.'''
    if 'pruned' not in kept:
        kept['pruned'] = real(prepared, plan)
    return kept['pruned']

cache.begin = empty
run.prune = same
launch.launch(PORT, headless=True)
"""
FACTORY = """
import sys

from safetensors.torch import load_file

sys.path.insert(0, {folder!r})
from cifar import resnet56


def trained():
    network = resnet56()
    network.load_state_dict(load_file({weights!r}))
    return network
"""


@dataclass(frozen=True)
class Wait:
    """Milliseconds from a key press to the first new number, and to the exact one."""

    first: float
    exact: float


def main() -> None:
    """Time what was asked for and write the sections."""
    quick = quick_asked(None)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a version under two minutes")
    parser.add_argument("--data", type=Path, help="folder with the CIFAR files, for ResNet-56")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-headless-shell"),
            args=CHROMIUM,
        )
        digits(browser, home, 10 if quick else 30)
        language(browser, home, 6 if quick else 20)
        if data is not None:
            plan = resnet_plan(data, Path(home))
            resnet(browser, home, plan, 1 if quick else 4)
        browser.close()
        if data is not None:
            evaluations(plan, 4 if quick else 28)


def digits(browser: Browser, home: str, presses: int) -> None:
    """Time digits-cnn, with and without an engine, and beside a training."""
    # One after the other: two servers would share the cores.
    with served(home) as port:
        page = browser.new_page()
        begun = time.perf_counter()
        open_tune(page, port, "hidden")
        print(f"Tune moves after {time.perf_counter() - begun:.1f} s", flush=True)
        idle = []
        for _ in range(presses):
            idle.append(press(page, "hidden").first)
            print(f"digits-cnn, idle: {idle[-1]:.0f} ms", flush=True)
        with training(Path(home)):
            open_tune(page, port, "hidden")
            # The other way: what was seen before is cached, and would be there at once.
            beside = [press(page, "hidden", "ArrowLeft").first for _ in range(presses)]
        page.close()
    with served(home, code=TRANSPARENT) as port:
        page = open_tune(browser.new_page(), port, "hidden")
        empty = [press(page, "hidden").first for _ in range(presses)]
        page.close()
    medians = [statistics.median(w) for w in (idle, empty, beside)]
    finish(
        "slider",
        ["key press to new accuracy", "median", "95th percentile", "presses"],
        [
            row("the app", idle),
            row("the same page, empty engine", empty),
            row("the app, a training beside it", beside),
        ],
        "digits-cnn, channels, the slider of the layer 'hidden'; headless Chromium on the same "
        "machine. Goals: median at most 130 ms; beside a training at most 1.3 times that of the "
        f"idle machine: {medians[2] / medians[0]:.2f}.",
        medians[0] / medians[1],
    )


def language(browser: Browser, home: str, presses: int) -> None:
    """Time stdlib-lm, a small language model: the first estimate, and the exact number."""
    waits: list[Wait] = []
    with served(home, "--model", "sample:stdlib-lm") as port:
        page = open_tune(browser.new_page(), port, css(WORDS_LAYER))
        for _ in range(presses):
            waits.append(press(page, css(WORDS_LAYER)))
            print(f"stdlib-lm: {waits[-1].first:.0f} ms", flush=True)
        page.close()
    first, exact = [wait.first for wait in waits], [wait.exact for wait in waits]
    finish(
        "slider, stdlib-lm",
        ["key press to", "median", "95th percentile", "presses"],
        [row("the first perplexity on screen", first), row("the exact one on screen", exact)],
        f"stdlib-lm, channels, the slider of {WORDS_LAYER}. Goal: a first estimate in 500 ms in "
        "the median. The ratio is of both medians.",
        statistics.median(first) / statistics.median(exact),
    )


def resnet_plan(data: Path, folder: Path) -> Plan:
    """Return the plan of ResNet-56 with 30 % removed; writes its factory and data into `folder`."""
    factory = folder / "trained.py"
    weights = str((data / "cifar10-resnet56.safetensors").resolve())
    factory.write_text(FACTORY.format(folder=str(Path(__file__).parent.resolve()), weights=weights))
    plan = subject_plan(data, folder)
    return plan.changed(model=f"python:{factory}:trained", weights=None, sparsity=0.3)


def resnet(browser: Browser, home: str, plan: Plan, presses: int) -> None:
    """Time the first estimate and the exact number of ResNet-56 for sliders along the network."""
    waits: list[Wait] = []
    with served(home, "--model", plan.model, "--data", str(plan.data)) as port:
        for layer in LAYERS:  # each in the group of layers that the link opens
            link = f"{encode(plan)}&layer={layer}"
            page = open_tune(browser.new_page(), port, css(layer), link)
            waits += [press(page, css(layer)) for _ in range(presses)]
            page.close()
    first, exact = [wait.first for wait in waits], [wait.exact for wait in waits]
    finish(
        "slider, ResNet-56",
        ["key press to", "median", "95th percentile", "presses"],
        [row("the first estimate on screen", first), row("the exact number on screen", exact)],
        f"ResNet-56, channels, {', '.join(LAYERS)}; trained on CIFAR-10, 446 held-out images. "
        "Goal: first estimate in 350 ms in the median. The ratio is of both medians.",
        statistics.median(first) / statistics.median(exact),
    )


def css(layer: str) -> str:
    """Return a layer's name as Streamlit writes it into a class."""
    return "".join(c if c.isalnum() or c in "_-" else "-" for c in layer)


def evaluations(plan: Plan, most: int) -> None:
    """Time exact accuracies beside plain passes, for sliders from the first layer to the last."""
    subject = load_subject(plan)
    baseline = measure_baseline(subject)
    ready = prepare(subject, plan, baseline)
    shared = Shared(subject, baseline, MEMORY_MB * 2**20)
    shared.warm(lambda: False)
    assert subject.data is not None
    names = [units.name for units in ready.units]
    rows, plains, again = [], [], []
    for name in names[:: max(1, len(names) // most)]:
        seconds = []
        for amount in (0.2, 0.3, 0.4):
            pruned = prune(ready, plan.changed(sparsity=0.0, layers={name: amount}))
            start = time.perf_counter()
            course = begin(ready, pruned, shared)
            course.finish(ready, pruned, lambda done=course: done.ended)
            seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        predict(pruned.model, subject.data.x)
        plains.append(time.perf_counter() - start)
        again.append(min(seconds[1:]))
        parts = (plains[-1], seconds[0], again[-1])
        rows.append([name, *(f"{s:.2f} s" for s in parts), f"{again[-1] / plains[-1]:.2f}"])
    finish(
        "slider, exact numbers",
        ["slider", "plain pass", "exact, first move", "exact, later moves", "later / plain"],
        rows,
        "ResNet-56, channels, 446 held-out images, everything else of the numbers included (sizes, "
        f"MACs). First layer {again[0] / plains[0]:.2f} of a plain pass (goal 1.00); the ratio is "
        f"the mean over the layers (goal 0.50); at most "
        f"{shared.evaluator.store.peak_bytes / 2**20:.0f} MB kept.",
        sum(again) / sum(plains),
    )


def row(name: str, waits: Sequence[float]) -> list[str]:
    """Return a row of the table."""
    tail = statistics.quantiles(waits, n=20)[-1]
    return [name, f"{statistics.median(waits):.0f} ms", f"{tail:.0f} ms", str(len(waits))]


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
def served(home: str, *options: str, code: str | None = None) -> Iterator[int]:
    """Serve the app with more options, or a program that patches it first, on a free port."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    app = ["-m", "pruneviz", "app", "--headless", "--port", str(port), *options]
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


def open_tune(page: Page, port: int, layer: str, plan: str = "") -> Page:
    """Open the Tune page and wait until nothing runs."""
    page.goto(f"http://localhost:{port}/tune" + (f"?plan={plan}" if plan else ""))
    page.wait_for_selector(
        f".st-key-tune-layer-{layer} input[type=range]", state="attached", timeout=120_000
    )
    settle(page)
    for _ in range(3):  # the first runs import and compile
        press(page, layer)
    return page


def settle(page: Page) -> None:
    """Wait until all numbers are there and the page's script is at rest."""
    page.wait_for_function(COMPLETE, timeout=300_000)
    rest = '[data-testid="stApp"][data-test-script-state="notRunning"]'
    page.wait_for_selector(rest, timeout=60_000)
    page.wait_for_timeout(400)


def press(page: Page, layer: str, key: str = "ArrowRight") -> Wait:
    """Move a slider by one key press, wait for the exact number and return how long it took."""
    slider = page.locator(f".st-key-tune-layer-{layer} input[type=range]")
    value = slider.input_value()
    while slider.input_value() == value:  # a key meets nothing while the page is drawn anew
        page.evaluate(MEASURE, layer)
        page.keyboard.press(key)
    page.wait_for_function("window.exact !== null", timeout=120_000)
    settle(page)
    return Wait(float(page.evaluate("window.first")), float(page.evaluate("window.exact")))


if __name__ == "__main__":
    main()
