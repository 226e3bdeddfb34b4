"""The options that make a plan, and the plan made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from pruneviz.cli.supplying import supply_uploads
from pruneviz.plan import Plan, parse_lock

PlanFile = Annotated[
    Path | None, typer.Argument(metavar="[PLAN.yaml]", help="A plan; options below win over it.")
]
Model = Annotated[str | None, typer.Option(help="sample:NAME, torchvision:NAME, python:FILE.py:F")]
Weights = Annotated[str | None, typer.Option(help="The model's weights, a safetensors file.")]
Data = Annotated[
    str | None, typer.Option(help="sample:NAME, npz:FILE, folder:DIR or csv:FILE?target=COLUMN")
]
Class = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME=0", help="The output that a class of the data is."),
]
Mean = Annotated[
    str | None, typer.Option(help="Mean of your inputs, one or a channel: 0.485,0.456,0.406.")
]
Std = Annotated[str | None, typer.Option(help="Their standard deviation, given with --mean.")]
Resize = Annotated[str | None, typer.Option(help="Of image files: squeeze, or such as crop:256.")]
Interpolation = Annotated[str | None, typer.Option(help="nearest, bilinear or bicubic.")]
Colour = Annotated[str | None, typer.Option(help="How the model saw colours: rgb, bgr or grey.")]
InputShape = Annotated[str | None, typer.Option(help="Shape of one input, such as 3,224,224.")]
Criterion = Annotated[str | None, typer.Option(help="Such as taylor; a wrong name lists all.")]
Granularity = Annotated[str | None, typer.Option(help="Such as channel; a wrong name lists all.")]
GranularityParameter = Annotated[
    list[str] | None,
    typer.Option("--granularity-parameter", metavar="NAME=2", help="Such as n=2 or m=4 of n_m."),
]
Scope = Annotated[str | None, typer.Option(help="Such as global; a wrong name lists all.")]
ScopeParameter = Annotated[
    list[str] | None,
    typer.Option("--scope-parameter", metavar="NAME=8", help="Such as multiple_of=8 of global."),
]
Sparsity = Annotated[str | None, typer.Option(help="Fraction to remove, 0 to 1.")]
Layer = Annotated[
    list[str] | None, typer.Option("--layer", metavar="NAME=0.3", help="One layer's own sparsity.")
]
Lock = Annotated[
    list[str] | None, typer.Option("--lock", metavar="NAME[:0,3-5]", help="What must stay.")
]
Seed = Annotated[int | None, typer.Option(help="Seed of whatever is drawn at random.")]
Levels = Annotated[
    str | None, typer.Option(help="Fractions to remove, such as 0.2,0.5,0.8; each above the last.")
]
Recalibrate = Annotated[
    bool, typer.Option("--recalibrate", help="Re-measure BatchNorm statistics after each pruning.")
]
MemoryMb = Annotated[
    float | None,
    typer.Option(min=0, help="Memory for what is not computed again, in MB; 256 if not said."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


# what is given on the command line is put into the file's own, name by name
MERGED = {"classes", "reading", "layers", "locks", "granularity_parameters", "scope_parameters"}


def made_plan(path: Path | None, **given: Any) -> Plan:
    """Return the plan of a file, or the default one, with what was given on the command line.

    `given` holds fields of the plan as their options were typed, None where they were not. A
    layer's sparsity or lock wins over the file's own; the file's other layers keep theirs. Where
    the file names uploads, weights and data given are those very files, or refused.
    """
    fields = {} if path is None else _fields_of(path)
    if path is not None:
        own = {name: fields[name] for name in ("weights", "data")}
        for name in supply_uploads(own, given, path.parent):
            given[name] = None  # the plan's own reference stays, and so does its digest
    readers: dict[str, Callable[[Any], Any]] = {
        "classes": _classes,
        "reading": _reading,
        "input_shape": _shape,
        "layers": _layers,
        "locks": _locks,
        "granularity_parameters": _parameters,
        "scope_parameters": _parameters,
    }
    chosen = {
        name: readers[name](value) if name in readers else value
        for name, value in given.items()
        if value is not None
    }
    if "data" in chosen and chosen["data"] != fields.get("data"):
        for name in ("classes", "reading"):
            fields.pop(name, None)  # they are those of the file's own data
    for method in ("granularity", "scope"):
        if chosen.get(method, fields.get(method)) != fields.get(method):
            fields.pop(f"{method}_parameters", None)  # they belong to the file's own method
    for name in MERGED & chosen.keys():
        chosen[name] = {**(fields.get(name) or {}), **chosen[name]}
    for name in ("classes", "reading"):
        if chosen.get(name, fields.get(name)) != fields.get(name):
            fields.pop("data_sha256", None)  # they are part of the data's digest
    return Plan.from_fields({**fields, **chosen})


def _fields_of(path: Path) -> dict[str, Any]:
    try:
        return Plan.from_text(path.read_text(encoding="utf-8")).model_dump()
    except OSError as error:
        raise ValueError(f"the plan '{path}' cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"the plan '{path}' is no UTF-8 text") from error


def memory_option(megabytes: float | None) -> dict[str, bool | int | float | str]:
    """Return the option of a job that bounds the activations it keeps; none where none is said."""
    return {} if megabytes is None else {"budget_mb": megabytes}


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"an input shape reads 3,224,224, got '{text}'") from error


def _classes(texts: list[str]) -> dict[str, str]:
    classes: dict[str, str] = {}
    for text in texts:
        name, equals, output = text.rpartition("=")
        if not equals:
            raise ValueError(f"a class reads NAME=OUTPUT, such as benign=1, got '{text}'")
        if classes.setdefault(name, output) != output:
            raise ValueError(f"class '{name}' is given twice: {classes[name]} and {output}")
    return classes


def read_as(
    mean: str | None,
    std: str | None,
    resize: str | None,
    interpolation: str | None,
    colour: str | None,
) -> dict[str, str] | None:
    """Return the options of reading that were typed, by their field; None where none was."""
    typed = {
        "mean": mean,
        "std": std,
        "resize": resize,
        "interpolation": interpolation,
        "colour": colour,
    }
    return {name: value for name, value in typed.items() if value is not None} or None


def _reading(typed: dict[str, str]) -> dict[str, Any]:
    return {
        name: _numbers(name, value) if name in ("mean", "std") else value
        for name, value in typed.items()
    }


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"{name} reads 0.5 or 0.485,0.456,0.406, got '{text}'") from error


def _layers(texts: list[str]) -> dict[str, str]:
    layers: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals:
            raise ValueError(f"a layer's sparsity reads NAME=0.3, got '{text}'")
        if layers.setdefault(name, value) != value:
            raise ValueError(f"layer '{name}' is given twice: {layers[name]} and {value}")
    return layers


def _parameters(texts: list[str]) -> dict[str, str | bool]:
    parameters: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"a parameter reads NAME=VALUE, got '{text}'")
        parameters[name] = {"true": True, "false": False}.get(value.lower(), value)
    return parameters


def _locks(texts: list[str]) -> dict[str, Any]:
    locks: dict[str, Any] = {}
    for text in texts:
        name, lock = parse_lock(text)
        before = locks.get(name, ())
        locks[name] = "all" if "all" in (lock, before) else (*before, *lock)
    return locks
