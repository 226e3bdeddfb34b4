"""Evaluation that does not repeat itself: unchanged operators of a network are not computed."""

from pruneviz.reuse.estimates import (
    Estimate,
    Tally,
    accuracy,
    counted,
    estimate,
    estimates,
    tallies,
)
from pruneviz.reuse.evaluator import BUDGET_BYTES, Evaluator

__all__ = [
    "BUDGET_BYTES",
    "Estimate",
    "Evaluator",
    "Tally",
    "accuracy",
    "counted",
    "estimate",
    "estimates",
    "tallies",
]
