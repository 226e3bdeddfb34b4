"""From a goal to a sparsity for each layer: sensitivity curves propose, an evaluation decides."""

from pruneviz.propose.goal import GOALS, SAVES, Goal
from pruneviz.propose.points import finished_points
from pruneviz.propose.proposal import (
    PROPOSAL_FILE,
    Proposal,
    proposal_plan,
    read_proposal,
    write_proposal,
)
from pruneviz.propose.propose import ProposalSearch, propose, proposing
from pruneviz.propose.work import Proposing, SearchProgress

__all__ = [
    "GOALS",
    "PROPOSAL_FILE",
    "SAVES",
    "Goal",
    "Proposal",
    "ProposalSearch",
    "Proposing",
    "SearchProgress",
    "finished_points",
    "proposal_plan",
    "propose",
    "proposing",
    "read_proposal",
    "write_proposal",
]
