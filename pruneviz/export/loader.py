"""Rebuild a network from its recipe and weights: no pickle, no code, known operations only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pruneviz.export.constants import read_constants
from pruneviz.export.operators import resolve
from pruneviz.measure.packing import unpack
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting

FORMAT, VERSION = "pruneviz-recipe", 1
_KINDS = {"dtype": torch.dtype, "layout": torch.layout, "memory_format": torch.memory_format}
_FLOATS = {"inf": float("inf"), "-inf": -float("inf"), "nan": float("nan")}


def rebuild(recipe: Path, weights: Path) -> nn.Module:
    """Return the network that `recipe` (JSON) and `weights` (safetensors) describe, in eval mode.

    Its `state_dict` has the names of the original; gradients are off. ValueError says in one
    sentence what is wrong with the files.
    """
    parts = read_recipe(recipe)
    try:
        # A copy has memory of its own: aligned as torch likes it, and safe when the file changes.
        state = {name: t.clone() for name, t in unpack(load_file(weights)).items()}
    except (SafetensorError, OSError) as error:
        raise RefusedError(exporting.weights_unreadable(Path(weights).name, str(error))) from error
    try:
        return Rebuilt(parts, state | read_constants(parts["tensors"])).eval()
    except (KeyError, TypeError, AttributeError) as error:
        raise RefusedError(exporting.recipe_damaged(Path(recipe).name, repr(error))) from error


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the recipe's JSON; ValueError unless it is one of this format and version."""
    name = Path(path).name
    try:
        parts = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RefusedError(exporting.recipe_unreadable(name, str(error.strerror))) from error
    except (ValueError, RecursionError) as error:
        raise RefusedError(exporting.recipe_no_json(name)) from error
    if not isinstance(parts, dict) or parts.get("format") != FORMAT:
        raise RefusedError(exporting.no_recipe(name, FORMAT))
    if parts.get("version") != VERSION:
        raise RefusedError(exporting.other_version(name, str(parts.get("version")), VERSION))
    return parts


@dataclass(frozen=True)
class Step:
    """One operation: the function, its arguments as JSON, and the values that it uses last."""

    name: str
    function: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    done: tuple[str, ...]


class Rebuilt(nn.Module):
    """A network that runs its recipe's operations one after another."""

    def __init__(self, parts: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.about: dict[str, Any] = dict(parts["about"])
        self.input_shape: list[int | None] = list(parts["input"]["shape"])
        self._input = str(parts["input"]["node"])
        self._output = str(parts["output"])
        self._feeds: dict[str, str] = dict(parts["feeds"])
        _place_all(self, parts["tensors"], state)
        unknown = sorted(set(self._feeds.values()) - set(parts["tensors"]))
        if unknown:
            raise RefusedError(exporting.unlisted_tensor(unknown[0]))
        self._steps = _steps(parts["nodes"], {self._input, *self._feeds}, self._output)

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's output for a batch of any size, shaped as the recipe's input."""
        fixed, *shape = self.input_shape
        if list(x.shape[1:]) != shape:
            raise RefusedError(exporting.other_input_shape(tuple(shape), tuple(x.shape[1:])))
        if fixed is None or len(x) == fixed:
            return self._run(x)
        # The graph is bound to one batch size: go through x in such batches, the last filled up.
        missing = -len(x) % fixed
        filled = torch.cat([x, x[-1:].expand(missing, *x.shape[1:])])
        return torch.cat([self._run(part) for part in torch.split(filled, fixed)])[: len(x)]

    def _run(self, x: Tensor) -> Tensor:
        values: dict[str, Any] = {
            node: _lookup(self, target) for node, target in self._feeds.items()
        }
        values[self._input] = x
        for step in self._steps:
            try:
                args = [_value(a, values, x) for a in step.args]
                kwargs = {k: _value(a, values, x) for k, a in step.kwargs.items()}
                values[step.name] = step.function(*args, **kwargs)
            except (RuntimeError, TypeError, IndexError) as error:
                reason = str(error).strip().splitlines()[0]
                raise RefusedError(exporting.step_fails(step.name, reason)) from error
            for name in step.done:
                del values[name]
        output = values[self._output]
        if not isinstance(output, Tensor):
            raise RefusedError(exporting.output_no_tensor(self._output))
        return output


def _steps(nodes: list[dict[str, Any]], known: set[str], output: str) -> tuple[Step, ...]:
    """Check that every operation is allowed and uses only earlier values; note their last uses."""
    last: dict[str, int] = {}
    seen = set(known)
    for index, node in enumerate(nodes):
        for name in _references([node["args"], list(node["kwargs"].values())]):
            if name not in seen:
                raise RefusedError(exporting.used_too_early(node["name"], name))
            last[name] = index
        if node["name"] in seen:
            raise RefusedError(exporting.two_values(node["name"]))
        seen.add(node["name"])
        last[node["name"]] = index
    if output not in seen:
        raise RefusedError(exporting.output_no_step(output))
    done: dict[int, list[str]] = {}
    for name, index in last.items():
        if name != output:
            done.setdefault(index, []).append(name)
    return tuple(
        Step(
            node["name"], resolve(node["op"]), node["args"], node["kwargs"], tuple(done.get(i, ()))
        )
        for i, node in enumerate(nodes)
    )


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict) and "node" in value:
        yield value["node"]


def _value(argument: Any, values: Mapping[str, Any], x: Tensor) -> Any:
    """Return an argument's value; mappings say what JSON cannot: a node, a dtype, a device."""
    if isinstance(argument, list):
        return [_value(a, values, x) for a in argument]
    if not isinstance(argument, dict):
        return argument
    ((kind, name),) = argument.items()
    if kind == "node":
        return values[name]
    if kind == "float" and name in _FLOATS:
        return _FLOATS[name]
    if kind == "device":
        return x.device
    found = getattr(torch, str(name), None)
    if kind not in _KINDS or not isinstance(found, _KINDS[kind]):
        raise RefusedError(exporting.unknown_argument(repr(argument)))
    return found


def _place_all(
    root: nn.Module, tensors: Mapping[str, Mapping[str, Any]], state: Mapping[str, Tensor]
) -> None:
    missing, extra = sorted(set(tensors) - set(state)), sorted(set(state) - set(tensors))
    if missing or extra:
        raise RefusedError(exporting.other_tensors((missing or extra)[0], bool(missing)))
    for name, entry in tensors.items():
        tensor = state[name]
        dtype = str(tensor.dtype).removeprefix("torch.")
        if list(tensor.shape) != entry["shape"] or dtype != entry["dtype"]:
            raise RefusedError(
                exporting.other_tensor(
                    name, dtype, str(list(tensor.shape)), str(entry["dtype"]), str(entry["shape"])
                )
            )
        _place(root, name, tensor, entry["kind"] == "parameter")


def _place(root: nn.Module, path: str, tensor: Tensor, parameter: bool) -> None:
    """Register a tensor under its dotted name, so that `state_dict` reads as the original's."""
    *parents, leaf = path.split(".")
    module = root
    for part in parents:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        child = module._modules[part]
        if child is None:
            raise RefusedError(exporting.unusable_name(path))
        module = child
    if hasattr(module, leaf):
        raise RefusedError(exporting.unusable_name(path))
    if parameter:
        module.register_parameter(leaf, nn.Parameter(tensor, requires_grad=False))
    else:
        module.register_buffer(leaf, tensor)


def _lookup(root: nn.Module, path: str) -> Tensor:
    *parents, leaf = path.split(".")
    module = root
    for part in parents:
        child = module._modules[part]
        assert child is not None  # _place made it
        module = child
    found = module._parameters.get(leaf, module._buffers.get(leaf))
    assert found is not None  # _place made it
    return found
