"""Why a network cannot be cut as asked, or why a cut does not hold."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


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
