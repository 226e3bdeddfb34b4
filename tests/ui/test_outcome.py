from pathlib import Path

import pytest

from pruneviz.analyses.recovery_cost import Cost
from pruneviz.figures.kit import format as fmt
from pruneviz.history.folder import RunFolder, Status
from pruneviz.jobs.job import Job
from pruneviz.report import EpochRow, MetricPair, MetricValue, RecoveryReport
from pruneviz.ui.recover import costs, outcome, recovering
from pruneviz.ui.recover.recovering import Recovered
from tests.ui.finished import MLP, finish

PLAN = MLP.changed(recovery=[{"method": "finetune", "parameters": {"epochs": 3}}])
COST = Cost(seconds_per_step=0.5, steps=40, seconds_per_epoch=6.0, epochs=4, seconds_fixed=3.0)
PART = MetricValue(accuracy=0.5, interval=(0.4, 0.6), samples=100)


def row(epoch: int, accuracy: float) -> EpochRow:
    return EpochRow(
        round=1, step="finetune", epoch=epoch, loss=0.5, train_accuracy=0.9,
        accuracy=accuracy, held_out_loss=0.5, sparsity=0.9,
    )  # fmt: skip


def at(state: str | None, rows=(), plan=PLAN, report=None, **fields) -> Job[Recovered]:
    given = {"kind": "run", "settings": {}, "status": Status(), "stopping": False, **fields}
    folder, result = RunFolder(Path("no run")), Recovered(tuple(rows), report)
    return Job(asked=plan, plan=plan, folder=folder, state=state, result=result, **given)


def test_epochs_and_seconds_fit_each_other() -> None:
    epochs = costs.epochs_within(COST, PLAN, 70.0)
    assert epochs == 10
    plan = PLAN.changed(recovery=[{"method": "finetune", "parameters": {"epochs": epochs}}])
    assert costs.seconds_of(COST, plan) <= 70 < costs.seconds_of(COST, plan) + 6
    assert costs.epochs_within(COST, PLAN, 5.0) == 0
    assert costs.epochs_within(COST, MLP.changed(recovery=[{"method": "recalibrate"}]), 70) == 0


def measuring(cost: Cost | None, problem: str = "") -> costs.Measuring:
    """Return a measurement that is over, or under way where it has neither cost nor problem."""
    found = costs.Measuring.__new__(costs.Measuring)
    found.cost, found.problem = cost, problem
    return found


def test_a_time_that_cannot_be_chosen_says_why() -> None:
    fits = {"a minute": 0, "ten minutes": 1, "overnight": 90}
    least = fmt.seconds(costs.around_seconds() + COST.seconds_fixed + COST.seconds_per_epoch)
    short = outcome.why_not(PLAN, measuring(COST), fits)
    assert short.startswith(f"Not one epoch fits into a minute: that takes about {least}.")
    rounds = PLAN.changed(schedule="linear", schedule_parameters={"rounds": 2})
    said = outcome.why_not(rounds, measuring(COST), fits)
    assert said.startswith("2 epochs, one a round, do not fit into a minute or ten minutes: ")
    assert outcome.why_not(PLAN, measuring(COST), dict.fromkeys(fits, 5)) == ""
    assert "nothing to train" in outcome.why_not(PLAN, measuring(None, "nothing to train"), fits)
    assert outcome.MEASURE in outcome.why_not(PLAN, None, fits)
    assert outcome.why_not(PLAN, measuring(None), fits) == ""
    assert outcome.fitting(measuring(None)).startswith("Measuring")
    assert not outcome.fitting(measuring(COST)).startswith("Measuring")


@pytest.mark.parametrize(
    ("state", "rows", "labels"),
    [
        (None, [], ["Start"]),
        ("queued", [], ["Stop", "Stop here and keep it"]),
        ("running", [row(1, 0.6)], ["Stop", "Stop here and keep it"]),
        ("stopped", [row(1, 0.6)], ["Resume", "Keep it as it is"]),
        ("interrupted", [], ["Resume"]),
        ("failed", [row(3, 0.6)], ["Try again"]),
        ("finished", [row(3, 0.6)], []),
    ],
)
def test_what_can_be_done_depends_on_how_far_it_is(state, rows, labels) -> None:
    measured = costs.Measuring.__new__(costs.Measuring)
    found = outcome.offered(at(state, rows), "", measured, adopted=True)
    assert list(found) == labels
    if state in ("queued", "running"):
        assert found["Stop here and keep it"] == (not rows)


def test_only_what_has_lost_everything_can_be_kept() -> None:
    steps = [{"method": "finetune", "parameters": {"epochs": 6}}]
    plan = PLAN.changed(schedule="linear", schedule_parameters={"rounds": 2}, recovery=steps)
    first = row(2, 0.6)
    assert not recovering.can_be_kept(at("running", [first], plan=plan))
    assert recovering.can_be_kept(at("running", [first.model_copy(update={"round": 2})], plan=plan))


def test_the_table_holds_every_accuracy_and_the_last_is_the_result() -> None:
    _, report = finish(PLAN)
    accuracy = MetricPair(
        original=0.9, pruned=0.7, change=-0.2, original_interval=(0.8, 1.0),
        pruned_interval=(0.6, 0.8), change_interval=(-0.3, -0.1), samples=100, agreement=0.7,
    )  # fmt: skip
    recovery = RecoveryReport(
        before=PART, control=PART, rounds=1, epochs=2, curve=(row(1, 0.8), row(2, 0.7)),
        best_epoch=1, stopped="training diverged", seconds=61.0, threads=1, device="cpu",
    )  # fmt: skip
    report = report.model_copy(update={"quality": (accuracy,), "recovery": recovery})
    table = outcome.table(report).replace("\u00a0", " ")
    assert "| Original | 90.0 % | 80.0 to 100.0 % |" in table
    assert "| Original, recalibrated: the control | 50.0 % |" in table
    assert "| Best epoch: 1 | 80.0 % | 71.1 to 86.7 % |" in table
    assert "| **Last epoch: 2, the result** | 70.0 % |" in table
    said = outcome.circumstances(report)
    assert "1 min 1 s on 1 thread" in said
    assert "Training diverged." in said
    assert "flatters" in said
    last = recovery.model_copy(update={"best_epoch": 2})
    report = report.model_copy(update={"recovery": last})
    assert "| **Best and last epoch: 2, the result**" in outcome.table(report)
    assert "flatters" not in outcome.circumstances(report)


def test_a_broken_curve_is_no_curve(tmp_path) -> None:
    file = tmp_path / "curve.json"
    folder = RunFolder(tmp_path)
    assert recovering.read_rows(folder) == ()
    for content in ("", "{", "[1]", '[{"round": 1}]', "null"):
        file.write_text(content)
        assert recovering.read_rows(folder) == ()


def test_seeds_that_are_not_done_are_named() -> None:
    done = at("finished", [row(3, 0.8)])
    more = [at("running", [row(1, 0.6)], plan=PLAN.changed(seed=1))]
    assert outcome.seeds(done, more).replace("\u00a0", " ") == "seed 0: 80.0 %, seed 1: running"
    more = [at("finished", [row(3, 0.6)], plan=PLAN.changed(seed=1))]
    assert outcome.seeds(done, more).replace("\u00a0", " ").startswith("**70.0 %** is the mean")
