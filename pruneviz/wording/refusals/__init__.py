"""Why what is asked for cannot be done: the refusals of every room, one file for each topic."""

from pruneviz.wording.refusals import (
    asked,
    choosing,
    cutting,
    forward,
    storing,
    tracing,
    training,
)

__all__ = ["asked", "choosing", "cutting", "forward", "storing", "tracing", "training"]
