"""Why a subject that code makes whole is refused."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact(field="model")
def half_a_part(missing: str, there: str) -> str:
    return f"subject_of was given {there} without {missing}; give both"


@fact(field="model")
def no_inputs(part: str, shape: tuple[int, ...], dtype: str) -> str:
    return f"{part} have shape {list(shape)}, {dtype}; give real numbers of shape (N, …)"


@fact(field="model")
def not_a_target_each(part: str, inputs: int, targets: tuple[int, ...]) -> str:
    return (
        f"there are {inputs:,} {part}inputs and {part}targets of shape {list(targets)}; "
        "give as many of both, along the first axis"
    )


@fact(field="model")
def too_few(part: str, count: int, least: int) -> str:
    return f"there are {count} {part}; give {least} or more to split and judge on"


@fact(field="model")
def no_scale(mean: tuple[float, ...], std: tuple[float, ...], channels: int) -> str:
    return (
        f"mean {list(mean)} and std {list(std)} are not one for each of {channels} channels, std "
        "above 0; correct both, or leave both out where inputs are as the model takes them"
    )


@fact(field="model")
def other_classes(named: int, outputs: int) -> str:
    return f"subject_of was given {named} classes and the model has {outputs} outputs; name each"


@fact(field="model")
def no_example() -> str:
    return (
        "subject_of was given neither inputs nor an example; give inputs with their targets, or "
        "an example of what the model takes, two inputs or more"
    )


@fact(field="data")
def no_data_of_factory(reference: str) -> str:
    return (
        f"'{reference}' returns a model without data; let it return "
        "subject_of(model, inputs=…, targets=…), or leave the data out"
    )
