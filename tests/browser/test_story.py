"""What a user comes for: choose, tune, look, judge, export, and get the same numbers at home."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile

import torch
from playwright.sync_api import expect

from pruneviz.export import rebuild
from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Plan
from tests.browser import steps
from tests.slow import WAIT_SECONDS

SAME = ("accuracy", "parameters", "macs", "bytes", "digest")
SAMPLES = ("digits-cnn", "digits-resnet", "tumour-mlp")


def test_from_a_first_look_to_the_same_numbers_on_the_command_line(page, tmp_path):
    choose(page)
    tuned = tune(page)
    look(page, tuned)
    report = export(page, tmp_path)
    strip = tuned["accuracy"]
    assert f"{fmt.percent(report['accuracy']['pruned'])} (" in " ".join(strip.split())
    assert fmt.size(report["bytes"]["pruned"]) in tuned["size"]
    repeat(tmp_path, report)
    use(tmp_path)


def choose(page):
    """Home shows the samples; one is taken, then another."""
    steps.visit(page, "home")
    for name in SAMPLES:
        expect(page.locator(f".st-key-card-{name}")).to_be_visible()
    use_it = page.locator(".st-key-use-tumour-mlp button")
    expect(use_it).to_have_text("Use this model")
    use_it.click()
    expect(page.locator(".st-key-strip-plan")).to_contain_text("Tumours, tabular")
    page.locator(".st-key-use-digits-cnn button").click()
    expect(page.locator(".st-key-strip-plan")).to_contain_text("Digits, convolutional")
    steps.settle(page)


def tune(page):
    """The overall slider and one layer's slider each change accuracy, size and MACs."""
    steps.go(page, "tune")
    numbers = steps.exact(page)
    for name in ("overall", "conv2"):
        steps.press(page, name, "PageUp")
        steps.press(page, name, "ArrowRight")
        for number, before in numbers.items():
            if number != "accuracy":
                steps.changes(page, number, before)
        now = steps.exact(page)
        assert all(now[number] != numbers[number] for number in ("accuracy", "size", "macs"))
        numbers = now
    expect(page.get_by_role("group", name=re.compile("conv2.*by hand"))).to_be_visible()
    return numbers


def look(page, numbers):
    """Every page shows the same numbers and a figure; the scan ends with all its curves."""
    steps.go(page, "sensitivity")
    expect(page.locator(".st-key-scan-controls")).to_contain_text(
        re.compile(r"36 of 36 points measured"), timeout=1000 * WAIT_SECONDS
    )
    curves = page.locator(".st-key-sensitivity-figure .scatterlayer .trace")
    expect(curves).not_to_have_count(0)
    legend = page.locator(".st-key-sensitivity-figure .legend").last
    for layer in ("conv1", "conv2", "conv3", "hidden"):
        expect(legend).to_contain_text(layer)
    for name, figure in (
        ("weights", "weights-heatmap"),
        ("attributions", "attributions-figure"),
        ("compare", "compare-classes"),
    ):
        steps.go(page, name)
        expect(page.locator(f".st-key-{figure} .main-svg").first).to_be_visible()
        assert steps.exact(page) == numbers
        steps.no_exception(page)
    expect(page.get_by_test_id("stMain")).to_contain_text("held-out inputs the pruned network")


def export(page, folder):
    """Download the plan and everything as one zip; return the report in the zip."""
    steps.go(page, "export")
    for label, file in (("plan.yaml", "plan.yaml"), ("Download everything as one zip", "run.zip")):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        download.value.save_as(folder / file)
    with zipfile.ZipFile(folder / "run.zip") as archive:
        archive.extractall(folder / "run")
    assert (folder / "run" / "plan.yaml").read_bytes() == (folder / "plan.yaml").read_bytes()
    return json.loads((folder / "run" / "report.json").read_text())


def repeat(folder, report):
    """The command line gives the same numbers for the plan, and again from its own folder."""
    again = pruneviz("run", folder / "plan.yaml", "--out", folder / "again", "--json")
    found = json.loads(again)
    assert {name: found[name] for name in SAME} == {name: report[name] for name in SAME}
    pruneviz("replay", folder / "again")
    pruneviz("replay", folder / "run")


def pruneviz(*arguments):
    command = [sys.executable, "-m", "pruneviz", *map(str, arguments)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def use(folder):
    """The zip alone gives a network that answers."""
    network = rebuild(folder / "run" / "recipe.json", folder / "run" / "weights.safetensors")
    answers = network(torch.zeros(3, 1, 8, 8))
    assert answers.shape == (3, 10)
    assert bool(answers.isfinite().all())


def test_locks_undo_and_redo(page):
    plan = Plan(sparsity=0.5)
    steps.visit(page, "tune", plan)
    before = steps.exact(page)
    page.locator(".st-key-tune-menu-conv2 button:visible").click()
    page.locator(".st-key-tune-lock-conv2 label").click()
    steps.changes(page, "size", before["size"])
    locked = steps.exact(page)
    expect(steps.slider(page, "conv2")).to_be_disabled()
    expect(page.locator(".st-key-strip-plan")).to_contain_text("1 lock")
    page.locator(".st-key-strip-undo button:visible").click()
    expect(steps.cell(page, "size")).to_have_text(before["size"], use_inner_text=True)
    expect(steps.slider(page, "conv2")).to_be_enabled()
    page.locator(".st-key-strip-redo button:visible").click()
    expect(steps.cell(page, "size")).to_have_text(locked["size"], use_inner_text=True)
    assert steps.exact(page) == locked


def test_an_impossible_lock_gets_a_sentence_and_a_way_back(page):
    steps.visit(page, "tune", Plan(sparsity=0.9, layers={"conv1": 0.9}))
    steps.exact(page)
    page.get_by_role("button", name="More for conv1", exact=True).click()
    units = page.locator(".st-key-tune-units-conv1 input")
    for wrong, sentence in (("40", "0 to 31"), ("all of them", "numbers and ranges")):
        units.fill(wrong)
        units.press("Enter")
        expect(steps.alerts(page)).to_contain_text(sentence)
        steps.settle(page)
        expect(units).to_have_value("")
    units.fill("0-30")
    units.press("Enter")
    expect(steps.alerts(page)).to_contain_text("conv1")
    steps.settle(page)
    expect(steps.slider(page, "conv1")).to_be_enabled()
    steps.no_exception(page)
    page.locator(".st-key-strip-undo button:visible").click()
    expect(steps.alerts(page)).to_have_count(0)
    steps.exact(page)


def test_an_impossible_plan_keeps_the_originals_numbers_and_the_page_in_place(page):
    steps.visit(page, "tune", Plan(sparsity=0.2, locks={"conv1": tuple(range(25))}))
    steps.exact(page)
    title = page.get_by_role("heading", name="Tune", level=1)
    before = title.bounding_box()
    steps.press(page, "overall", "PageUp")
    expect(steps.alerts(page)).to_contain_text("ask for 21 % at most")
    expect(steps.cell(page, "accuracy")).to_contain_text("of 99.0 %")
    assert abs(title.bounding_box()["y"] - before["y"]) < 20
