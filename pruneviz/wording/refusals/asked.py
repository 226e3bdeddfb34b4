"""What a plan asks for and cannot mean: a value, a name, a text that is no plan."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact(field="sparsity")
def no_sparsity(got: str) -> str:
    return f"sparsity must be a number in [0, 1] (the fraction removed), got {got}"


@fact(field="layers")
def no_sparsity_of_layer(layer: str, got: str) -> str:
    return (
        f"the sparsity of layer {layer} must be a number in [0, 1] (the fraction removed), "
        f"got {got}"
    )


@fact()
def no_settings(where: str, got: str) -> str:
    return f"the parameters of {where} must map a name to a value, got {got}"


@fact()
def no_setting(name: str, where: str, got: str) -> str:
    return f"the parameter {name} of {where} must be a number, a word, true or false, got {got}"


@fact(field="locks")
def no_lock(layer: str, got: str) -> str:
    return f"the lock of layer {layer} must be 'all' or a list of unit indices, got {got}"


@fact(field="locks")
def no_lock_text(got: str) -> str:
    return f"a lock reads NAME or NAME:0,3,8-11, got {got}"


@fact(field="locks")
def no_lock_span(most: int, got: str) -> str:
    return (
        f"a lock's span runs upwards over at most {most:,} units, got {got}; lock the whole layer "
        "by its name alone"
    )


@fact(field="classes")
def no_output(name: str, got: str) -> str:
    return f"class {name} must be the number of an output, 0 or more, got {got}"


@fact(field="classes")
def no_classes(got: str) -> str:
    return f"classes must map a class's name to an output, got {got}"


@fact(field="layers")
def no_layers(got: str) -> str:
    return f"layers must map a layer's name to its sparsity, got {got}"


@fact(field="locks")
def no_locks(got: str) -> str:
    return f"locks must map a layer's name to 'all' or unit indices, got {got}"


@fact(field="reading")
def no_resize(got: str) -> str:
    return f"resize must be squeeze, or such as crop:256, got {got}"


@fact(field="reading")
def half_a_normalisation() -> str:
    return "mean and std belong together: give both or neither"


@fact(field="reading")
def no_normalisation() -> str:
    return "mean must be finite, and std finite and above 0"


@fact()
def alias(line: int) -> str:
    return f"the alias in line {line}: write out what it stands for"


@fact()
def too_long(most: int, characters: int) -> str:
    return f"a plan has at most {most:,} characters, this one has {characters:,}"


@fact()
def no_text(line: int) -> str:
    where = f" (line {line})" if line else ""
    return f"the plan is neither YAML nor JSON{where}"


@fact()
def no_value(reason: str) -> str:
    return f"the plan holds a value that cannot be read: {reason}"


@fact()
def no_mapping() -> str:
    return "a plan is a mapping of fields such as 'model' and 'sparsity'"


@fact()
def unknown_keys(some: tuple[str, ...], more: int, known: tuple[str, ...]) -> str:
    others = f" and {more} more" if more else ""
    return f"the plan has unknown keys: {', '.join(some)}{others}; known keys: {', '.join(known)}"


@fact()
def faults(some: tuple[Fact, ...], more: int) -> str:
    return "; ".join([*map(str, some), *([f"and {more} more faults"] if more else [])])


@fact()
def missing(where: str) -> str:
    return f"{where} is missing"


@fact()
def unknown_here(where: str) -> str:
    return f"{where} is unknown here"


@fact()
def no_json(where: str, reason: str) -> str:
    return f"{where} is not JSON: {reason}"


@fact()
def must_be(where: str, wanted: str, got: str) -> str:
    return f"{where} must be {wanted or 'something else'}; got {got}"


@fact()
def no_choice(parameter: str, choices: tuple[str, ...], got: str) -> str:
    return f"parameter '{parameter}' must be one of {', '.join(choices)}, got {got}"


@fact()
def of_another_type(parameter: str, kind: str, got: str) -> str:
    return f"parameter '{parameter}' must be {kind}, got {got}"


@fact()
def out_of_range(parameter: str, low: float, high: float, got: str) -> str:
    return f"parameter '{parameter}' must be in [{low}, {high}], got {got}"


@fact()
def no_parameter(method: str, names: tuple[str, ...], known: tuple[str, ...]) -> str:
    return (
        f"'{method}' has no parameter {', '.join(map(repr, names))}; "
        f"it takes: {', '.join(known) or 'none'}"
    )


@fact()
def unknown_method(kind: str, name: str, known: tuple[str, ...]) -> str:
    return f"unknown {kind} '{name}'; choose from {', '.join(known)}"
