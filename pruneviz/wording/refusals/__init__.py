"""Why what is asked for cannot be done: the refusals of every room, one file for each topic."""

from pruneviz.wording.refusals import (
    analysing,
    asked,
    browsing,
    choosing,
    commanding,
    cutting,
    explaining,
    exporting,
    forward,
    keeping,
    packing,
    storing,
    subjects,
    tracing,
    training,
    working,
)

__all__ = [
    "analysing",
    "asked",
    "browsing",
    "choosing",
    "commanding",
    "cutting",
    "explaining",
    "exporting",
    "forward",
    "keeping",
    "packing",
    "storing",
    "subjects",
    "tracing",
    "training",
    "working",
]
