"""What is asked: the Plan, its checks, its text, and the sentences of its faults."""

from pruneviz.plan.checks import MAX_UNIT, Lock, Setting, checked_settings, parse_lock, shown
from pruneviz.plan.faults import plan_faults
from pruneviz.plan.parts import Part
from pruneviz.plan.plan import ONE_SHOT, Plan, RecoveryStep
from pruneviz.plan.text import MAX_PLAN_CHARACTERS

__all__ = [
    "MAX_PLAN_CHARACTERS",
    "MAX_UNIT",
    "ONE_SHOT",
    "Lock",
    "Part",
    "Plan",
    "RecoveryStep",
    "Setting",
    "checked_settings",
    "parse_lock",
    "plan_faults",
    "shown",
]
