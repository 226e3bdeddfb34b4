"""Scores, a budget and locks in; which units stay out: one file for each family of shares."""

from pruneviz.allocate.allocation import Allocation, allocate, requested
from pruneviz.allocate.names import locked_units, set_by_hand, strangers
from pruneviz.allocate.ranking import Ranking
from pruneviz.allocate.request import (
    SCOPES,
    WIDTHS,
    Costs,
    Counts,
    Request,
    Scope,
    at_most,
    decides_amount,
    exact_count,
    ranks_across,
    scope_settings,
)
from pruneviz.registry import import_all

import_all(__name__, list(__path__))

__all__ = [
    "SCOPES",
    "WIDTHS",
    "Allocation",
    "Costs",
    "Counts",
    "Ranking",
    "Request",
    "Scope",
    "allocate",
    "at_most",
    "decides_amount",
    "exact_count",
    "locked_units",
    "ranks_across",
    "requested",
    "scope_settings",
    "set_by_hand",
    "strangers",
]
