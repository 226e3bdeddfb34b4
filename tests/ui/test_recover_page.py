"""Recover as a user of AppTest meets it; the jobs' work is done here, without their processes."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.figures.kit import format as fmt
from pruneviz.history.folder import RunFolder, Status
from pruneviz.jobs.context import Context
from pruneviz.jobs.kinds.run import carry_out
from pruneviz.plan import Plan
from pruneviz.recovery.recipes import RECIPES
from pruneviz.ui.engine import cache
from pruneviz.ui.recover import costs
from pruneviz.ui.session import link, recipes
from tests.ui.finished import MLP, finish
from tests.ui.test_pages import start, titles, words

TWO = RECIPES.get("finetune").implementation(MLP, {"epochs": 2})


@pytest.fixture(autouse=True)
def _no_process(monkeypatch):
    monkeypatch.setattr("pruneviz.jobs.control._spawn", lambda folder: None)


@pytest.fixture
def _not_measured(monkeypatch):
    monkeypatch.setattr(costs, "measured", lambda plan: None)


def page(plan: Plan) -> AppTest:
    at = start("pages/recover.py", plan)
    assert not at.exception
    return at


def button(at: AppTest, name: str):
    return next((b for b in at.button if b.key == f"recover-{name}"), None)


def plan_of(at: AppTest) -> Plan:
    return at.session_state["pruneviz-desk"].plan


def strip(at: AppTest) -> str:
    return next(str(m.value) for m in at.markdown if "  \n:small[" in str(m.value))


def work(folder: RunFolder, epochs: int | None = None) -> None:
    """Do the job's work until it is finished, or as if it was stopped after so many epochs."""
    context = Context(folder)
    folder.write_status(Status(state="running", sentence="training"))
    for step in carry_out(folder.spec(), context):
        curve = folder.file("curve.json")
        rows = json.loads(curve.read_text()) if curve.exists() else []
        if epochs is not None and rows and rows[-1]["epoch"] >= epochs:
            context.flush()
            folder.write_status(Status(state="stopped", fraction=step.done / step.total))
            return
    folder.write_status(Status(state="finished", fraction=1.0))


def until_measured(at: AppTest) -> AppTest:
    for _ in range(100):  # each run of the page waits a little for the measurement
        if "About" in words(at):
            return at
        at.run()
    raise AssertionError(words(at))


def test_it_opens_with_a_proposal_its_cost_and_what_pruning_cost() -> None:
    at = page(MLP)
    assert at.radio(key="recover-recipe").value == "finetune"
    assert titles(at)[0].startswith("Pruning cost 3.2 points")
    assert not button(at, "switch").disabled
    assert plan_of(at) == MLP, "looking changes nothing"
    said = words(until_measured(at))
    assert "for 5 epochs: 15 steps of" in said
    assert not button(at, "preset-a minute").disabled


@pytest.mark.usefixtures("_not_measured")
def test_begun_finished_and_used_by_every_page() -> None:
    at = page(TWO)
    before = words(at)
    assert "(not\u00a0yet)" in before
    button(at, "switch").click().run()
    assert not at.error
    folder = cache.run_folder(TWO)
    assert folder.state() == "queued"
    assert folder.spec().options["device"] == "auto"
    assert button(at, "switch").label == "Stop"
    assert "(under\u00a0way)" in words(at)
    work(folder)
    at.run()
    assert button(at, "switch") is None
    assert titles(at)[0].replace("\u00a0", " ").startswith("2 epochs: 96.8 %")
    said = words(at).replace("\u00a0", " ")
    assert "**:orange[96.8 %]**" in said, "the strip's accuracy"
    assert "| **Last epoch: 2, the result** | 96.8 % |" in said
    assert "| Pruned, before recovery | 94.7 % |" in said
    assert "On 190 held-out inputs" in said
    assert "(not yet)" not in said


@pytest.mark.usefixtures("_not_measured")
def test_a_recovery_that_was_computed_before_is_offered() -> None:
    five = recipes.with_recipe(MLP, "finetune")
    finish(five)
    at = page(MLP)
    assert button(at, "switch").label == "Use it"
    button(at, "switch").click().run()
    assert plan_of(at) == five
    assert button(at, "switch") is None


@pytest.mark.usefixtures("_not_measured")
def test_stopped_it_can_be_resumed_or_kept_as_it_is() -> None:
    six = TWO.changed(recovery=[{"method": "finetune", "parameters": {"epochs": 6}}])
    at = page(six)
    button(at, "switch").click().run()
    folder = cache.run_folder(six)
    assert button(at, "keep").disabled, "no epoch is trained yet"
    work(folder, epochs=2)
    at.run()
    assert button(at, "switch").label == "Resume"
    button(at, "keep").click().run()
    assert not at.error
    kept = plan_of(at)
    assert kept.recovery[0].parameters == {"epochs": 6, "stop_after": 2}
    shorter = cache.run_folder(kept)
    assert shorter.spec().parent == folder.digest
    work(shorter)
    assert "going on from the checkpoint" in shorter.file("log.txt").read_text()
    at.run()
    assert "2 of 6 epochs" in words(at)
    assert titles(at)[0].startswith("2 epochs: ")
    at.button(key="strip-undo").click().run()
    assert button(at, "switch").label == "Resume", "the longer one is not lost"
    button(at, "switch").click().run()
    assert folder.state() == "queued"
    button(at, "switch").click().run()
    assert folder.state() == "stopped"


def choose(at: AppTest) -> Plan:
    """Choose distilling in rounds, with other settings than the recipe's; return that plan."""
    at.radio(key="recover-recipe").set_value("iterative_distill").run()
    at.selectbox(key="recover-schedule").set_value("linear").run()
    at.number_input(key="recover-rounds").set_value(4).run()
    at.number_input(key="recover-0-distill-epochs").set_value(9).run()
    at.number_input(key="recover-0-distill-learning_rate").set_value(0.01).run()
    chosen = RECIPES.get("iterative_distill").implementation(MLP, {"rounds": 4, "epochs": 9})
    step = chosen.recovery[0].model_dump()
    step["parameters"] = {**step["parameters"], "learning_rate": 0.01}
    return chosen.changed(schedule="linear", recovery=[step])


@pytest.mark.usefixtures("_not_measured")
def test_a_choice_is_a_draft_until_start_and_start_is_one_step() -> None:
    at = page(MLP)
    before, address = strip(at), at.query_params["plan"]
    chosen = choose(at)
    assert plan_of(at) == MLP
    assert (strip(at), at.query_params["plan"]) == (before, address)
    assert "the plan has no recovery yet" in words(at)
    assert at.button(key="strip-undo").disabled, "there is nothing to undo"
    button(at, "switch").click().run()
    assert plan_of(at).model_dump(exclude={"recovery"}) == chosen.model_dump(exclude={"recovery"})
    assert dict(plan_of(at).recovery[0].parameters) == dict(chosen.recovery[0].parameters)
    assert cache.run_folder(plan_of(at)).state() == "queued"
    assert at.query_params["plan"] != address
    assert "in 4 rounds" in strip(at)
    assert "This recovery is in the plan" in words(at)
    at.button(key="strip-undo").click().run()
    assert (plan_of(at), at.query_params["plan"]) == (MLP, address)
    assert at.button(key="strip-undo").disabled
    assert not at.error


@pytest.mark.usefixtures("_not_measured")
def test_a_draft_of_a_plan_is_not_applied_to_another() -> None:
    at = page(TWO)
    at.number_input(key="recover-0-finetune-epochs").set_value(7).run()
    assert "the plan still says fine\\-tuned 2 epochs" in words(at)
    other = MLP.changed(sparsity=0.5)
    at.query_params["plan"] = link.encode(other)
    at.run()
    assert plan_of(at) == other
    assert at.number_input(key="recover-0-finetune-epochs").value == 5, "its own proposal"
    at.button(key="strip-undo").click().run()
    assert plan_of(at) == TWO
    assert at.number_input(key="recover-0-finetune-epochs").value == 7, "the draft waited"
    button(at, "withdraw").click().run()
    assert at.number_input(key="recover-0-finetune-epochs").value == 2
    assert button(at, "withdraw") is None
    button(at, "drop").click().run()
    assert plan_of(at) == MLP


@pytest.mark.usefixtures("_not_measured")
def test_a_refusal_speaks_of_the_draft() -> None:
    at = page(TWO)
    at.radio(key="recover-recipe").set_value("recalibrate").run()
    assert "no BatchNorm layer" in at.warning[0].value
    assert button(at, "switch").disabled
    assert plan_of(at) == TWO
    assert not button(at, "drop").disabled


@pytest.mark.usefixtures("_not_measured")
def test_of_nothing_removed_the_settings_shown_are_those_that_change() -> None:
    at = page(Plan())
    field = next(n for n in at.number_input if str(n.key).startswith("recover-0-recalibrate-"))
    fewer = field.value - 1
    field.set_value(fewer).run()
    assert at.radio(key="recover-recipe").value == "recalibrate"
    assert at.number_input(key=field.key).value == fewer
    assert not at.warning


def test_a_preset_sets_the_epochs_that_fit() -> None:
    at = until_measured(page(TWO))
    button(at, "preset-a minute").click().run()
    epochs = at.number_input(key="recover-0-finetune-epochs").value
    assert epochs > 100
    assert plan_of(at) == TWO
    assert f"for {fmt.plural(epochs, 'epoch')}" in words(until_measured(at)), "of the draft"
    draft = recipes.with_epochs(TWO, epochs)
    found = costs.measure(draft)
    assert found.cost is not None
    assert 50 < costs.seconds_of(found.cost, draft) <= 60, "measured once, for any epochs"


@pytest.mark.usefixtures("_not_measured")
def test_other_seeds_show_how_much_is_chance() -> None:
    finish(TWO)
    at = page(TWO)
    button(at, "seeds").click().run()
    assert not at.error
    folders = [cache.run_folder(TWO.changed(seed=seed)) for seed in (1, 2)]
    assert [folder.state() for folder in folders] == ["queued", "queued"]
    assert "seed 1: queued" in words(at)
    for folder in folders:
        work(folder)
    at.run()
    assert "is the mean of 3 seeds" in words(at)
    assert titles(at)[0].startswith("Mean of 3 seeds: ")
    assert button(at, "seeds") is None


@pytest.mark.usefixtures("_not_measured")
def test_earlier_recoveries_of_the_same_pruning_are_listed() -> None:
    finish(TWO)
    other = MLP.changed(sparsity=0.5, recovery=TWO.recovery)
    finish(other)
    at = page(MLP)
    shown = [b for b in at.button if str(b.key).startswith("recover-show-")]
    assert [b.key for b in shown] == [f"recover-show-{cache.run_folder(TWO).digest}"]
    table = next(str(m.value) for m in at.markdown if "| Recovery |" in str(m.value))
    row = next(line for line in table.splitlines() if line.startswith("| 1 |"))
    assert "fine-tuned 2 epochs" in row.replace("\\", "")
    assert "96.8" in row
    assert len(table.splitlines()) == 3
    shown[0].click().run()
    assert plan_of(at) == MLP, "looking at it is no use of it"
    assert at.number_input(key="recover-0-finetune-epochs").value == 2
    assert button(at, "switch").label == "Use it"
    button(at, "switch").click().run()
    used = plan_of(at)
    assert recipes.epochs_asked(used) == 2
    assert cache.is_recovered(used)
    assert button(at, "switch") is None


@pytest.mark.usefixtures("_not_measured")
def test_what_fails_is_said_and_can_be_tried_again() -> None:
    at = page(TWO)
    button(at, "switch").click().run()
    folder = cache.run_folder(TWO)
    folder.write_status(Status(state="failed", error="it used <b>5 GB</b> of memory"))
    at.run()
    assert "It used" in at.error[0].value
    assert "<b>" not in at.error[0].value
    assert button(at, "switch").label == "Try again"
    button(at, "switch").click().run()
    assert not at.error
    assert folder.state() == "queued"


def test_what_is_impossible_is_said_and_cannot_be_begun() -> None:
    plan = RECIPES.get("recalibrate").implementation(MLP, {})
    at = page(plan)
    assert "no BatchNorm layer" in at.warning[0].value
    assert button(at, "switch").disabled
    many = RECIPES.get("iterative").implementation(MLP, {"epochs": 2, "rounds": 3})
    at = page(many)
    assert "cannot be shared by 3 rounds" in at.warning[0].value


@pytest.mark.usefixtures("_not_measured")
def test_a_slow_network_is_measured_only_when_asked() -> None:
    at = page(TWO)
    assert "not measured yet" in words(at)
    assert button(at, "preset-a minute").disabled
    assert "To know how many fit" in words(at)
    assert button(at, "measure").label == "Measure a few steps"
    assert not button(at, "switch").disabled


@pytest.mark.usefixtures("_not_measured")
def test_nothing_removed_leaves_the_control() -> None:
    at = page(Plan())
    assert "Nothing is removed yet" in at.info[0].value
    assert at.radio(key="recover-recipe").value == "recalibrate"
    assert not button(at, "switch").disabled


def test_without_data_it_says_what_to_do() -> None:
    at = page(Plan(model="torchvision:squeezenet1_1", input_shape=(3, 64, 64), sparsity=0.3))
    assert any("Choose some on Home" in info.value for info in at.info)
    assert not at.radio


@pytest.mark.usefixtures("_not_measured")
def test_a_damaged_run_is_said_and_the_choices_stay() -> None:
    folder, _ = finish(TWO)
    folder.file("report.json").write_text("{")
    at = page(TWO)
    assert all("delete the run on Runs" in error.value for error in at.error)
    assert at.error
    at.number_input(key="recover-0-finetune-epochs").set_value(3).run()
    assert button(at, "switch").label == "Start"
    button(at, "switch").click().run()
    assert not at.error, "the plan has another run now"


@pytest.mark.parametrize(
    "recovery",
    [
        [{"method": "nope"}],
        [{"method": "finetune", "parameters": {"epochs": 0}}],
        [{"method": "finetune", "parameters": {"nope": 1}}],
    ],
)
def test_a_recovery_from_a_link_that_cannot_be_gives_a_sentence(recovery) -> None:
    at = page(MLP.changed(recovery=recovery))
    assert len(at.error) == 1
    assert "Traceback" not in at.error[0].value


@pytest.mark.usefixtures("_not_measured")
def test_a_regression_is_shown_by_its_error_which_is_to_fall() -> None:
    plan = Plan(model="sample:diabetes-mlp", sparsity=0.7)
    trained = RECIPES.get("finetune").implementation(plan, {"epochs": 2})
    finish(trained)
    finish(plan.changed(recovery=[{"method": "correct_biases"}]))
    at = page(trained)
    assert not at.error
    said = words(at).replace("\u00a0", " ")
    assert "How much comes back?" in said
    assert "| Mean absolute error | 95 % interval |" in said
    assert at.radio(key="recover-recipe").label == "How to recover"
    (title,) = titles(at)
    assert title.replace("\u00a0", " ").startswith("2 epochs: mean absolute error ")
    assert "that pruning cost is back" in title.replace("<br>", " ")
    tables = [str(m.value) for m in at.markdown if "| Recovery |" in str(m.value)]
    assert "| | Recovery | Mean absolute error |" in tables[0]
    assert not [s for s in at.selectbox if "augmentation" in str(s.key)]
    field = at.number_input(key="recover-0-finetune-good_enough")
    assert field.max > 1
    field.set_value(44.0).run()
    assert not at.error
    assert not at.warning
