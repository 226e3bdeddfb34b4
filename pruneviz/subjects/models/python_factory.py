"""A model from a Python file: a function in it, called without arguments, returns the network."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from pruneviz.coupling.accept import accept_form
from pruneviz.network.inputs import Given, as_given
from pruneviz.subjects.models.expectation import Expectation, Source
from pruneviz.subjects.models.own_names import own_names
from pruneviz.subjects.models.weights import fit_weights, read_weights, refuse_nan
from pruneviz.subjects.subject import Subject
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import opening

SEED = 0


def load_python(name: str, weights: Path | None) -> Source:
    """Return the model that FACTORY of `FILE.py:FACTORY` makes. This runs the code of the file."""
    file, _, factory = name.rpartition(":")
    if not file.endswith(".py") or not factory.isidentifier():
        raise RefusedError(opening.no_factory_named(f"python:{name}"))
    path = Path(file)
    if not path.is_file():
        raise RefusedError(opening.no_python_file(str(path)))
    made = _make(path, factory)
    model, example = (made.model, made.example) if isinstance(made, Subject) else made
    data = made.data if isinstance(made, Subject) else None
    notes: tuple[Fact, ...] = ()
    if weights is None:
        refuse_nan(path.name, model.state_dict())
        notes = (opened.made_weights(factory),)
    else:
        fit_weights(model, read_weights(weights), weights.name)
    return Source(
        model=model,
        title=python_title(name),
        sentence=f"The network that {factory}() in {path.name} makes.",
        weights_label="your weights" if weights else f"weights that {factory}() made",
        expects=Expectation(classes=own_names(model)),
        notes=notes,
        task=made.task if isinstance(made, Subject) else None,
        example=example,
        data=replace(data, reference=f"python:{name}") if data else None,
    )


def python_title(name: str) -> str:
    """Return what the model of `FILE.py:FACTORY` is called, without opening it: `net.py: build`."""
    file, _, factory = name.rpartition(":")
    return f"{Path(file).name}: {factory}"


def _make(path: Path, factory: str) -> Subject | tuple[nn.Module, Given | None]:
    """Run the file and its factory; ValueError gives the error that the user's code raised."""
    with torch.random.fork_rng(devices=[]), _beside(path):
        torch.manual_seed(SEED)
        try:
            function = getattr(_execute(path), factory, None)
            made: Any = function() if callable(function) else None
        # The code is the user's: whatever it raises becomes one sentence.
        except (Exception, SystemExit) as error:
            kind = type(error).__name__
            why = opening.made_no_model(factory, str(path), kind, str(error))
            raise RefusedError(why) from error
    if not callable(function):
        raise RefusedError(opening.no_factory(factory, str(path)))
    found = _taken_apart(made)
    model = found.model if isinstance(found, Subject) else found[0]
    if not isinstance(model, nn.Module):
        raise RefusedError(opening.no_module(factory, str(path), type(made).__name__))
    accept_form(model)
    return found


def _taken_apart(made: Any) -> Subject | tuple[Any, Given | None]:
    """Return what a factory made: a whole subject, or a model, with its example where it has one.

    The example stands beside the model: a tensor, several in a tuple, or by name in a dictionary.
    """
    if isinstance(made, Subject):
        return made
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module):
        return made[0], as_given(made[1])
    return made, None


def _execute(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"pruneviz_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    spec.loader.exec_module(module)
    return module


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let the file import its neighbours while it runs."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
