"""Evaluation that does not repeat itself: unchanged operators of a network are not computed."""

from pruneviz.reuse.estimates import (
    Estimate,
    Gathered,
    Seen,
    Tally,
    accuracy,
    counted,
    estimate,
    estimates,
    seen,
    tallies,
)
from pruneviz.reuse.evaluator import BUDGET_BYTES, Evaluator

__all__ = [
    "BUDGET_BYTES",
    "Estimate",
    "Evaluator",
    "Gathered",
    "Seen",
    "Tally",
    "accuracy",
    "counted",
    "estimate",
    "estimates",
    "seen",
    "tallies",
]
