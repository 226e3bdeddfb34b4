"""Why what a network answers, or what the data say, is not of a task."""

from __future__ import annotations

from pruneviz.wording.fact import fact

Shape = tuple[int, ...]


@fact()
def answers_otherwise(found: Shape | str, wanted: str) -> str:
    return f"this model answers with {found} in place of {wanted}"


@fact(field="data")
def targets_otherwise(found: Shape, wanted: str) -> str:
    return f"the data have targets of shape {found} for each input in place of {wanted}"


@fact(field="data")
def labels_beyond_outputs(low: int, high: int, outputs: int) -> str:
    wrong = low if low < 0 else high
    return f"the data name class {wrong}, and the model has {outputs} outputs from 0"


@fact(field="data")
def no_whole_numbers() -> str:
    return "the data have targets that are no whole numbers"


@fact(field="data")
def not_between_0_and_1(low: float, high: float) -> str:
    return f"the data have labels from {low:g} to {high:g} in place of 0 and 1"


@fact(field="data")
def no_label_known(inputs: int, of: int) -> str:
    return (
        f"{inputs:,} of the {of:,} inputs have no label of which is known whether it is there: "
        "leave them out"
    )


@fact(field="data")
def targets_not_finite() -> str:
    return "the data have targets that are not finite"


@fact(field="data")
def no_class_of_a_box(lowest: float) -> str:
    return f"the data have boxes whose classes are not 0, 1, 2 and so on, the lowest {lowest:g}"


@fact(field="data")
def boxes_without_area(count: int) -> str:
    boxes = "1 box" if count == 1 else f"{count:,} boxes"
    return f"the data have {boxes} without area: a box ends to the right of and below its beginning"


@fact(field="criterion")
def no_objective() -> str:
    return (
        "this detector answers with boxes alone, and no loss of its output is known: nothing can "
        "be trained, and a criterion must look at weights or activations, such as magnitude_l1"
    )
