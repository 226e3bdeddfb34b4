"""Why a network cannot be cut as asked, why a cut does not hold, why it cannot be judged."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact()
def not_one_label() -> str:
    return (
        "this is known of networks that give each input one label, and this one is for another task"
    )


@fact()
def nothing_to_compare() -> str:
    return "the model answers its example with nothing that can be compared"


@fact()
def answers_not_finite() -> str:
    return "the model's outputs are not finite: look for NaN in weights or input"


@fact()
def cut_does_not_run(reason: str) -> str:
    return f"the cut network does not run, perhaps because its code holds a fixed size: {reason}"


@fact()
def not_comparable(why: Fact) -> str:
    return f"masked and cut network cannot be compared: {why}"


@fact()
def cut_differs(error: float) -> str:
    return (
        f"the cut network differs from the masked one by {error:.2g} of its output: its code "
        "depends on how many units there are, on their order, or on weights that are zero"
    )


@fact()
def not_rising(index: int, before: int) -> str:
    return f"index {index} stands after {before}: each index once, in rising order"


@fact()
def no_surgery(why: Fact) -> str:
    return f"this is no surgery: {why}"


@fact()
def no_parameter_to_cut(parameter: str) -> str:
    return f"a cut names '{parameter}', which this model does not have"


@fact()
def cut_twice(parameter: str, axis: int) -> str:
    return f"axis {axis} of '{parameter}' is cut twice: cut it once"


@fact()
def made_of_another_size(parameter: str, axis: int, size: int, entries: int) -> str:
    return (
        f"a cut was made where axis {axis} of '{parameter}' had {size} entries, and here it has "
        f"{entries}: give a network of the original's sizes"
    )


@fact()
def no_index_to_keep(index: int, parameter: str, axis: int, shape: tuple[int, ...]) -> str:
    return f"a cut keeps index {index} of axis {axis} of '{parameter}', whose shape is {shape}"


@fact()
def no_size_to_write(size: int, attribute: str, place: int) -> str:
    what = "whole number" if place < 0 else f"list with a place {place}"
    return (
        f"a surgery writes {size} into '{attribute}', and this model has no {what} "
        "there: give a network of the original's code"
    )


@fact()
def cuts_of_another_network(parameter: str, shape: tuple[int, ...], left: tuple[int, ...]) -> str:
    return (
        f"'{parameter}' has shape {shape} in the cut network, and its cuts leave "
        f"{left}: give the cuts it was made by"
    )


@fact()
def no_module_to_bypass(module: str) -> str:
    return f"a bypass names '{module}', which this model does not have"


@fact()
def logits_of_other_shapes(
    one: tuple[int, ...], other: tuple[int, ...], labels: tuple[int, ...]
) -> str:
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


@fact()
def no_columns(metric: str, lacking: tuple[str, ...], there: tuple[str, ...]) -> str:
    return (
        f"{metric} is computed of {', '.join(lacking)}, and what was counted is "
        f"{', '.join(there) or 'nothing'}: choose a metric that fits the task"
    )


@fact()
def uneven_columns(rows: str) -> str:
    return f"what is counted has a row for each input, got {rows}: count all of it on the same"


@fact()
def other_inputs(before: int, after: int) -> str:
    return (
        f"a change is of the same inputs before and after, got {before} and {after}: evaluate "
        "both networks on the same"
    )


@fact()
def other_targets() -> str:
    return (
        "a change is of the same inputs before and after, and these have other targets: evaluate "
        "both networks on the same, in the same order"
    )


@fact()
def no_such_class(given: int, outputs: int) -> str:
    return f"class {given} is none of {outputs} outputs: choose one from 0 to {outputs - 1}"
