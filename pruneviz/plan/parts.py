"""The parts of a plan: what each of its fields decides."""

from __future__ import annotations

from enum import Flag, auto


class Part(Flag):
    """What a field decides; whatever is kept under a part of a plan asks the plan for it."""

    VERSION = auto()
    SUBJECT = auto()  # which model and data, and how they are read
    RANKING = auto()  # what a unit is, and how much each matters
    DIVISION = auto()  # how an amount is divided among layers
    OVERALL = auto()
    LAYERS = auto()  # the layers' own amounts
    LOCKS = auto()
    RECOVERY = auto()  # in how many rounds units go, and what follows each
    AMOUNTS = OVERALL | LAYERS
    AMOUNT = DIVISION | AMOUNTS | LOCKS
