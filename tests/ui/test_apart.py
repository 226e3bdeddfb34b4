"""Snapshots say what tells them apart, and nothing that they share."""

from __future__ import annotations

from pruneviz.plan import Plan
from pruneviz.ui.words.apart import tell_apart

PLAN = Plan(criterion="taylor", scope="global", sparsity=0.3)


def test_only_what_differs_is_said() -> None:
    plans = [PLAN, PLAN.changed(sparsity=0.5), PLAN.changed(layers={"conv1": 0.2})]
    assert tell_apart(plans) == [
        "30 % overall, no layer set by hand",
        "50 % overall, no layer set by hand",
        "30 % overall, conv1 20 %",
    ]
    assert tell_apart([PLAN, PLAN]) == ["", ""]


def test_every_change_of_a_plan_is_told() -> None:
    changes = (
        {"model": "sample:digits-resnet"}, {"data": "npz:own.npz"}, {"granularity": "weight"},
        {"criterion": "l2"}, {"scope": "uniform"}, {"locks": {"conv1": "all"}}, {"seed": 3},
        {"recovery": [{"method": "recalibrate"}]}, {"scope_parameters": {"minimum_width": 4}},
        {"classes": {"a": 0}}, {"locks": {"conv1": (1, 2)}},
    )  # fmt: skip
    for change in changes:
        one, other = tell_apart([PLAN, PLAN.changed(**change)])
        assert one != other, change
    locked = [PLAN.changed(locks={"conv1": units}) for units in ("all", (1, 2))]
    assert len(set(tell_apart(locked))) == 2
