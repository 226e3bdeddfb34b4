"""What is wrong with a plan, in plain sentences."""

from __future__ import annotations

from pydantic import (
    ValidationError,
)
from pydantic_core import ErrorDetails

from pruneviz.plan.checks import shown
from pruneviz.wording import Fact, said_by
from pruneviz.wording.refusals import asked

MOST_FAULTS = 5


def plan_faults(error: ValidationError) -> Fact:
    """Return a pydantic error as a fact: its one fault, or its faults, five at most."""
    faults = error.errors(include_url=False)
    some = tuple(map(_fact, faults[:MOST_FAULTS]))
    return some[0] if len(faults) == 1 else asked.faults(some, len(faults) - len(some))


PLAIN = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a mapping",
    "model": "a mapping",
    "string": "text",
    "tuple": "a list",
}


def _fact(fault: ErrorDetails) -> Fact:
    """Return what a pydantic fault says in this program's own words."""
    kind, given = fault["type"], fault.get("ctx", {})
    where = ".".join(str(part) for part in fault["loc"]) or "the file"
    if kind == "value_error":
        return said_by(given["error"])
    if kind == "missing":
        return asked.missing(where)
    if kind == "extra_forbidden":
        return asked.unknown_here(where)
    if kind == "json_invalid":
        return asked.no_json(where, str(given["error"]))
    wanted = PLAIN.get(kind.partition("_")[0], "")
    if kind == "literal_error":
        expected = str(given["expected"]).replace("'", "").replace(" or ", ", ")
        wanted = f"one of {expected}" if "," in expected else expected
    elif kind == "greater_than_equal":
        wanted = f"{given['ge']} or more"
    elif kind == "less_than_equal":
        wanted = f"{given['le']} or less"
    elif kind == "string_pattern_mismatch":
        wanted = "64 digits of 0-9 and a-f"
    return asked.must_be(where, wanted, shown(fault["input"]))
