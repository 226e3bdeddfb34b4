"""The options that make a plan, and the plan made of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from pruneviz.cli.supplying import supply_uploads
from pruneviz.plan import Plan, parse_lock
from pruneviz.plan.reading import Reading
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding

PlanFile = Annotated[
    Path | None, typer.Argument(metavar="[PLAN.yaml]", help="A plan; options below win over it.")
]
Weights = Annotated[str | None, typer.Option(help="The model's weights, a safetensors file.")]
Data = Annotated[
    str | None,
    typer.Option(
        help="sample:NAME, npz:FILE, folder:DIR, masks:DIR, coco:DIR, csv:FILE?target=COLUMN, "
        "parquet:…, text:FILE or choices:FILE"
    ),
]
InputShape = Annotated[str | None, typer.Option(help="Shape of one input, such as 3,224,224.")]
Sparsity = Annotated[str | None, typer.Option(help="Fraction to remove, 0 to 1.")]
Seed = Annotated[int | None, typer.Option(help="Seed of whatever is drawn at random.")]


def _text(help: str) -> Any:
    return Annotated[str | None, typer.Option(help=help)]


def _texts(option: str, metavar: str, help: str) -> Any:
    return Annotated[list[str] | None, typer.Option(option, metavar=metavar, help=help)]


# The options that make a plan by the field each fills, those of READING by theirs of its reading;
# in the order of --help.
PLAN_OPTIONS: dict[str, Any] = {
    "model": _text("sample:, torchvision: or timm:NAME, hf:FOLDER, python:FILE.py:F"),
    "weights": Weights,
    "data": Data,
    "classes": _texts("--class", "NAME=0", "The output that a class of the data is."),
    "mean": _text("Mean of your inputs, one or a channel: 0.485,0.456,0.406."),
    "std": _text("Their standard deviation, given with --mean."),
    "resize": _text("Of image files: squeeze, or such as crop:256."),
    "interpolation": _text("nearest, bilinear or bicubic."),
    "colour": _text("How the model saw colours: rgb, bgr or grey."),
    "input_shape": InputShape,
    "task": _text("What the model is for, such as regression; a wrong name lists all."),
    "metric": _text("What judges it first, such as r2; a wrong name lists all."),
    "metric_parameters": _texts("--metric-parameter", "NAME=1", "Such as class_index=1 of recall."),
    "criterion": _text("Such as taylor; a wrong name lists all."),
    "granularity": _text("Such as channel; a wrong name lists all."),
    "granularity_parameters": _texts(
        "--granularity-parameter", "NAME=2", "Such as n=2 or m=4 of n_m."
    ),
    "scope": _text("Such as global; a wrong name lists all."),
    "scope_parameters": _texts("--scope-parameter", "NAME=8", "Such as multiple_of=8 of global."),
    "sparsity": Sparsity,
    "layers": _texts("--layer", "NAME=0.3", "One layer's own sparsity."),
    "locks": _texts("--lock", "NAME[:0,3-5]", "What must stay."),
    "seed": Seed,
}
READING = tuple(Reading.model_fields)
# A scan takes none of these: it tries amounts of its own, of every layer.
AMOUNT = ("scope", "scope_parameters", "sparsity", "layers", "locks")

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
MERGED = {"classes", "reading", "layers", "locks", "metric_parameters", "granularity_parameters",
          "scope_parameters"}  # fmt: skip


def takes_plan(
    *amount: str, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take a plan's file and options, and hand it the plan they make.

    The plan is the command's first parameter. `amount` names those of AMOUNT that it takes, too,
    and `without` those that it decides by itself. An option that it has under the same name is its
    own.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        _, *own = signature(command, eval_str=True).parameters.values()
        taken = {f"{each.name}{ending}" for each in own for ending in ("", "_parameters")}
        names = [
            name
            for name in PLAN_OPTIONS
            if name not in taken and name not in without and (name not in AMOUNT or name in amount)
        ]

        @wraps(command)
        def with_plan(plan: Path | None, **typed: Any) -> None:
            given = {name: typed.pop(name) for name in names}
            command(made_plan(plan, **given), **typed)

        either = Parameter.POSITIONAL_OR_KEYWORD
        of_plan = [Parameter("plan", either, default=None, annotation=PlanFile)]
        of_plan += [Parameter(n, either, default=None, annotation=PLAN_OPTIONS[n]) for n in names]
        # typer reads a command's options off its signature
        with_plan.__signature__ = Signature([*of_plan, *own])  # type: ignore[attr-defined]
        return with_plan

    return decorate


def made_plan(path: Path | None, **given: Any) -> Plan:
    """Return the plan of a file, or the default one, with what was given on the command line.

    `given` holds PLAN_OPTIONS as they were typed, None where they were not. A layer's sparsity or
    lock wins over the file's own; the file's other layers keep theirs. Where the file names
    uploads, weights and data given are those very files, or refused.
    """
    reading = {name: given.pop(name) for name in READING if given.get(name) is not None}
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
        "metric_parameters": _parameters,
        "granularity_parameters": _parameters,
        "scope_parameters": _parameters,
    }
    chosen = {
        name: readers[name](value) if name in readers else value
        for name, value in {**given, "reading": reading or None}.items()
        if value is not None
    }
    if "data" in chosen and chosen["data"] != fields.get("data"):
        for name in ("classes", "reading"):
            fields.pop(name, None)  # they are those of the file's own data
    for method in ("metric", "granularity", "scope"):
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
        raise RefusedError(
            commanding.plan_unreadable(str(path), error.strerror or str(error))
        ) from error
    except UnicodeDecodeError as error:
        raise RefusedError(commanding.plan_no_utf8(str(path))) from error


def memory_option(megabytes: float | None) -> dict[str, bool | int | float | str]:
    """Return the option of a job that bounds the activations it keeps; none where none is said."""
    return {} if megabytes is None else {"budget_mb": megabytes}


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise RefusedError(commanding.no_shape(text)) from error


def _classes(texts: list[str]) -> dict[str, str]:
    return _by_name(texts, "class", "a class reads NAME=OUTPUT, such as benign=1")


def _reading(typed: dict[str, str]) -> dict[str, Any]:
    return {
        name: _numbers(name, value) if name in ("mean", "std") else value
        for name, value in typed.items()
    }


def _numbers(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise RefusedError(commanding.no_numbers(name, text)) from error


def _layers(texts: list[str]) -> dict[str, str]:
    return _by_name(texts, "layer", "a layer's sparsity reads NAME=0.3")


def _by_name(texts: list[str], what: str, form: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals:
            raise RefusedError(commanding.not_by_name(form, text))
        if values.setdefault(name, value) != value:
            raise RefusedError(commanding.given_twice(what, name, values[name], value))
    return values


def _parameters(texts: list[str]) -> dict[str, str | bool]:
    parameters: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise RefusedError(commanding.no_parameter(text))
        parameters[name] = {"true": True, "false": False}.get(value.lower(), value)
    return parameters


def _locks(texts: list[str]) -> dict[str, Any]:
    locks: dict[str, Any] = {}
    for text in texts:
        name, lock = parse_lock(text)
        before = locks.get(name, ())
        locks[name] = "all" if "all" in (lock, before) else (*before, *lock)
    return locks
