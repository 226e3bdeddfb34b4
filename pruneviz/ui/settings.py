"""What the operator named when starting the server: models and data that read paths or run code."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

MODELS_VARIABLE = "PRUNEVIZ_MODELS"
DATA_VARIABLE = "PRUNEVIZ_DATA"


def models() -> tuple[str, ...]:
    """Return the model references that the operator named at start, such as `factory:…`."""
    return _read(MODELS_VARIABLE)


def data() -> tuple[str, ...]:
    """Return the data references that the operator named at start, such as `npz:…`."""
    return _read(DATA_VARIABLE)


def variables(models: Sequence[str], data: Sequence[str]) -> dict[str, str]:
    """Return the environment variables that hand both lists to the app."""
    return {
        MODELS_VARIABLE: json.dumps(list(models)),
        DATA_VARIABLE: json.dumps(list(data)),
    }


def _read(variable: str) -> tuple[str, ...]:
    try:
        names = json.loads(os.environ.get(variable, "[]"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{variable} must be a JSON list of references") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{variable} must be a JSON list of references, got {names!r}")
    return tuple(names)
