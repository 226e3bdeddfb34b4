"""A plan with its defaults spelled out, so that its digest holds all that decides its run."""

from __future__ import annotations

from typing import Any

from pruneviz.allocate import scope_settings
from pruneviz.criteria import CRITERIA
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from pruneviz.proof import check as check  # part of this file's interface
from pruneviz.recovery import spelled_out
from pruneviz.subjects import Subject
from pruneviz.subjects.models.found_task import task_name
from pruneviz.tasks import CLASSIFICATION


def bind(plan: Plan, subject: Subject) -> Plan:
    """Return the plan with defaults, weights and data spelled out, so that its digest has them."""
    return plan.changed(
        weights_sha256=subject.sha256,
        data=subject.data.reference if subject.data else None,
        data_sha256=subject.data.sha256 if subject.data else None,
        task=plan.task if subject.task is CLASSIFICATION else task_name(subject.task),
        **methods(plan),
    )


def methods(plan: Plan) -> dict[str, Any]:
    """Return what a plan's methods take, with defaults, as fields of a plan.

    ValueError names a method or parameter that does not exist; no model is opened for that.
    """
    granularity = GRANULARITIES.get(plan.granularity)
    return {
        "criterion_parameters": CRITERIA.get(plan.criterion).spelled_out(plan.criterion_parameters),
        "granularity_parameters": granularity.settings(plan.granularity_parameters),
        "scope_parameters": scope_settings(plan),
        **spelled_out(plan),
    }
