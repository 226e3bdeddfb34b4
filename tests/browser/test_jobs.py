"""Long work in the browser: it survives page, refresh and server, says when it is done, resumes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from pruneviz.history.folder import CANCEL_FILE, RunFolder, is_digest, runs_directory
from tests.browser import steps
from tests.browser.server import Server, end_jobs, serve
from tests.slow import WAIT_SECONDS, SlowNetwork, wait_until

POINTS = 18
SOME_PASSES = 24  # of a scan's, so that some of its points are measured, and not all
WAIT_MS = 1000 * WAIT_SECONDS
LINE = re.compile(rf"(\d+) of {POINTS} points measured")


class Bench(SlowNetwork):
    """A server that may open one slow network, and its pace."""

    def serve(self):
        return serve(self.folder, "--model", self.plan.model, "--data", str(self.plan.data))


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def slow(bench) -> Iterator[Server]:
    with bench.serve() as server:
        yield server
        bench.pace(0)
        end_jobs(server.home)
    assert server.complaints() == []


def points(page: Page, least: int) -> int:
    """Wait until so many points are measured, and return how many are."""
    line = page.locator(".st-key-scan-controls")
    expect(line).to_contain_text(LINE, timeout=WAIT_MS)
    page.wait_for_function(
        """([least]) => Number(document.querySelector('.st-key-scan-controls')?.innerText
             .match(/(\\d+) of/)?.[1] ?? -1) >= least""",
        arg=[least],
        timeout=WAIT_MS,
    )
    return int(LINE.search(line.inner_text())[1])


def until(page: Page, condition: Callable[[], object]) -> None:
    """Wait until a condition holds that what the page sends brings about."""
    for _ in range(WAIT_MS // 100):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("waited in vain")


def newest(server: Server) -> RunFolder:
    folders = [p for p in runs_directory(server.home).iterdir() if is_digest(p.name)]
    return RunFolder(max(folders, key=lambda path: path.stat().st_ctime_ns))


def stop(button: Locator, job: RunFolder, bench: Bench) -> None:
    """Press a button that stops a job, which is held until it is asked to stop."""
    button.click()
    wait_until(job.file(CANCEL_FILE).exists)
    bench.pace(0)


def jobs(page: Page):
    return page.locator(".st-key-strip-jobs button").first


def scan(page: Page, bench: Bench, seed: int) -> int:
    """Open a scan of its own, and return after how many points it is held."""
    bench.hold_after(SOME_PASSES)
    steps.visit(page, "sensitivity", bench.plan.changed(seed=seed))
    bench.until_held()
    return points(page, 1)


def test_a_scan_goes_on_over_pages_a_refresh_and_a_restart_of_the_server(tabs, bench):
    with bench.serve() as server:
        page = tabs(url=server.url)
        held = scan(page, bench, seed=1)
        steps.go(page, "tune")
        expect(jobs(page)).to_contain_text("1 under way")
        steps.go(page, "sensitivity")
        points(page, held)
        page.reload()
        steps.arrived(page, "sensitivity")
        points(page, held)
        folder = newest(server)
        page.context.close()
    with bench.serve() as server:
        page = tabs(url=server.url)
        steps.visit(page, "sensitivity", bench.plan.changed(seed=1))
        points(page, held)
        bench.pace(0)
        assert points(page, POINTS) > held
        expect(page.locator(".st-key-scan-controls")).to_contain_text("of your inputs")
        page.context.close()
    assert folder.status().attempt == 1


def test_a_job_that_is_done_says_so_on_another_page_and_leads_back(tabs, slow, bench):
    page = tabs(url=slow.url)
    scan(page, bench, seed=2)
    steps.go(page, "tune")
    expect(page.get_by_test_id("stToast")).to_have_count(0)
    bench.pace(0)
    expect(page.get_by_test_id("stToast")).to_contain_text("Sensitivity scan finished")
    expect(jobs(page)).to_have_text(re.compile("^Jobs"))
    jobs(page).click()
    page.get_by_role("link", name="Open in Sensitivity").first.click()
    steps.arrived(page, "sensitivity")
    assert points(page, POINTS) == POINTS
    assert newest(slow).status().attempt == 1


def test_a_word_that_a_page_drawn_anew_took_along_is_said_again(tabs, slow, bench):
    page = tabs(url=slow.url)
    scan(page, bench, seed=7)
    steps.go(page, "tune")
    held = []  # what shows a toast is fetched when the first one comes
    page.route("**/Toast.*.js", lambda route: held.append(route))
    bench.pace(0)
    expect(jobs(page)).to_have_text(re.compile("^Jobs\\s*(expand_more)?$"))
    until(page, lambda: held)
    steps.slider(page, "overall").press("ArrowRight")
    steps.exact(page)
    held[0].continue_()
    expect(page.get_by_test_id("stToast")).to_contain_text("Sensitivity scan finished")
    page.unroute("**/Toast.*.js")


def test_a_stopped_scan_resumes_from_its_checkpoint(tabs, slow, bench):
    page = tabs(url=slow.url)
    held = scan(page, bench, seed=3)
    stop(page.locator(".st-key-scan-stop button"), newest(slow), bench)
    controls = page.locator(".st-key-scan-controls")
    expect(controls).to_contain_text("stopped")
    done = points(page, held)
    assert done < POINTS
    expect(jobs(page)).to_have_text(re.compile("^Jobs\\s*(expand_more)?$"))
    bench.hold_after(SOME_PASSES)
    steps.settle(page)  # the end of the job draws the page anew, and takes the button along
    page.locator(".st-key-scan-go button").click()
    expect(page.locator(".st-key-scan-stop button")).to_be_visible()
    assert points(page, 0) >= done
    bench.pace(0)
    points(page, POINTS)
    log = newest(slow).file("log.txt").read_text()
    assert re.search(rf"going on from the checkpoint 0+{done}-", log)


def test_the_panel_stops_a_job_and_goes_on_with_it(tabs, slow, bench):
    page = tabs(url=slow.url)
    scan(page, bench, seed=4)
    jobs(page).click()
    panel = page.locator(".st-key-jobs-panel")
    expect(panel).to_contain_text("Sensitivity scan")
    stop(panel.get_by_role("button", name="Stop"), newest(slow), bench)
    expect(page.locator(".st-key-scan-controls")).to_contain_text("stopped")
    steps.go(page, "home")  # while the panel is open
    steps.no_exception(page)
