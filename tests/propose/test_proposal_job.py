"""A proposal as a job: it takes the curves that are there, else measures them, and is kept."""

from __future__ import annotations

import pandas as pd
import pytest

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.figures import proposed
from pruneviz.history.folder import (
    POINTS_FILE,
    PROPOSAL_FILE,
    RunFolder,
    Spec,
    Status,
    run_digest,
    runs_directory,
    scan_plan,
)
from pruneviz.history.index import History
from pruneviz.jobs import submit
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import kind
from pruneviz.plan import Plan
from pruneviz.propose import (
    Goal,
    ProposalSearch,
    finished_points,
    proposal_plan,
    propose,
    read_proposal,
)
from pruneviz.sensitivity import Scan, read_points
from pruneviz.subjects import load_subject

PLAN = Plan(model="sample:tumour-mlp", criterion="taylor", scope="global", sparsity=0.4,
            layers={"fc1": 0.2}, locks={"fc1": (0, 1)})  # fmt: skip
GOAL = Goal("parameters", 0.5)


def folder_of(home, name, plan, settings=None):
    folder = RunFolder(runs_directory(home) / run_digest(name, plan, settings))
    folder.path.mkdir(parents=True)
    return folder


def carried_out(home, plan):
    found = kind("proposal")
    essential, settings = found.essential(plan), found.settings(GOAL.settings())
    folder = folder_of(home, "proposal", essential, settings)
    spec = Spec(kind="proposal", plan=essential, settings=settings)
    stages = list(found.work(spec, Context(folder)))
    assert found.has_result(folder)
    return read_proposal(folder.file(PROPOSAL_FILE)), stages


def test_it_measures_curves_and_then_does_what_the_library_does(tmp_path):
    prepared = run.prepare(load_subject(PLAN), PLAN)
    bound = run.bind(PLAN, prepared.subject)
    found, stages = carried_out(tmp_path, bound)
    scan = scans.scan(prepared)
    while not scan.finished:
        scan.step()
    again = propose(prepared, bound, GOAL, scan.table())
    assert found.onto(bound) == again.plan
    assert (found.quality, found.binding) == (again.quality, again.binding)
    shares = [stage.done / stage.total for stage in stages]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_it_takes_the_finished_scan(tmp_path, monkeypatch):
    prepared = run.prepare(load_subject(PLAN), PLAN)
    bound = run.bind(PLAN, prepared.subject)
    scan = scans.scan(prepared)
    while not scan.finished:
        scan.step()
    folder = folder_of(tmp_path, "sensitivity", scan_plan(bound))
    folder.file(POINTS_FILE).write_text(scan.table().to_csv(index=False))
    assert finished_points(runs_directory(tmp_path), bound) is None
    folder.write_status(Status(state="finished"))
    monkeypatch.setattr(scans, "scan", lambda *_: pytest.fail("the scan is there"))
    found, _ = carried_out(tmp_path, bound)
    assert found.reached <= GOAL.value


def test_goal_and_locks_decide_the_folder_and_amounts_do_not():
    def digest(plan, goal):
        return run_digest("proposal", proposal_plan(plan), goal.settings())

    usual = digest(PLAN, GOAL)
    for same in ({"sparsity": 0.9}, {"layers": {}}, {"scope": "erk"}, {"recovery": ()}):
        assert digest(PLAN.changed(**same), GOAL) == usual
    widths = PLAN.changed(scope_parameters={"multiple_of": 8})
    for other in (PLAN.changed(locks={}), PLAN.changed(criterion="magnitude_l1"), widths):
        assert digest(other, GOAL) != usual
    assert digest(PLAN, Goal("parameters", 0.4)) != usual
    assert digest(PLAN, Goal("macs", 0.5)) != usual


def test_the_command_line_wants_one_goal_that_can_be(pruneviz):
    for arguments in ((), ("--macs", "0.5", "--lose", "1")):
        code, _, said = pruneviz("propose", "--model", PLAN.model, *arguments)
        assert (code, "name one goal" in said) == (1, True)
    code, _, said = pruneviz("propose", "--model", PLAN.model, "--macs", "2")
    assert (code, "at most 1, such as 0.5" in said) == (1, True)


def test_words_say_the_number_beside_the_goal():
    prepared = run.prepare(load_subject(PLAN), PLAN)
    scan = scans.scan(prepared, (0.3, 0.6, 0.9))
    while not scan.finished:
        scan.step()
    found = propose(prepared, PLAN, GOAL, scan.table())
    line = proposed.reached_line(found)
    assert line.startswith(f"{100 * found.reached:.1f} % of the parameters are left")
    assert "(goal: at most 50.0 %)" in line
    assert f"{found.quality.samples} held-out inputs" in proposed.quality_line(found)
    lost = propose(prepared, PLAN, Goal("accuracy_points", 2), scan.table())
    said = (
        f"{100 * lost.saved_parameters:.1f} % of the parameters go (goal: at most 2.0 points lost)"
    )
    assert proposed.reached_line(lost) == said


def test_the_curves_that_a_goal_needed_are_the_finished_scan_of_everybody(tmp_path, monkeypatch):
    prepared = run.prepare(load_subject(PLAN), PLAN)
    bound = run.bind(PLAN, prepared.subject)
    carried_out(tmp_path, bound)
    essential = kind("sensitivity").essential(bound)
    folder = RunFolder(runs_directory(tmp_path) / run_digest("sensitivity", essential))
    assert folder.state() == "finished"
    assert kind("sensitivity").has_result(folder)
    scan = scans.scan(prepared)
    while not scan.finished:
        scan.step()
    pd.testing.assert_frame_equal(read_points(folder.file(POINTS_FILE)), scan.table())
    assert History(tmp_path).get(folder.digest).state == "finished"
    monkeypatch.setattr(Scan, "step", lambda self: pytest.fail("it is measured again"))
    assert submit(tmp_path, "sensitivity", bound).path == folder.path
    other = kind("proposal").settings(Goal("macs", 0.5).settings())
    again = folder_of(tmp_path, "proposal", kind("proposal").essential(bound), other)
    spec = Spec(kind="proposal", plan=kind("proposal").essential(bound), settings=other)
    list(kind("proposal").work(spec, Context(again)))
    assert read_proposal(again.file(PROPOSAL_FILE)).kind == "macs"


@pytest.mark.parametrize(
    ("goal", "locked", "sentence"),
    [
        (Goal("megabytes", 1e6), False, "already"),
        (Goal("macs", 1.0), False, "already"),
        (Goal("macs", 1e-6), False, "cannot be reached"),
        (Goal("milliseconds", 1e-6), False, "cannot be reached"),
        (Goal("macs", 0.5), True, "locked"),
    ],
)
def test_what_no_curve_can_reach_is_refused_before_any_is_measured(
    goal, locked, sentence, monkeypatch
):
    prepared = run.prepare(load_subject(PLAN), PLAN)
    everything = {units.name: tuple(range(units.count)) for units in prepared.units}
    plan = run.bind(PLAN.changed(locks=everything if locked else {}), prepared.subject)
    monkeypatch.setattr(Scan, "step", lambda self: pytest.fail("a curve is measured"))
    with pytest.raises(ValueError, match=sentence):
        ProposalSearch(prepared, plan, goal, scans.scan(prepared)).step()
