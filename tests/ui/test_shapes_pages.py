"""Tune, Weights and Architecture under every granularity and every scope."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.allocate import SCOPES, decides_amount
from pruneviz.granularity import GRANULARITIES, noun
from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.session import link
from pruneviz.ui.words import text
from tests.fitting import FITTING
from tests.slow import SlowNetwork
from tests.ui import tuning
from tests.ui.test_pages import start, words


def seen(granularity: str, sparsity: float) -> Plan:
    """Return a plan for the digits, by a network that has such units."""
    model = "sample:digits-resnet" if granularity == "depth" else "sample:digits-cnn"
    return Plan(model=model, granularity=granularity, sparsity=sparsity)


@pytest.mark.parametrize("name", FITTING)
def test_every_granularity_is_tuned_with_its_own_parameters(name: str) -> None:
    at = start("pages/tune.py", seen(name, 0.5))
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="tune-granularity").value == name
    label = next(iter(tuning.rows(at).values()))["label"]
    assert f"{noun(name)}s go" in label
    keys = {str(widget.key) for widget in (*at.number_input, *at.selectbox, *at.toggle)}
    for parameter in GRANULARITIES.get(name).parameters:
        assert f"parameter-{name}-{parameter.name}" in keys


# Blocks have pages of their own tests; Architecture tells kinds of units apart, not each.
SHOWN = [*(("weights", name) for name in FITTING if name != "depth"),
         *(("architecture", name) for name in ("channel", "n_m", "weight"))]  # fmt: skip


@pytest.mark.parametrize(("page", "name"), SHOWN)
def test_every_granularity_is_shown(page: str, name: str) -> None:
    at = start(f"pages/{page}.py", seen(name, 0.4))
    assert not at.exception
    assert not at.error
    assert at.get("plotly_chart")


def test_a_parameter_of_the_granularity_changes_what_goes_and_frees_single_units() -> None:
    plan = Plan(granularity="n_m", sparsity=0.25, locks={"hidden": (1, 2), "classifier": "all"})
    at = start("pages/tune.py", plan)
    at.number_input(key="parameter-n_m-n").set_value(3).run()
    assert not at.error
    changed = shown(at)
    assert changed.granularity_parameters == {"n": 3}
    assert changed.locks == {"classifier": "all"}
    assert "n 3, m 4" in words(at).replace("\\", "")
    at.number_input(key="parameter-n_m-n").set_value(4).run()
    assert "make n less than m" in at.error[0].value.replace("\\", "")
    at.selectbox(key="tune-granularity").set_value("block").run()
    assert not at.error
    assert shown(at).granularity_parameters == {}


def test_locks_of_layers_without_such_units_are_forgotten_by_a_button() -> None:
    plan = Plan(granularity="kernel", sparsity=0.4, locks={"hidden": "all", "conv1": "all"},
                layers={"classifier": 0.5})  # fmt: skip
    at = start("pages/tune.py", plan)
    assert "cannot be pruned here" in at.error[0].value
    button = at.button(key="tune-forget")
    assert button.label.replace("\\", "").endswith("of classifier, hidden")
    button.click().run()
    assert not at.error
    assert (shown(at).locks, shown(at).layers) == ({"conv1": "all"}, {})
    assert not [b for b in at.button if b.key == "tune-forget"]


@pytest.mark.parametrize("scope", SCOPES.names())
def test_every_scope_draws_its_parameters_and_says_who_decides(scope: str) -> None:
    at = start("pages/tune.py", Plan(sparsity=0.5, scope=scope))
    assert not at.exception
    assert not at.error
    keys = {str(widget.key) for widget in (*at.number_input, *at.selectbox, *at.toggle)}
    for parameter in SCOPES.get(scope).parameters:
        assert f"parameter-{scope}-{parameter.name}" in keys
    assert tuning.overall(at)["off"] == decides_amount(scope)
    assert ("decides how much goes" in words(at)) == decides_amount(scope)


def test_widths_are_set_and_stay_when_the_scope_changes() -> None:
    at = start("pages/tune.py", Plan(sparsity=0.3, scope="global"))
    at.number_input(key="parameter-global-multiple_of").set_value(8).run()
    assert "multiples of 8" in words(at)
    at.selectbox(key="tune-scope").set_value("erk").run()
    assert shown(at).scope_parameters == {"multiple_of": 8}
    at.selectbox(key="tune-scope").set_value("budget").run()
    at.number_input(key="parameter-budget-left").set_value(0.8).run()
    assert not at.error
    assert "MACs are left, within the budget" in words(at).replace("\\", "")


@pytest.mark.parametrize(
    "plan",
    [
        Plan(scope="nope"),
        Plan(scope="global", scope_parameters={"nope": 1}),
        Plan(granularity_parameters={"n": 1}),
        Plan(scope="budget", scope_parameters={"at_most": 1}),
    ],
    ids=["scope", "scope parameter", "granularity parameter", "budget"],
)
def test_what_a_scope_or_granularity_cannot_be_gives_a_sentence(plan: Plan) -> None:
    at = start("pages/tune.py", plan)
    assert not at.exception
    assert len(at.error) == 1
    assert "this page failed" not in at.error[0].value


def test_units_are_said_in_words() -> None:
    assert text.units_removed(Plan()) == "channels"
    assert text.units_removed(Plan(granularity="weight")) == "weights"
    assert text.units_removed(Plan(granularity="n_m")) == "weights (N:M: n 2, m 4)"
    block = Plan(granularity="block", granularity_parameters={"rows": 8})
    assert text.units_removed(block) == "tiles of 8×4 weights"
    assert text.plan_line(Plan(scope="erk"), None).endswith("ERK (Erdős–Rényi kernel)")
    assert text.plan_line(Plan(scope="budget"), None).endswith("under a budget")


def shown(at: AppTest) -> Plan:
    """Return the plan in the page's link."""
    value = at.query_params["plan"]
    return link.decode(value if isinstance(value, str) else value[0])


def test_without_data_a_time_becomes_an_amount_or_is_refused(tmp_path, monkeypatch) -> None:
    plan = SlowNetwork(tmp_path).plan.changed(data=None, input_shape=(4,), sparsity=0.3)
    for name, value in settings.variables([plan.model], []).items():
        monkeypatch.setenv(name, value)
    at = start("pages/tune.py", plan)
    assert "they need data" in words(at)
    at.number_input(key="tune-ms").set_value(1000.0).run()
    at.button(key="tune-ms-go").click().run()
    assert not at.exception
    assert shown(at).sparsity == 0.0
    at.number_input(key="tune-ms").set_value(0.001).run()
    at.button(key="tune-ms-go").click().run()
    assert "cannot be met" in at.error[0].value.replace("\\", "")
