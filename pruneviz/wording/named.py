"""Why what a plan says of a layer by name cannot be meant."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact(field="layers")
def part_of_one_unit(layer: str, units: str) -> str:
    return (
        f"a sparsity names '{layer}', which belongs to one unit of '{units}' and stays or goes "
        f"whole: give '{units}' a sparsity, or lock '{layer}'"
    )


@fact(field="layers")
def two_sparsities(layer: str, units: str, one: float, other: float) -> str:
    return (
        f"the units of '{layer}' and '{units}' go together, so they cannot lose {one:g} and "
        f"{other:g}: give them one sparsity"
    )


@fact(field="layers")
def unknown_layer(what: str, layer: str, close: str) -> str:
    return (
        f"{what} names layer '{layer}', which cannot be pruned here or does not exist; did you "
        f"mean {close}?"
    )


@fact(field="locks")
def several_groups(layer: str, groups: str) -> str:
    return (
        f"the outputs of '{layer}' belong to several groups ({groups}): lock units of these by "
        "name, or the whole layer"
    )


@fact(field="locks")
def no_units_of_its_own(layer: str, unit: int, units: str) -> str:
    return (
        f"'{layer}' belongs to unit {unit} of '{units}' and has no units of its own: lock it "
        "whole, without numbers"
    )


@fact(field="locks")
def no_such_unit(layer: str, unit: int, last: int) -> str:
    return f"the lock of layer '{layer}' names unit {unit}, but its units are 0 to {last}"
