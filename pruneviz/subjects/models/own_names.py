"""The names that a network itself has for its outputs, as an attribute of it or of its config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

BY_OUTPUT = (
    "classes", "classes_", "class_names", "categories", "labels", "label_names",
    "id2label", "idx_to_class", "idx2class", "index_to_class", "names",
)  # fmt: skip
BY_NAME = ("class_to_idx", "class2idx", "class_to_index", "label2id", "label_to_index")
HOLDERS = ("config", "hparams", "meta", "cfg")
NO_NAME = re.compile(r"(label|class|output)?[\s_-]*\d+", re.IGNORECASE | re.ASCII)


def own_names(model: nn.Module) -> tuple[str, ...]:
    """Return the names of a model's outputs in their order, () where it has none.

    A wrapper may keep the network that has them inside. Names that only count are none.
    """
    for module in model.modules():
        for holder in (module, *(_value(module, name) for name in HOLDERS)):
            found = _names(holder)
            if found:
                return found
    return ()


def _names(holder: Any) -> tuple[str, ...]:
    for attribute in (*BY_OUTPUT, *BY_NAME):
        value = _value(holder, attribute)
        if attribute in BY_NAME:
            value = _turned(value)
        names = _in_order(value) if isinstance(value, Mapping) else _listed(value, attribute)
        if len(names) > 1 and not all(NO_NAME.fullmatch(name) for name in names):
            return names
    return ()


def _value(holder: Any, name: str) -> Any:
    """Return what is kept under a name; what is computed when asked for is not asked."""
    return holder.get(name) if isinstance(holder, Mapping) else _kept(holder).get(name)


def _kept(holder: Any) -> Mapping[str, Any]:
    own = getattr(holder, "__dict__", {})
    classes = [vars(kind) for kind in type(holder).__mro__[:-1] if kind is not nn.Module]
    return {name: value for part in (*reversed(classes), own) for name, value in part.items()}


def _turned(value: Any) -> Any:
    return {output: name for name, output in value.items()} if isinstance(value, Mapping) else None


def _listed(value: Any, attribute: str) -> tuple[str, ...]:
    if attribute == "names" or not isinstance(value, list | tuple | np.ndarray):
        return ()  # a list of `names` may be of layers or columns
    return tuple(map(str, value)) if all(isinstance(name, str) for name in value) else ()


def _in_order(value: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return the names by output, where the numbers of outputs are 0, 1, 2, … without a gap."""
    outputs = {str(output): name for output, name in value.items()}
    if not all(isinstance(name, str) for name in value.values()):
        return ()
    numbers = [str(output) for output in range(len(value))]
    return tuple(outputs[n] for n in numbers) if set(outputs) == set(numbers) else ()


__all__ = ["own_names"]
