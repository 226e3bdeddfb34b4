"""Plan → Report: the stages in a row. Whoever uses the library finds every stage here."""

from __future__ import annotations

from pruneviz.plan import Plan
from pruneviz.proof import check
from pruneviz.report import Report
from pruneviz.stages.bind import bind, methods
from pruneviz.stages.prepare import (
    Baseline,
    Prepared,
    counting,
    measure_baseline,
    preparation_key,
    prepare,
    scored,
)
from pruneviz.stages.prune import Pruned, prune, pruning_notes, removed
from pruneviz.stages.recover import asks_for_rounds, recovered
from pruneviz.stages.report import costs, report, time_models, uncounted
from pruneviz.subjects import load_subject

__all__ = [
    "Baseline", "Prepared", "Pruned", "asks_for_rounds", "bind", "check", "costs", "counting",
    "measure_baseline", "methods", "preparation_key", "prepare", "prune", "pruning_notes",
    "recovered", "removed", "report", "run", "scored", "time_models", "uncounted",
]  # fmt: skip


def run(plan: Plan, latency_runs: int = 100, threads: int = 1) -> tuple[Prepared, Pruned, Report]:
    """Carry a plan out: load, prepare, prune, recover where it says so, measure."""
    methods(plan)  # a wrong name is said before anything is opened
    subject = load_subject(plan)
    prepared = prepare(subject, plan)
    pruned = recovered(prepared, plan) if asks_for_rounds(plan) else prune(prepared, plan)
    timings = time_models(prepared, pruned, latency_runs, threads=threads)
    return prepared, pruned, report(prepared, pruned, timings.summary())
