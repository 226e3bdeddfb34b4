"""Why a model is refused: one of no sample, of torchvision, or of a Python file."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

ASK = "give data, or the shape of one input such as 3,32,32"


@fact(field="model")
def no_such_sample(name: str, known: tuple[str, ...]) -> str:
    return f"unknown sample model '{name}'; choose from {', '.join(known)}"


@fact(field="model")
def no_torchvision(name: str, near: str) -> str:
    return f"torchvision has no model '{name}'; its names are like {near}"


@fact(field="model")
def needs_library(library: str, extra: str) -> str:
    return f"'{library}' is not installed, which opens such models: pip install 'pruneviz[{extra}]'"


@fact(field="model")
def no_timm(name: str, near: str) -> str:
    return f"timm has no model '{name}'; its names are like {near}"


@fact(field="model")
def no_timm_tag(name: str, tag: str, known: str) -> str:
    return f"timm has no weights '{tag}' for '{name}'; choose from {known}, or leave it out"


@fact(field="model")
def quantised(name: str, plain: str) -> str:
    return (
        f"torchvision's '{name}' is quantised, and its numbers cannot be cut: open "
        f"'{plain}', and quantise the pruned one"
    )


@fact(field="model")
def no_factory_named(given: str) -> str:
    return f"'{given}' must read python:FILE.py:FACTORY"


@fact(field="model")
def no_python_file(path: str) -> str:
    return f"there is no Python file '{path}'; give the path of the model's file"


@fact(field="model")
def made_no_model(factory: str, path: str, kind: str, reason: str) -> str:
    return f"{factory}() of '{path}' made no model: {kind}: {reason}"


@fact(field="model")
def no_factory(factory: str, path: str) -> str:
    return f"{factory}() of '{path}' made no model: ValueError: there is no function {factory}()"


@fact(field="model")
def no_module(factory: str, path: str, kind: str) -> str:
    return f"{factory}() of '{path}' must return a torch.nn.Module, not {kind}"


@fact(field="data")
def takes_tokens() -> str:
    return (
        "the model looks up whole numbers, such as tokens, and no example of them can be made "
        "up: let its forward turn its input into whole numbers (x.long()), and give data"
    )


@fact(field="input_shape")
def shape_not_known() -> str:
    return f"the model does not say what it takes; {ASK}"


@fact(field="input_shape")
def shape_does_not_suit(shape: str, cause: Fact) -> str:
    return (
        f"no input shape was given, and {shape}, which the first layer suggests, does not suit: "
        f"{cause}; {ASK}"
    )


@fact(field="data")
def takes_films(cause: Fact) -> str:
    return f"{cause}; films and volumes are not read as data yet: load it without data"
