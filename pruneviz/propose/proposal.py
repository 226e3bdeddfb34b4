"""The proposal: a plan with a sparsity for each layer, and what was found when it was checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from pruneviz.allocate import WIDTHS
from pruneviz.analyses.latency_budget import FINAL_RUNS
from pruneviz.history.folder import PROPOSAL_FILE as PROPOSAL_FILE  # part of this interface
from pruneviz.history.folder import write_json
from pruneviz.measure.milliseconds import PassTime, Standing
from pruneviz.plan import Part, Plan, plan_faults
from pruneviz.propose.goal import MILLISECONDS, Goal
from pruneviz.report import ACCURACY, Interval, MetricPair, Uncounted
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

NO_INTERVAL = (math.nan, math.nan)


class Proposal(BaseModel):
    """A plan whose layers have ratios, checked by an evaluation of all of them together.

    `reached`, `original` and `wanted` are in the goal's unit; `interval` is that of a measured
    time. `quality` is the metric on the held-out inputs, and stands in a file as `accuracy` where
    it is that. `predicted` is the change of the metric that the curves alone foretell, summed over
    the layers, `uniform` that of equal parts of every layer which reach the same, None where they
    do not; `compared` that on the `choosing` inputs by which candidates were compared. `binding`
    says what holds the ratios where they
    are, `notes` what must be known of the numbers, `uncounted` what MACs leave out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    wanted: float
    save: str
    plan: Plan
    family: str
    reached: float
    original: float
    interval: Interval | None = None
    quality: MetricPair
    predicted: float
    uniform: float | None = None
    compared: float
    choosing: int
    saved_parameters: float
    saved_macs: float
    binding: tuple[str, ...]
    notes: tuple[str, ...]
    evaluations: int
    uncounted: Uncounted = Uncounted()

    @model_validator(mode="before")
    @classmethod
    def _read_accuracy(cls, fields: Any) -> Any:
        if not isinstance(fields, Mapping) or ACCURACY not in fields:
            return fields
        return {("quality" if n == ACCURACY else n): value for n, value in fields.items()}

    @model_serializer(mode="wrap")
    def _write_accuracy(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        name = ACCURACY if self.quality.metric == ACCURACY else "quality"
        return {(name if n == "quality" else n): value for n, value in written(self).items()}

    @property
    def goal(self) -> Goal:
        """Return what was asked."""
        return Goal(self.kind, self.wanted, self.save)

    @property
    def time(self) -> PassTime | None:
        """Return the measured time; None where the goal is none."""
        if self.kind != MILLISECONDS:
            return None
        return PassTime(self.reached, self.interval or NO_INTERVAL, FINAL_RUNS)

    @property
    def is_reached(self) -> bool:
        """Return whether the goal is reached, as far as the interval of a measured time says so."""
        return self.time is None or self.time.against(self.wanted) is Standing.WITHIN

    def onto(self, plan: Plan) -> Plan:
        """Return a plan with these ratios on its sliders; what it recovers by stays."""
        own = Plan.fields_of(Part.DIVISION | Part.AMOUNTS)
        return plan.changed(**{name: getattr(self.plan, name) for name in own})


def proposal_plan(plan: Plan) -> Plan:
    """Return the part of a plan that decides a proposal: no amounts and no recovery, but locks."""
    widths = {parameter.name for parameter in WIDTHS}
    given = {name: value for name, value in plan.scope_parameters.items() if name in widths}
    fresh = plan.without(Part.AMOUNTS | Part.RECOVERY)
    return fresh.changed(scope="layer", scope_parameters=given)


def write_proposal(path: Path, proposal: Proposal) -> None:
    """Write a proposal as JSON, whole or not at all; ValueError where that fails."""
    write_json(path, proposal.model_dump(mode="json"))


def read_proposal(path: Path) -> Proposal:
    """Return the proposal of a file; ValueError where it is missing or damaged."""
    try:
        return Proposal.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RefusedError(
            analysing.proposal_unreadable(path.name, error.strerror or str(error))
        ) from error
    except ValidationError as error:
        raise RefusedError(analysing.proposal_damaged(path.name, plan_faults(error))) from error
