"""The Methods page: what is chosen is measured as jobs, and shown as it comes."""

from __future__ import annotations

import pytest

from pruneviz.plan import Plan
from pruneviz.ui import comparisons
from tests.ui.test_pages import start

PLAN = Plan(model="sample:tumour-mlp", criterion="magnitude_l2", sparsity=0.4)
pytestmark = pytest.mark.usefixtures("_jobs_here")


def test_the_comparison_begins_with_the_plans_own_method_and_ends_with_every_point() -> None:
    at = start("pages/methods.py", PLAN)
    assert not at.exception
    chosen = at.multiselect(key="methods-chosen")
    assert chosen.value == ["magnitude_l2", "magnitude_l1", "random"]
    at.multiselect(key="methods-chosen").set_value(["magnitude_l2", "random"]).run()
    at.button(key="methods-go").click().run()
    assert not at.exception
    done = comparisons.jobs_of(PLAN, ["magnitude_l2", "random"])
    assert [each.state for each in done] == ["finished", "finished"]
    at.run()
    shown = at.dataframe[0].value
    assert list(shown["Method"]) == ["Magnitude, L2", "Random"]
    assert shown.shape == (2, 10)
    assert (shown != "").all().all()
    assert at.button(key="methods-go").disabled


def test_a_method_that_cannot_be_measured_says_why() -> None:
    at = start("pages/methods.py", PLAN.changed(criterion="bn_scale"))
    at.multiselect(key="methods-chosen").set_value(["bn_scale"]).run()
    at.button(key="methods-go").click().run()
    assert comparisons.jobs_of(PLAN, ["bn_scale"])[0].state == "failed"
    at.run()
    assert any("BatchNorm" in warning.value for warning in at.warning)


def test_nothing_chosen_asks_for_a_choice() -> None:
    at = start("pages/methods.py", PLAN)
    at.multiselect(key="methods-chosen").set_value([]).run()
    assert not at.exception
    assert not at.button or all(b.key != "methods-go" for b in at.button)
