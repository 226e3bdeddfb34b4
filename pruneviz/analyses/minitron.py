"""Minitron's order as two plans: whole blocks first, then widths, each distilled."""

from __future__ import annotations

from collections.abc import Mapping

from pruneviz.analyses.llm_pruner import blocks_of, trained
from pruneviz.plan import ONE_SHOT, Plan, Setting
from pruneviz.subjects import Subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

SPARSITY = 0.25  # of blocks, and of what widths have, where a plan says no amount
RECOVERY = "distill"
# The paper trains by the divergence from the original's probabilities alone, unsoftened.
TRAINED: Mapping[str, Setting] = {
    "epochs": 2, "batch_size": 64, "learning_rate": 1e-4, "optimiser": "adamw",
    "temperature": 1.0, "teacher_weight": 1.0,
}  # fmt: skip


def depth(subject: Subject, plan: Plan) -> Plan:
    """Return the plan of the first step: blocks of least influence go, what is left is distilled.

    RefusedError for a network without two residual blocks (arXiv 2407.14679).
    """
    _check(plan, "depth")
    blocks = len(blocks_of(subject))
    if blocks < 2:
        raise RefusedError(choosing.no_blocks_to_leave_out(blocks))
    return _distilled(subject, plan, "depth", "block_influence")


def width(subject: Subject, plan: Plan) -> Plan:
    """Return the plan of the second step: channels of least activation go, then distillation.

    It is meant for the network that the first step wrote, which is its teacher, too.
    """
    _check(plan, "channel")
    return _distilled(subject, plan, "channel", "activation_l2")


def _check(plan: Plan, granularity: str) -> None:
    """Raise RefusedError for a plan that asks for other units than a step's, or than the usual."""
    usual = Plan.model_fields["granularity"].default
    if plan.granularity not in (usual, granularity):
        raise RefusedError(choosing.not_of_this_preset(plan.granularity, (granularity,)))


def _distilled(subject: Subject, plan: Plan, granularity: str, criterion: str) -> Plan:
    """Return the plan with these units, ranked so, and distilled; locks of other units go."""
    same = plan.granularity == granularity
    given = [step.parameters for step in plan.recovery if step.method == RECOVERY]
    parameters = trained(subject, TRAINED, given[0] if given else {})
    return plan.changed(
        criterion=criterion,
        criterion_parameters={},
        granularity=granularity,
        granularity_parameters={},
        layers=plan.layers if same else {},
        locks=plan.locks if same else {},
        scope="layer",
        scope_parameters={},
        sparsity=plan.sparsity or SPARSITY,
        schedule=ONE_SHOT,
        schedule_parameters={},
        recovery=[{"method": RECOVERY, "parameters": parameters}],
    )
