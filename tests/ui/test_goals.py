"""Goals on Tune: one click proposes and puts, undo takes it back, the link keeps the goal."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from pruneviz import jobs
from pruneviz.history.folder import RunFolder, Spec, Status, run_digest, runs_directory, write_json
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import kind
from pruneviz.plan import Plan
from pruneviz.propose import Goal
from pruneviz.ui.session import link
from pruneviz.ui.tune import proposing
from tests.ui import tuning
from tests.ui.test_pages import start, words

PLAN = Plan(model="sample:tumour-mlp", criterion="taylor", scope="global", sparsity=0.3)


def shown(at: AppTest) -> Plan:
    value = at.query_params["plan"]
    return link.decode(value if isinstance(value, str) else value[0])


def bar(at: AppTest) -> str:
    return str(at.get("progress")[0].proto.text).replace("\\", "")


def choose(at: AppTest, kind: str, value: float) -> None:
    at.selectbox(key="goal-kind").set_value(kind).run()
    at.number_input(key=f"goal-value-{kind}").set_value(value).run()


def test_one_click_puts_ratios_on_the_sliders_and_undo_takes_them_back() -> None:
    at = start("pages/tune.py", PLAN.changed(locks={"fc2": (1, 2)}))
    choose(at, "parameters", 40.0)
    assert "% of the parameters left, " in bar(at)
    assert bar(at).endswith("points more than the goal of 40.0 %")
    at.button(key="goal-propose").click().run()
    assert not at.exception
    assert not at.error
    plan = shown(at)
    assert set(plan.layers) == {"fc1", "fc2"}
    assert dict(plan.locks) == {"fc2": (1, 2)}
    assert tuning.values(at)["fc1"] == round(100 * plan.layers["fc1"])
    assert "within the goal" in bar(at)
    said = words(at).replace("\\", "")
    assert "of the parameters are left (goal: at most 40.0 %)" in said
    assert "measured on 190 held-out inputs" in said
    assert "Limited by" in said
    assert "It also set how it is divided among layers to “Layer by layer”" in said
    tuning.move(at, "fc1", 5)
    assert "differ from the proposal" in words(at)
    at.button(key="goal-put").click().run()
    assert shown(at) == plan
    for _ in range(3):
        at.button(key="strip-undo").click().run()
    assert shown(at).scope == "global"
    assert not shown(at).layers


def test_the_goal_is_in_the_link_and_survives_a_refresh() -> None:
    at = start("pages/tune.py", PLAN)
    choose(at, "macs", 35.0)
    given = at.query_params["goal"]
    assert Goal.parse(given if isinstance(given, str) else given[0]) == Goal("macs", 0.35)
    again = AppTest.from_file(at._script_path, default_timeout=300)
    again.query_params["plan"] = link.encode(PLAN)
    again.query_params["goal"] = "macs:0.35"
    again.run()
    assert again.selectbox(key="goal-kind").value == "macs"
    assert again.number_input(key="goal-value-macs").value == 35.0
    again.query_params["goal"] = "nonsense"
    assert not again.run().exception


def test_a_goal_that_cannot_be_is_a_sentence_and_the_plan_stays() -> None:
    at = start("pages/tune.py", PLAN)
    choose(at, "macs", 1.0)
    at.button(key="goal-propose").click().run()
    assert "cannot be reached" in at.error[0].value.replace("\\", "")
    assert "goal-stop-now" not in [button.key for button in at.button]
    assert shown(at) == PLAN
    choose(at, "megabytes", 15.0)
    at.button(key="goal-propose").click().run()
    assert "met already" in at.error[0].value
    choose(at, "macs", 0.0)
    assert "at most 1" in at.error[0].value


def begin(home, name, plan, settings):
    """Make a job's folder as `jobs.submit` does, without its process."""
    folder = RunFolder(runs_directory(home) / run_digest(name, plan, settings))
    folder.path.mkdir(parents=True)
    spec = Spec(kind=name, plan=plan, settings=settings)
    write_json(folder.file("job.json"), spec.model_dump(mode="json"))
    folder.write_status(Status(sentence="curve of layer fc1"))


def test_longer_work_is_a_job_that_puts_its_ratios_when_it_ends(monkeypatch) -> None:
    monkeypatch.setattr(proposing, "AT_ONCE_SECONDS", -1.0)
    monkeypatch.setattr(jobs, "submit", begin)
    at = start("pages/tune.py", PLAN)
    choose(at, "accuracy_points", 2.0)
    at.button(key="goal-propose").click().run()
    assert not at.exception
    assert at.button(key="goal-propose").disabled
    assert at.button(key="goal-stop")
    assert shown(at) == PLAN
    now = proposing.job_of(PLAN, Goal("accuracy_points", 2.0))
    for _ in kind("proposal").work(now.folder.spec(), Context(now.folder)):
        pass
    now.folder.write_status(Status(state="finished"))
    at.run()
    found = proposing.job_of(PLAN, Goal("accuracy_points", 2.0)).result
    assert found is not None
    assert shown(at).layers == found.plan.layers
    assert "points lost" in words(at).replace("\\", "")


def test_a_job_that_is_stopped_says_so_and_puts_nothing(monkeypatch) -> None:
    monkeypatch.setattr(proposing, "AT_ONCE_SECONDS", -1.0)
    monkeypatch.setattr(jobs, "submit", begin)
    at = start("pages/tune.py", PLAN)
    at.button(key="goal-propose").click().run()
    at.button(key="goal-stop").click().run()
    at.run()
    assert "was stopped" in words(at)
    assert shown(at) == PLAN
    assert not at.button(key="goal-propose").disabled


def test_where_nothing_can_be_kept_the_ratios_are_there_all_the_same(monkeypatch, caplog) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no run can be kept")

    monkeypatch.setattr(proposing.sensitivity, "keep", refuse)
    at = start("pages/tune.py", PLAN)
    choose(at, "parameters", 40.0)
    at.button(key="goal-propose").click().run()
    assert not at.exception
    assert not at.error
    assert set(shown(at).layers) == {"fc1", "fc2"}
    assert "the curves are not kept: no run can be kept" in caplog.text
