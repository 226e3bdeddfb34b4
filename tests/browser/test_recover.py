"""Recovery from the first click to the same numbers at home, and what is stopped is not lost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile

from playwright.sync_api import Page, expect

from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Plan
from pruneviz.recovery.recipes import RECIPES
from tests.browser import steps
from tests.slow import WAIT_SECONDS

PRUNED = Plan(criterion="taylor", scope="global", sparsity=0.6)
STOPPED = re.compile(r"stopped after (\d+) epochs?")
JOB_MS = 1000 * WAIT_SECONDS  # a process comes up and trains, while other tests run


def test_from_start_to_the_same_numbers_on_the_command_line(page, tmp_path):
    steps.visit(page, "recover", PRUNED)
    before = steps.exact(page)
    expect(controls(page)).to_contain_text("for 5 epochs", timeout=JOB_MS)
    set_epochs(page, 20)
    press(page, "Start")
    expect(page.locator(".st-key-strip-plan")).to_contain_text("fine-tuned 20 epochs")
    expect(page.locator(".st-key-strip-plan")).to_contain_text("under way")
    expect(title(page)).to_contain_text("of 20 epochs", timeout=JOB_MS)
    steps.go(page, "compare")
    expect(page.get_by_test_id("stMain")).to_contain_text("held-out inputs the pruned network")
    expect(page.locator(".st-key-strip-plan")).to_contain_text("under way")
    expect(page.locator(".st-key-strip-plan")).not_to_contain_text("(", timeout=JOB_MS)
    recovered = steps.exact(page)
    assert recovered["size"] == before["size"]
    assert share(recovered["accuracy"]) > share(before["accuracy"])
    steps.go(page, "recover")
    expect(controls(page)).to_contain_text("finished: fine-tuned 20 epochs")
    expect(title(page)).to_contain_text(re.compile(r"^20 epochs: .* points are back"))
    expect(page.get_by_role("row", name=re.compile("the result"))).to_contain_text(
        f"{share(recovered['accuracy']):.1f}"
    )
    assert steps.exact(page) == recovered
    steps.no_exception(page)
    repeat(page, recovered, tmp_path)


def repeat(page, recovered, folder):
    """What Export gives holds the same numbers, and the command line computes them again."""
    steps.go(page, "export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download everything as one zip").click()
    download.value.save_as(folder / "run.zip")
    with zipfile.ZipFile(folder / "run.zip") as archive:
        archive.extractall(folder / "run")
    report = json.loads((folder / "run" / "report.json").read_text())
    assert f"{fmt.percent(report['accuracy']['pruned'])} (" in recovered["accuracy"]
    assert report["plan"]["recovery"][0]["parameters"]["epochs"] == 20
    done = subprocess.run(
        [sys.executable, "-m", "pruneviz", "replay", str(folder / "run")],
        capture_output=True,
        text=True,
        timeout=JOB_MS / 1000,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_stopped_goes_on_after_a_refresh_and_can_be_kept(page):
    plan = RECIPES.get("finetune").implementation(PRUNED, {"epochs": 2000})
    steps.visit(page, "recover", plan)
    press(page, "Start")
    expect(title(page)).to_contain_text("of 2,000 epochs", timeout=JOB_MS)
    press(page, "Stop")
    expect(button(page, "Resume")).to_be_enabled(timeout=JOB_MS)
    expect(controls(page)).to_contain_text(STOPPED)
    reached = int(STOPPED.search(steps.words(controls(page)))[1])
    expect(title(page)).to_contain_text(f"{reached:,} of 2,000")
    page.reload()
    steps.arrived(page, "recover")
    expect(controls(page)).to_contain_text(f"stopped after {fmt.plural(reached, 'epoch')}")
    expect(title(page)).to_contain_text(f"{reached:,} of 2,000")
    press(page, "Resume")
    expect(controls(page)).to_contain_text(re.compile("epoch .* of 2000"), timeout=JOB_MS)
    press(page, "Stop here and keep it")
    expect(page.locator(".st-key-strip-plan")).to_contain_text("of 2000 epochs", timeout=JOB_MS)
    expect(controls(page)).to_contain_text("finished: fine-tuned", timeout=JOB_MS)
    kept = int(re.search(r"fine-tuned (\d+) of 2000", steps.words(controls(page)))[1])
    assert kept >= reached >= 1
    expect(page.locator(".st-key-strip-plan")).not_to_contain_text("not yet")
    steps.exact(page)
    steps.no_exception(page)


def controls(page: Page):
    return page.locator(".st-key-recover-controls")


def title(page: Page):
    return page.locator(".st-key-recover-figure .gtitle").first  # a redrawn one lies over it


def button(page: Page, name: str):
    return controls(page).get_by_role("button", name=name, exact=True).locator("visible=true")


def press(page: Page, name: str) -> None:
    expect(button(page, name)).to_be_enabled()
    button(page, name).click()


def set_epochs(page: Page, epochs: int) -> None:
    field = page.locator(".st-key-recover-0-finetune-epochs input")
    field.fill(str(epochs))
    field.press("Enter")
    expect(controls(page)).to_contain_text(f"for {epochs} epochs")
    steps.settle(page)


def share(cell: str) -> float:
    """Return the pruned network's accuracy in a cell of the strip, in percent."""
    return float(re.search(r"([\d.]+) %", cell)[1])
