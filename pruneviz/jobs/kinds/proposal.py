"""Ratios for a goal: the scan where it is not there yet, then the search; proposal.json at last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from pruneviz.analyses import scans
from pruneviz.history.folder import RunFolder, Spec
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job
from pruneviz.jobs.kinds import sensitivity
from pruneviz.plan import Plan, Setting
from pruneviz.propose import (
    PROPOSAL_FILE,
    Goal,
    ProposalSearch,
    finished_points,
    proposal_plan,
    read_proposal,
    write_proposal,
)


def has_result(folder: RunFolder) -> bool:
    """Return whether a proposal that reaches its goal is there and can be read.

    A measured time may leave that undecided: asked again, it is measured again.
    """
    try:
        return read_proposal(folder.file(PROPOSAL_FILE)).is_reached
    except ValueError:
        return False


def settings(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the goal spelled out; ValueError where it cannot be one."""
    return Goal.of(given).settings()


def with_ratios(folder: RunFolder, spec: Spec) -> Plan:
    """Return the plan with the ratios that were found, else that which was asked for."""
    with suppress(ValueError):  # Tune proposes again
        return read_proposal(folder.file(PROPOSAL_FILE)).plan
    return spec.plan


@job(
    "proposal", "Ratios for a goal", page="tune", has_result=has_result,
    essential=proposal_plan, settings=settings, opens=with_ratios,
    purpose=lambda settings: f"To {Goal.of(settings).wish}",
)  # fmt: skip
def proposal(spec: Spec, context: Context) -> Iterator[Progress]:
    """Read or measure the curves, then search; a checkpoint holds the points so far."""
    prepared = context.prepare(spec.plan)
    runs = context.folder.path.parent
    points = finished_points(runs, spec.plan)
    curves = scans.scan(prepared) if points is None else points
    search = ProposalSearch(
        prepared, spec.plan, Goal.of(spec.settings), curves,
        lambda scan: sensitivity.keep(runs.parent, spec.plan, scan),
    )  # fmt: skip
    yield from context.steps(search, spec)
    write_proposal(context.folder.file(PROPOSAL_FILE), search.result())
    yield Progress(1, 1, "writing the result")
