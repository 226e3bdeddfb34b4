"""From a goal to a sparsity for each layer: sensitivity curves propose, an evaluation decides."""

from pruneviz.propose.goal import GOALS, SAVES, Goal
from pruneviz.propose.proposal import PROPOSAL_FILE, Proposal, read_proposal, write_proposal
from pruneviz.propose.propose import propose, proposing
from pruneviz.propose.work import Proposing, Stage

__all__ = [
    "GOALS",
    "PROPOSAL_FILE",
    "SAVES",
    "Goal",
    "Proposal",
    "Proposing",
    "Stage",
    "propose",
    "proposing",
    "read_proposal",
    "write_proposal",
]
