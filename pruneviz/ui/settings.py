"""What the operator chose at start: models and data that read paths or run code, and memory."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

MODELS_VARIABLE = "PRUNEVIZ_MODELS"
DATA_VARIABLE = "PRUNEVIZ_DATA"
MEMORY_VARIABLE = "PRUNEVIZ_MEMORY_MB"
MEMORY_MB = 256


def models() -> tuple[str, ...]:
    """Return the model references that the operator named at start, such as `factory:…`."""
    return _read(MODELS_VARIABLE)


def data() -> tuple[str, ...]:
    """Return the data references that the operator named at start, such as `npz:…`."""
    return _read(DATA_VARIABLE)


def memory_mb() -> int:
    """Return how many MB the app may keep of what was computed, so as not to compute it again."""
    given = os.environ.get(MEMORY_VARIABLE, str(MEMORY_MB))
    if not given.isdecimal():
        raise ValueError(f"{MEMORY_VARIABLE} must be a whole number of MB, such as 256: '{given}'")
    return int(given)


def variables(
    models: Sequence[str], data: Sequence[str], memory_mb: int | None = None
) -> dict[str, str]:
    """Return the environment variables that hand the operator's choices to the app."""
    memory = {} if memory_mb is None else {MEMORY_VARIABLE: str(memory_mb)}
    return {
        MODELS_VARIABLE: json.dumps(list(models)),
        DATA_VARIABLE: json.dumps(list(data)),
        **memory,
    }


def _read(variable: str) -> tuple[str, ...]:
    try:
        names = json.loads(os.environ.get(variable, "[]"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{variable} must be a JSON list of references") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{variable} must be a JSON list of references, got {names!r}")
    return tuple(names)
