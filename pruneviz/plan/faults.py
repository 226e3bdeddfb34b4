"""What is wrong with a plan, in plain sentences."""

from __future__ import annotations

from pydantic import (
    ValidationError,
)
from pydantic_core import ErrorDetails

from pruneviz.plan.checks import shown

MOST_FAULTS = 5


def plan_faults(error: ValidationError) -> str:
    """Return a pydantic error as one plain sentence for each fault, five at most."""
    faults = error.errors(include_url=False)
    sentences = [_sentence(fault) for fault in faults[:MOST_FAULTS]]
    if len(faults) > MOST_FAULTS:
        sentences.append(f"and {len(faults) - MOST_FAULTS} more faults")
    return "; ".join(sentences)


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


def _sentence(fault: ErrorDetails) -> str:
    """Return what a pydantic fault says in this program's own words."""
    kind, given = fault["type"], fault.get("ctx", {})
    where = ".".join(str(part) for part in fault["loc"]) or "the file"
    if kind == "value_error":
        return str(given["error"])
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is unknown here"
    if kind == "json_invalid":
        return f"{where} is not JSON: {given['error']}"
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
    return f"{where} must be {wanted or 'something else'}; got {shown(fault['input'])}"
