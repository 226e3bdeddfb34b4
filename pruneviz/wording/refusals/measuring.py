"""Why a network cannot be judged, counted or evaluated."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def not_comparable(one: tuple[int, ...], other: tuple[int, ...], labels: tuple[int, ...]) -> str:
    return (
        "two models are compared on logits of one shape (inputs, classes) and one label an "
        f"input, got {one}, {other} and {labels}"
    )


@fact(field="data")
def labels_beyond_outputs(outputs: int, low: int, high: int) -> str:
    return (
        f"labels must be 0 to {outputs - 1} for a model with {outputs} outputs, got {low} to {high}"
    )


@fact()
def not_counted(what: str, known: tuple[str, ...]) -> str:
    return f"{what} cannot be counted: choose from {', '.join(known)}"


@fact()
def no_inputs() -> str:
    return "there is no input to evaluate a network on: give at least one"


@fact()
def no_batch(size: int, budget: int) -> str:
    return f"a batch needs at least 1 input and a budget at least 0 bytes, got {size} and {budget}"


@fact()
def labels_for_others(inputs: int, labels: int) -> str:
    return f"there are {inputs} inputs and {labels} labels: give one for each"


@fact()
def no_labels() -> str:
    return "accuracy needs labels, and these inputs have none: give y, one for each"


@fact()
def no_row_for_each_input(kind: str, shape: tuple[int, ...] | None) -> str:
    return (
        "a network that is evaluated answers with one tensor, a row for each input; "
        f"this one gave {kind}" + (f" of shape {shape}" if shape is not None else "")
    )
