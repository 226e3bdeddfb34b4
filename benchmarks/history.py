"""The history with 5,000 runs: open it, search it, count; against reading every folder.

The runs' folders are copies of one computed run, each with its own digest. Opening looks at what
changed in every folder, as each visit to the Runs page does. The ratio says how many times quicker
that is than making the index anew. A row has the whole page, from a click on Runs in a real browser
until the list stands there.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from common import finish, median_seconds, quick_asked
from playwright.sync_api import sync_playwright
from slider import CHROMIUM, served, settle

from pruneviz import run as engine
from pruneviz.history.folder import RunFolder, Spec, Status, run_digest, runs_directory, write_json
from pruneviz.history.index import History
from pruneviz.history.usage import measure_usage
from pruneviz.plan import Plan
from pruneviz.store import write_run

GOAL_MS, PAGE_GOAL_MS = 200, 1000
VISITS = 5


def main() -> None:
    """Make the runs, measure, and write the section."""
    count = 250 if quick_asked(__doc__) else 5000
    with tempfile.TemporaryDirectory(prefix="pruneviz-bench-") as name:
        home = Path(name)
        digests = make_runs(home, count)
        History(home)
        time.sleep(2.1)  # what was just written is looked at again, in case it still changes
        rows, ratio = measure(home, digests, 5)
        for row in rows:
            print(*row, sep=" | ", flush=True)
        rows.append(("the page in the app, from the click to the list", page_ms(name, count)))
    notes = (
        f"{count:,} finished runs of sample:tumour-mlp, each begun from the one before; medians "
        f"of 5. Goals for 5,000 runs: opened, 50 found and counted within {GOAL_MS} ms; "
        f"the page within {PAGE_GOAL_MS} ms."
    )
    finish("history", ("", "median"), rows, notes, ratio)


def make_runs(home: Path, count: int) -> list[str]:
    """Compute one run, and copy it with other seeds; return the digests."""
    plan = Plan(model="sample:tumour-mlp", sparsity=0.3)
    prepared, pruned, report = engine.run(plan, latency_runs=3)
    source = home / "source"
    write_run(source, prepared, pruned, report)
    measured = report.model_dump(mode="json")
    digests: list[str] = []
    for seed in range(count):
        asked = pruned.plan.changed(seed=seed)
        folder = RunFolder(runs_directory(home) / run_digest("run", asked))
        shutil.copytree(source, folder.path)
        spec = Spec(kind="run", plan=asked, parent=digests[-1] if digests else None)
        own = {"digest": folder.digest, "plan": asked.model_dump(mode="json")}
        files = {
            "job.json": spec.model_dump(mode="json"),
            "status.json": Status(state="finished").model_dump(mode="json"),
            "report.json": {**measured, **own},
        }
        for name, content in files.items():
            folder.file(name).write_text(json.dumps(content))
        write_json(folder.file("label.json"), {"name": f"run {seed}"}, durable=False)
        digests.append(folder.digest)
    return digests


def measure(home: Path, digests: list[str], runs: int) -> tuple[list[tuple[str, str]], float]:
    """Return the table's rows, and how many times quicker opening is than reading every folder."""

    def visit() -> None:
        history = History(home)
        history.search(limit=50)
        history.count()

    history = History(home)
    middle = digests[len(digests) // 2]
    actions = {
        "open (with a look at every folder), find the newest 50, count": visit,
        "find 50 by words, the most accurate first": lambda: history.search(
            "tumour run 12", order="accuracy", limit=50
        ),
        "the run of a name": lambda: history.get("run 100"),
        "lineage of the middle of the chain": lambda: history.lineage(middle),
        "what the runs take on the disk": lambda: measure_usage(history),
        "name a run": lambda: history.label(middle, name="middle"),
        "record a run that has ended": lambda: history.record(middle),
        "make the index anew from the folders": history.rebuild,
    }
    seconds = {name: median_seconds(action, runs) for name, action in actions.items()}
    first, *_, last = seconds.values()
    rows = [(name, f"{1000 * taken:.1f} ms") for name, taken in seconds.items()]
    return rows, last / first


def page_ms(home: str, count: int) -> str:
    """Return the median time until the app's page shows the list, and the longest, as text."""
    waits = []
    with served(home, None) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-headless-shell"),
            args=CHROMIUM,
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"http://localhost:{port}/")
        page.wait_for_selector(".st-key-strip")
        for _ in range(VISITS):
            settle(page)
            page.wait_for_timeout(1000)
            begun = time.perf_counter()
            page.get_by_role("link", name="Runs", exact=True).first.click()
            page.get_by_text(f"of {count:,} runs, newest first").wait_for()
            page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
            waits.append(1000 * (time.perf_counter() - begun))
            page.get_by_role("link", name="Tune", exact=True).first.click()
            page.get_by_role("heading", name="Tune").wait_for()
        browser.close()
    return f"{statistics.median(waits):.0f} ms, {max(waits):.0f} ms at most"


if __name__ == "__main__":
    main()
