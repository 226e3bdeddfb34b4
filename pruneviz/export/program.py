"""Write a network as weights and a recipe: its graph of ATen operations, as plain JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node
from torch.utils._pytree import tree_leaves

from pruneviz import __version__
from pruneviz.export.constants import Constants, as_text
from pruneviz.export.loader import FORMAT, VERSION, rebuild
from pruneviz.export.operators import CHECKS, operator_name
from pruneviz.measure.packing import pack, stored_layout
from pruneviz.network.duplicate import duplicate
from pruneviz.network.folding import folded
from pruneviz.network.held import held_tensors
from pruneviz.network.inputs import Given, call
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting

RECIPE_FILE, WEIGHTS_FILE = "recipe.json", "weights.safetensors"
TOLERANCE = 1e-6  # relative to the largest output


def write_network(
    directory: Path,
    model: nn.Module,
    example: Given,
    masks: Mapping[str, Tensor] | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple[Path, Path]:
    """Write `recipe.json` and `weights.safetensors`, and check that they rebuild the network.

    `example` is a batch of 2 or more, one tensor; `masks` (parameter name → bool, True = stays) are
    packed; `about` is JSON that travels with the recipe (class names, normalisation). ValueError
    when the network cannot be written down, or when what was rebuilt answers otherwise.
    """
    if not isinstance(example, Tensor):
        raise RefusedError(exporting.several_inputs())
    model = folded(model)
    recipe, state = describe(model, example, masks or {}, about or {})
    directory.mkdir(parents=True, exist_ok=True)
    recipe_path, weights_path = directory / RECIPE_FILE, directory / WEIGHTS_FILE
    recipe_path.write_text(json.dumps(recipe, indent=1, allow_nan=False), encoding="utf-8")
    save_file(pack(state, masks or {}), weights_path)
    error = largest_difference(model, rebuild(recipe_path, weights_path), example)
    if not error <= TOLERANCE:
        for path in (recipe_path, weights_path):
            path.unlink()
        raise RefusedError(exporting.answers_differ(error))
    return recipe_path, weights_path


def largest_difference(model: nn.Module, rebuilt: nn.Module, example: Tensor) -> float:
    """Return the largest difference on batches of 1 and 3, relative to the largest output."""
    worst = 0.0
    for batch in (example[:1], torch.cat([example, example[:1]])[-3:]):
        with torch.inference_mode():
            expected, got = _answer(call(model, batch.clone())), call(rebuilt, batch.clone())
        scale = max(float(expected.abs().max()), 1e-12)
        worst = max(worst, float((expected - got).abs().max()) / scale)
    return worst


def _answer(output: Any) -> Tensor:
    """Return the one tensor of an answer, which may stand in a mapping, as transformers' do."""
    (tensor,) = (leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
    return tensor


def describe(
    model: nn.Module,
    example: Tensor,
    masks: Mapping[str, Tensor],
    about: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the recipe, and every tensor that the network holds, by name.

    Constants that stand in the network's code alone stand in the recipe, values and all.
    """
    program = _trace(model, example)
    state = held_tensors(model)
    constants = Constants(state)
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    feeds: dict[str, str] = {}
    for spec in program.graph_signature.input_specs:
        if spec.kind is InputKind.USER_INPUT:
            continue
        if spec.kind not in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            raise RefusedError(exporting.kind_not_held(spec.kind.name))
        target = str(spec.target)
        value = program.constants.get(target, program.state_dict.get(target))
        feeds[spec.arg.name] = target if value is None else constants.name(target, value)
    nodes, output = _nodes(program)
    packed = stored_layout(state, masks)
    recipe = {
        "format": FORMAT,
        "version": VERSION,
        "made_with": {"pruneviz": __version__, "torch": str(torch.__version__)},
        "about": dict(about),
        "input": _input(program),
        "tensors": {
            name: {
                "kind": "parameter" if name in parameters else "buffer",
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "stored": "dense" if name in packed else "packed",
            }
            for name, tensor in state.items()
        }
        | {
            name: {
                "kind": "buffer",
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "stored": "here",
                "values": as_text(tensor),
            }
            for name, tensor in constants.own.items()
        },
        "feeds": feeds,
        "nodes": nodes,
        "output": output,
    }
    return recipe, state


def _trace(model: nn.Module, example: Tensor) -> ExportedProgram:
    if len(example) < 2:
        raise RefusedError(exporting.too_few_inputs())
    if model.training:
        raise RefusedError(exporting.in_training_mode())
    try:
        program = _exported(model, example)
        if any(node.op == "get_attr" for node in program.graph.nodes):
            # a part that switches gradients off is a graph of its own, unless they are off
            with torch.no_grad():
                program = _exported(model, example)
    except Exception as error:  # the tracer raises many types; each means "cannot be traced"
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise RefusedError(exporting.not_traced(reason[0])) from error
    return program


def _exported(model: nn.Module, example: Tensor) -> ExportedProgram:
    """Return the graph of a copy: tracing swaps parameters for a moment, and the model may be in
    use elsewhere."""
    with ONE_TRACE:
        return torch.export.export(
            duplicate(model), (example[:2],), dynamic_shapes=({0: Dim.AUTO},), strict=False
        )


def _input(program: ExportedProgram) -> dict[str, Any]:
    """The input's name, dtype and shape; its batch size is null when any will do."""
    users = set(program.graph_signature.user_inputs)
    (node,) = [n for n in program.graph.nodes if n.op == "placeholder" and n.name in users]
    value = node.meta["val"]
    batch, *rest = value.shape
    return {
        "node": node.name,
        "dtype": str(value.dtype).removeprefix("torch."),
        # a tracer that had to settle on one size still gives a symbol, whose name is a number
        "shape": [int(str(batch)) if str(batch).isdigit() else None, *(int(s) for s in rest)],
    }


def _nodes(program: ExportedProgram) -> tuple[list[dict[str, Any]], str]:
    specs = program.graph_signature.output_specs
    if [spec.kind for spec in specs] != [OutputKind.USER_OUTPUT]:
        raise RefusedError(exporting.more_than_one_tensor())
    nodes = []
    for node in program.graph.nodes:
        if node.op == "call_function":
            name = operator_name(node.target)
            if not name.startswith(CHECKS):
                nodes.append(
                    {
                        "name": node.name,
                        "op": name,
                        "args": [_plain(a) for a in node.args],
                        "kwargs": {k: _plain(a) for k, a in node.kwargs.items()},
                    }
                )
        elif node.op not in ("placeholder", "output"):
            raise RefusedError(exporting.node_not_held(node.op))
    return nodes, str(specs[0].arg.name)


def _plain(value: Any) -> Any:
    """Return an argument as JSON; what JSON lacks becomes a mapping with one key that says what."""
    if isinstance(value, Node):
        return {"node": value.name}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, torch.device):
        return {"device": "input"}  # wherever the input lies
    for kind in ("dtype", "layout", "memory_format"):
        if isinstance(value, getattr(torch, kind)):
            return {kind: str(value).removeprefix("torch.")}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise RefusedError(exporting.argument_not_held(repr(value)))
