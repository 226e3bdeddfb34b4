"""Pruning and recovering in rounds, from start to end."""

from __future__ import annotations

from pruneviz.plan import ONE_SHOT, Plan
from pruneviz.proof import check as check  # part of this file's interface
from pruneviz.stages.prepare import Prepared
from pruneviz.stages.prune import Pruned
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.stepwise import complete


def asks_for_rounds(plan: Plan) -> bool:
    """Return whether a plan does more than prune once."""
    return bool(plan.recovery) or plan.schedule != ONE_SHOT


def recovered(prepared: Prepared, plan: Plan, device: str = "cpu") -> Pruned:
    """Prune and recover in the rounds that a plan asks for, from start to end."""
    return complete(RecoveryRounds(prepared, plan, device)).result()
