"""Every page from app.py and alone, as a user of AppTest meets it."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz import jobs
from pruneviz.allocate import SCOPES
from pruneviz.criteria import CRITERIA
from pruneviz.granularity import GRANULARITIES
from pruneviz.history.folder import (
    RunFolder,
    Spec,
    Status,
    is_digest,
    run_digest,
    runs_directory,
    scan_plan,
    write_json,
)
from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.run import bind
from pruneviz.subjects import load_subject
from pruneviz.ui.session import link
from tests.ui import tuning

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


def start(script: str, plan: Plan | None = None) -> AppTest:
    at = AppTest.from_file(str(ROOT / script), default_timeout=300)
    if plan:
        at.query_params["plan"] = link.encode(plan)
    return at.run()


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*at.markdown, *at.caption))


def accuracy(at: AppTest) -> str:
    return next(str(m.value) for m in at.markdown if "Accuracy" in str(m.value))


def titles(at: AppTest) -> list[str]:
    charts = at.get("plotly_chart")
    return [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in charts]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_complete_when_run_alone(name: str) -> None:
    at = start(f"pages/{name}.py")
    assert not at.exception
    assert not at.error
    assert "Digits, convolutional" in words(at).replace("\\", "")
    assert at.title[0].value
    assert at.button(key="strip-undo").disabled


@pytest.mark.parametrize("name", ["home", "tune", "sensitivity"])
@pytest.mark.parametrize(
    "plan",
    [
        Plan(model="sample:nope"),
        Plan(model="python:/etc/passwd:x"),
        Plan(criterion="nope"),
        Plan(layers={"nope": 0.5}),
        Plan(sparsity=0.9, locks={"conv1": tuple(range(20))}),
    ],
    ids=["model", "forbidden", "criterion", "layer", "impossible"],
)
def test_a_plan_that_cannot_be_carried_out_gives_a_sentence(name: str, plan: Plan) -> None:
    at = start(f"pages/{name}.py", plan)
    assert not at.exception
    assert len(at.error) == 1
    assert "Traceback" not in at.error[0].value


def test_app_opens_on_home_and_a_sample_can_be_chosen() -> None:
    at = start("app.py")
    assert not at.exception
    assert at.title[0].value == "Home"
    at.button(key="use-tumour-mlp").click().run()
    assert "Tumours" in words(at)
    assert not at.exception
    at.button(key="strip-undo").click().run()
    assert at.button(key="use-digits-cnn").disabled


def test_a_slider_changes_accuracy_and_undo_brings_it_back() -> None:
    at = start("pages/tune.py")
    before = accuracy(at)
    tuning.move(at, tuning.OVERALL, 70)
    assert accuracy(at) != before
    tuning.move(at, "conv1", 0)
    assert "by hand" in tuning.rows(at)["conv1"]["label"]
    at.button(key="strip-undo").click().run()
    at.button(key="strip-undo").click().run()
    assert accuracy(at) == before
    assert tuning.overall(at)["value"] == 30
    assert not at.exception


@pytest.mark.parametrize("registry", [CRITERIA, GRANULARITIES, SCOPES], ids=lambda r: r.kind)
def test_every_method_stands_behind_one_click_with_formula_and_source(registry) -> None:
    said = words(start("pages/tune.py", Plan())).replace("\\", "")
    assert len(registry.names()) > 1
    for entry in registry:
        for part in (f"**{entry.title}**", entry.sentence, f"`{entry.formula}`", entry.source):
            assert part in said


def test_overall_moves_the_layers_that_are_not_set_by_hand() -> None:
    at = start("pages/tune.py", Plan(layers={"conv2": 0.25}))
    tuning.move(at, tuning.OVERALL, 40)
    assert tuning.values(at)["conv1"] == 40
    assert tuning.values(at)["conv2"] == 25
    tuning.ask(at, "conv2", "follow")
    assert tuning.values(at)["conv2"] == 40
    assert at.button(key="tune-all-follow").disabled


def test_a_lock_holds_a_layer_and_frees_it_again() -> None:
    at = start("pages/tune.py", Plan(sparsity=0.5))
    tuning.ask(at, "conv1", "lock", True)
    assert tuning.rows(at)["conv1"]["off"]
    assert tuning.values(at)["conv1"] == 0
    assert "1 lock" in words(at)
    tuning.ask(at, "conv1", "lock", False)
    assert tuning.values(at)["conv1"] == 50
    assert not at.error


def test_an_impossible_plan_claims_nothing_about_what_goes() -> None:
    at = start("pages/tune.py", Plan(sparsity=0.9, locks={"conv1": tuple(range(20))}))
    assert tuning.rows(at)["conv1"]["label"] == "conv1 · 32 channels · 20 locked"
    assert "of :blue[99.0\u00a0%]" in accuracy(at)


def test_single_units_are_locked_by_number() -> None:
    at = start("pages/tune.py", Plan(sparsity=0.2))
    tuning.ask(at, "conv1", "units", "0,3,8-11")
    assert not at.error
    assert "6 locked" in tuning.rows(at)["conv1"]["label"]
    tuning.ask(at, "conv1", "units", "0,99")
    assert "0 to 31" in at.error[0].value
    assert "6 locked" in tuning.rows(at)["conv1"]["label"]


@pytest.mark.parametrize("scope", ["uniform", "global"])
def test_a_scope_decides_and_the_sliders_follow(scope: str) -> None:
    at = start("pages/tune.py", Plan(sparsity=0.5, scope=scope))  # type: ignore[arg-type]
    assert any(tuning.values(at).values())
    assert not at.exception
    assert titles(at)


def test_sensitivity_runs_by_itself_says_what_to_see_and_is_not_done_twice() -> None:
    plan = Plan(model="sample:tumour-mlp")
    at = start("pages/sensitivity.py", plan)
    folder = only_run()
    assert any(button.key == "scan-stop" for button in at.button)
    assert follow(folder) == "finished"
    again = start("pages/sensitivity.py", plan.changed(sparsity=0.4))
    for seen in (at.run(), again):
        # what is finished has no switch
        assert not any(str(button.key).startswith("scan-") for button in seen.button)
        assert "each layer pruned alone, the others whole" in titles(seen)[0].replace("<br>", " ")
        _, *layers = seen.selectbox(key="sensitivity-layer").options
        assert len(seen.dataframe[0].value) == 9 * len(layers)
    assert only_run().status().attempt == 1
    at.selectbox(key="sensitivity-layer").set_value("fc1").run()
    assert not at.exception


def test_a_scan_that_failed_says_why_and_can_be_tried_again() -> None:
    plan = Plan(model="sample:tumour-mlp")
    bound = scan_plan(bind(plan, load_subject(plan)))
    folder = RunFolder(runs_directory(default_home()) / run_digest("sensitivity", bound))
    folder.path.mkdir(parents=True)
    write_json(
        folder.file("job.json"), Spec(kind="sensitivity", plan=bound).model_dump(mode="json")
    )
    folder.write_status(Status(state="failed", error="it used <b>5 GB</b> of memory"))
    at = start("pages/sensitivity.py", plan)
    assert "It used" in at.error[0].value
    assert "<b>" not in at.error[0].value
    at.button(key="scan-go").click().run()
    assert not at.error
    assert at.button(key="scan-stop").label == "Stop"
    jobs.cancel(folder)
    assert follow(folder) == "stopped"
    assert at.run().button(key="scan-go").label == "Resume"


def only_run() -> RunFolder:
    """Return the only run in the home folder of this test."""
    (path,) = [p for p in runs_directory(default_home()).iterdir() if is_digest(p.name)]
    return RunFolder(path)


def follow(folder: RunFolder) -> str:
    """Wait until a job has ended; return how."""
    for _ in jobs.follow(folder):
        pass
    return folder.state()
