"""What the operator chose at start: models and data that read paths or run code, and memory."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pruneviz.plan import Plan
from pruneviz.subjects import own_paths
from pruneviz.subjects.references import parse_data, parse_model
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

MODELS_VARIABLE = "PRUNEVIZ_MODELS"
WEIGHTS_VARIABLE = "PRUNEVIZ_WEIGHTS"
DATA_VARIABLE = "PRUNEVIZ_DATA"
MEMORY_VARIABLE = "PRUNEVIZ_MEMORY_MB"
MEMORY_MB, MODEL_MB = 256, 64
FEWEST_MODELS = 2
# NAME=…; a reference has a colon before any =, a path may have a slash there.
NAMED = re.compile(r"\s*([^:=/\\]*[^:=/\\\s])\s*=(.+)", re.DOTALL)


@dataclass(frozen=True)
class NamedModel:
    """A model that the operator named at start; `name` is "" where none was given."""

    name: str
    reference: str
    weights: str | None = None


def named_models() -> tuple[NamedModel, ...]:
    """Return the models that the operator named at start, each with its weights file, if any."""
    return parse(_read(MODELS_VARIABLE), _read(WEIGHTS_VARIABLE))


def name_of(plan: Plan) -> str:
    """Return what the operator called a plan's model, "" where nothing or something ambiguous."""
    own = [model for model in named_models() if model.reference == plan.model]
    exact = [model for model in own if model.weights == plan.weights]
    names = {model.name for model in exact or own}
    return names.pop() if len(names) == 1 else ""


def models() -> tuple[str, ...]:
    """Return the model references that the operator named at start, such as `python:…`."""
    return tuple(model.reference for model in named_models())


def weights() -> tuple[str, ...]:
    """Return the weights files that the operator named at start."""
    return tuple(model.weights for model in named_models() if model.weights is not None)


def data() -> tuple[str, ...]:
    """Return the data references that the operator named at start, such as `npz:…`."""
    return _read(DATA_VARIABLE)


def memory_mb() -> int:
    """Return how many MB the app may keep of what was computed, so as not to compute it again."""
    given = os.environ.get(MEMORY_VARIABLE, str(MEMORY_MB))
    if not given.isdecimal():
        raise RefusedError(browsing.no_memory(MEMORY_VARIABLE, given))
    return int(given)


def models_kept() -> int:
    """Return of how many models the app may keep what was computed: one for each 64 MB."""
    return max(FEWEST_MODELS, memory_mb() // MODEL_MB)


def variables(
    models: Sequence[str],
    data: Sequence[str],
    memory_mb: int | None = None,
    weights: Sequence[str] = (),
) -> dict[str, str]:
    """Return the environment variables that hand the operator's choices to the app."""
    memory = {} if memory_mb is None else {MEMORY_VARIABLE: str(memory_mb)}
    return {
        MODELS_VARIABLE: json.dumps(list(models)),
        WEIGHTS_VARIABLE: json.dumps(list(weights)),
        DATA_VARIABLE: json.dumps(list(data)),
        **memory,
    }


def parse(models: Sequence[str], weights: Sequence[str]) -> tuple[NamedModel, ...]:
    """Return the models of `[NAME=]REFERENCE`, each with its file of `[NAME=]FILE`.

    ValueError where a name or a model comes twice, or weights belong to no model.
    """
    found: dict[str, NamedModel] = {}
    for text in models:
        name, reference = _taken_apart(text)
        key = name or reference
        if key in found:
            what = "name" if name else "model"
            raise RefusedError(browsing.given_twice(what, key, reference))
        found[key] = NamedModel(name, reference)
    for text in weights:
        key, file = _owner(text, found)
        if found[key].weights is not None:
            raise RefusedError(browsing.two_weights_files(key))
        found[key] = replace(found[key], weights=file)
    return tuple(found.values())


def check(models: Sequence[str], weights: Sequence[str], data: Sequence[str]) -> None:
    """Raise ValueError where the choices contradict each other or a file is not there.

    No code is run and no file is read.
    """
    for model in parse(models, weights):
        parse_model(model.reference)
        _check_there(Plan(model=model.reference, weights=model.weights))
    for reference in data:
        parse_data(reference)
        _check_there(Plan(data=reference))


def _check_there(plan: Plan) -> None:
    for path in own_paths(plan):
        if not path.exists():
            raise RefusedError(browsing.no_file(str(path)))


def _owner(text: str, models: dict[str, NamedModel]) -> tuple[str, str]:
    """Return which of `models` the weights `[NAME=]FILE` belong to, and the file."""
    name, file = _taken_apart(text)
    if name in models:
        return name, file
    if len(models) == 1 and (not name or Path(text).exists()):  # a file may have = in its name
        return next(iter(models)), text
    if not models:
        raise RefusedError(browsing.weights_of_no_model(text))
    known = ", ".join(f"'{model}'" for model in models)
    if not name:
        raise RefusedError(browsing.weights_of_several(text, known))
    raise RefusedError(browsing.weights_of_unnamed(text, known))


def _taken_apart(text: str) -> tuple[str, str]:
    """Return the name before `=`, "" where there is none, and what it names."""
    match = NAMED.fullmatch(text)
    return (match[1], match[2].strip()) if match else ("", text)


def _read(variable: str) -> tuple[str, ...]:
    try:
        names = json.loads(os.environ.get(variable, "[]"))
    except json.JSONDecodeError as error:
        raise RefusedError(browsing.no_list(variable)) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RefusedError(browsing.no_list_of_references(variable, repr(names)))
    return tuple(names)
