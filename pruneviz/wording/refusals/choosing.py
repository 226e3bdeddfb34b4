"""Why the units of a network cannot be scored, or shared out among its layers."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

WEIGHTS_ALONE = "choose a criterion that looks at weights alone, such as magnitude_l1"
WITHOUT_DERIVATIVES = (
    "choose a criterion that derives nothing: magnitude_l1, which looks at weights alone, "
    "activation_l2, which looks at what channels answer"
)


@fact(field="granularity")
def no_units(noun: str, title: str, some: tuple[tuple[str, str], ...]) -> str:
    reasons = "; ".join(f"{name}: {why}" for name, why in some)
    return (
        f"this model has no {noun} that can be pruned as '{title}' ({reasons or 'no layers'}): "
        "choose another granularity"
    )


@fact()
def no_such_channel(units: str, last: int, channel: int) -> str:
    return f"{units} has channels 0 to {last}, not {channel}"


@fact(field="granularity_parameters")
def all_of_a_group(n: int, m: int) -> str:
    return f"N:M keeps fewer than all of a group, got {n}:{m}: make n less than m"


@fact(field="scope")
def nothing_to_count() -> str:
    return "a budget needs a network to count: prune a model, not scores alone"


@fact()
def no_beginning() -> str:
    return "a sensitivity curve begins with the unpruned network, at sparsity 0"


@fact()
def negative_loss(loss: float) -> str:
    return f"the allowed loss must be 0 or more, got {loss:g}"


@fact()
def beyond_scanned_levels(reached: float, sparsity: float) -> str:
    return (
        f"with every layer at its highest scanned level {reached:g} of the units go: ask for "
        f"that at most, got {sparsity:g}"
    )


@fact(field="criterion")
def needs_labels(criterion: str) -> str:
    return (
        f"criterion '{criterion}' needs data to calibrate on: name data with labels, "
        f"or {WEIGHTS_ALONE}"
    )


@fact(field="criterion")
def inputs_not_finite(criterion: str) -> str:
    return (
        f"criterion '{criterion}' needs data of numbers, and the calibration inputs hold "
        f"values that are not finite: take these out, or {WEIGHTS_ALONE}"
    )


@fact(field="criterion")
def no_way_to_tokens(criterion: str) -> str:
    return (
        f"criterion '{criterion}' with conductance follows the way from input 0, and whole "
        "numbers, such as tokens, have none: set its method to activation_x_gradient, or choose "
        "another criterion"
    )


@fact(field="criterion")
def too_many_units(criterion: str, units: int, most: int) -> str:
    return (
        f"criterion '{criterion}' runs the network once for each unit, and there are "
        f"{units:,}, more than {most:,}: remove larger units such as channels, raise "
        "most_units, or choose taylor, which estimates the same"
    )


@fact(field="criterion_parameters")
def class_without_samples(name: str) -> str:
    return f"no calibration sample is of class '{name}': name a class that the data have"


@fact(field="criterion_parameters")
def no_such_class(name: str, known: str) -> str:
    return f"there is no class '{name}': name some of {known}, with commas between"


@fact(field="criterion")
def not_in_double_precision() -> str:
    return f"the model does not run on an input of ones in double precision: {WEIGHTS_ALONE}"


@fact(field="criterion")
def too_many_inputs(criterion: str, parameter: str, inputs: int, most: int) -> str:
    return (
        f"criterion '{criterion}' multiplies every two inputs of a layer, and "
        f"'{parameter}' reads {inputs:,}, more than {most:,}: raise "
        "most_inputs where memory allows, or choose a criterion that looks at single "
        "inputs, such as wanda"
    )


@fact(field="criterion")
def no_readers(criterion: str, units: str) -> str:
    return (
        f"criterion '{criterion}' asks what the layers after '{units}' lose, "
        "and none is known that reads whole channels of it: choose channels and neurons, "
        "or another criterion, such as magnitude_l1"
    )


@fact(field="model")
def too_few_blocks(blocks: int, kept: int) -> str:
    found = f"{blocks} residual block" + "s" * (blocks != 1)
    return (
        f"this preset keeps {kept} residual blocks whole, at both ends of a network, and prunes "
        f"those between: this model has {found}; keep fewer, or choose a deeper model"
    )


@fact(field="model")
def no_blocks_to_leave_out(blocks: int) -> str:
    found = f"{blocks} residual block" + "s" * (blocks != 1)
    return (
        f"this preset leaves whole residual blocks out, and this model has {found}: choose the "
        "preset that takes widths, or another model"
    )


@fact()
def ends_of_another_preset(preset: str) -> str:
    return f"'--first' and '--last' are LLM-Pruner's: leave them out with --way {preset}"


@fact(field="granularity")
def not_of_this_preset(granularity: str, known: tuple[str, ...]) -> str:
    return f"this preset does not prune by '{granularity}': choose {' or '.join(known)}"


@fact(field="granularity")
def nothing_between_the_ends() -> str:
    return (
        "no unit lies in one block between the two ends: all of them go together with others "
        "across blocks, so there is nothing that this preset could prune; choose another "
        "granularity, such as head, or prune without the preset"
    )


@fact(field="criterion")
def no_filters(criterion: str) -> str:
    return (
        f"criterion '{criterion}' compares the filters of a layer and ranks no blocks: "
        "choose a criterion that does, such as block_influence or ablation"
    )


@fact(field="criterion")
def blocks_alone(criterion: str) -> str:
    return (
        f"criterion '{criterion}' ranks residual blocks alone: "
        "choose the granularity depth, or choose a criterion such as magnitude_l1"
    )


@fact(field="criterion")
def experts_alone(criterion: str) -> str:
    return (
        f"criterion '{criterion}' ranks experts alone: "
        "choose the granularity expert, or choose a criterion such as magnitude_l1"
    )


@fact(field="criterion")
def no_refusing_router(criterion: str) -> str:
    return (
        f"criterion '{criterion}' sets weights to 0, and a router whose row is 0 may still choose "
        "that expert: choose a criterion such as reap"
    )


@fact(field="criterion")
def no_second_derivatives(criterion: str, reason: str) -> str:
    return (
        f"criterion '{criterion}' needs second derivatives, which this model does "
        f"not have ({reason}): choose one with first derivatives, such as fisher"
    )


@fact(field="criterion")
def no_loss(criterion: str, why: Fact | str) -> str:
    return (
        f"criterion '{criterion}' needs a loss, and {why}: give the model and the data that "
        f"belong together, or {WEIGHTS_ALONE}"
    )


@fact(field="criterion")
def no_slope(criterion: str, measured: bool) -> str:
    also = ", or ablation, which measures the loss without each unit" if measured else ""
    return (
        f"criterion '{criterion}' needs gradients, and this model's answers do not depend smoothly "
        "on its weights (they are whole numbers or chosen by value, as by argmax or .round(), or "
        f"detached): {WITHOUT_DERIVATIVES}{also}; or let the network end in its class scores"
    )


@fact(field="criterion")
def complex_scores(criterion: str, layer: str) -> str:
    return (
        f"criterion '{criterion}' has no real score for the complex weights of layer '{layer}': "
        "choose one that looks at their size alone, such as magnitude_l1"
    )


@fact(field="criterion")
def no_norm_scales(criterion: str) -> str:
    return (
        f"criterion '{criterion}' looks at BatchNorm scales, and this model has none: "
        f"{WEIGHTS_ALONE}"
    )


@fact(field="criterion")
def not_seen(statistic: str, parameter: str) -> str:
    return (
        f"nothing is known of the {statistic} of '{parameter}': its "
        "module does not use it in a plain linear or convolution call, or never runs; "
        f"{WEIGHTS_ALONE}"
    )


@fact()
def statistic_not_finite(statistic: str, parameter: str) -> str:
    return (
        f"the {statistic} of '{parameter}' are not finite: look for "
        "NaN or infinite values in the weights or in the data"
    )


@fact()
def scores_not_finite(criterion: str, layer: str) -> str:
    return (
        f"criterion '{criterion}' gives scores that are not finite in layer "
        f"'{layer}': look for NaN or infinite values in its weights or in the data"
    )


@fact(field="criterion")
def block_without_layer(units: str) -> str:
    return (
        f"a block of '{units}' has no linear or convolution layer whose inputs or outputs "
        f"could be looked at: {WEIGHTS_ALONE}"
    )
