"""How much a unit matters: one file for each family, one formula for each method."""

from pruneviz.criteria.criterion import CRITERIA, Criterion, Evidence, score
from pruneviz.criteria.scored import Scored, check_asked, check_fits, score_asked
from pruneviz.criteria.updated import updated, updates
from pruneviz.registry import import_all

import_all(__name__, list(__path__))

__all__ = [
    "CRITERIA",
    "Criterion",
    "Evidence",
    "Scored",
    "check_asked",
    "check_fits",
    "score",
    "score_asked",
    "updated",
    "updates",
]
