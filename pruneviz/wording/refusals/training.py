"""Why a network cannot be trained again, and why training cannot be resumed."""

from __future__ import annotations

from pruneviz.wording.fact import fact

OR_START_OVER = "resume the plan that it was made by, or start over"


@fact(field="data")
def needs_labels() -> str:
    return "recovery needs labelled data: name data with labels first"


@fact(field="data")
def needs_data() -> str:
    return "recovery needs inputs with their targets: name data first"


@fact(field="data")
def labels_beyond_outputs(part: str, low: int, high: int, outputs: int) -> str:
    return (
        f"the {part} labels run from {low} to {high}, and the model has "
        f"{outputs} outputs: labels must be 0 to {outputs - 1}"
    )


@fact(field="recovery")
def none_to_set_aside() -> str:
    return (
        "every class has one training input alone, so none can be set aside to decide when to "
        "stop: give more inputs, or set patience and good_enough to 0"
    )


@fact(field="recovery")
def better_than_possible(metric: str, wanted: float, most: float) -> str:
    return (
        f"good_enough asks for {wanted:g}, and {metric} is {most:g} at most: give a number from 0 "
        f"to {most:g}, where 0 never stops early"
    )


@fact(field="data")
def too_few_inputs(inputs: int, least: int) -> str:
    return (
        f"{inputs:,} training input{'s are' if inputs != 1 else ' is'} there, "
        f"and a batch takes {least} or more: give more training inputs"
    )


@fact(field="recovery")
def no_such_batch(size: int, inputs: int, processes: int, least: int) -> str:
    bound = f"{inputs:,} at most" if size > least else f"{least} at least"
    return (
        f"a batch size of {size:,} does not fit {inputs:,} training inputs "
        f"and {processes} process{'es' if processes > 1 else ''}: give {bound}"
    )


@fact(field="recovery")
def augmentation_of_no_image(augmentation: str) -> str:
    return (
        f"augmentation '{augmentation}' is for images, and these inputs are none: "
        "choose none or as_trained"
    )


@fact(field="recovery")
def augmentation_of_places(augmentation: str) -> str:
    return (
        f"augmentation '{augmentation}' moves images, and these targets are places in them, which "
        "would stay where they are: choose none or as_trained"
    )


@fact()
def unknown_device(device: str, known: tuple[str, ...]) -> str:
    return f"unknown device '{device}'; choose from {', '.join(known)}"


@fact()
def no_cuda() -> str:
    return "there is no CUDA device that PyTorch can use here: choose cpu or auto"


@fact(field="recovery")
def too_few_steps_for_one_cycle() -> str:
    return (
        "a one-cycle learning rate needs 2 steps or more to rise and fall: train more epochs, "
        "take smaller batches, or choose the constant schedule"
    )


@fact(field="recovery")
def fewer_epochs_than_rounds(epochs: int, rounds: int) -> str:
    return (
        f"{epochs} epoch{'s' if epochs > 1 else ''} cannot be shared by {rounds} rounds: "
        f"train {rounds} epochs or more, or prune in fewer rounds"
    )


@fact(field="recovery")
def no_biases() -> str:
    return (
        "there is no bias to correct: no convolution, linear or normalisation layer of the model "
        "has one; leave 'correct_biases' out, or fine-tune"
    )


@fact(field="recovery")
def nothing_to_adapt() -> str:
    return (
        "there is nothing to put low-rank adapters on: no linear layer of the model has a weight "
        "of its own that may be trained; fine-tune instead"
    )


@fact(field="recovery")
def nothing_to_recalibrate() -> str:
    return (
        "there is nothing to recalibrate: the model has no BatchNorm layer with running "
        "statistics; leave 'recalibrate' out, or fine-tune"
    )


@fact(field="recovery")
def no_setting_of_a_recipe(names: tuple[str, ...], known: tuple[str, ...]) -> str:
    return f"this recipe has no setting {', '.join(map(repr, names))}; it takes: {', '.join(known)}"


@fact(field="data")
def one_input() -> str:
    return "there is 1 training input, and statistics need 2 or more: give more"


@fact()
def state_of_another_method(other: str, method: str) -> str:
    return f"this checkpoint is one of '{other}', not of '{method}': {OR_START_OVER}"


@fact()
def weights_of_another_network() -> str:
    return f"this checkpoint holds another network's weights: {OR_START_OVER}"


@fact(field="recovery")
def past_the_stop(epochs: int, asked: int) -> str:
    return (
        f"this checkpoint holds {epochs} whole epochs, and stop_after asks for "
        f"{asked}: give {epochs}, or start over"
    )


@fact(field="recovery")
def past_the_stop_of(method: str, epochs: int, asked: int) -> str:
    return (
        f"this checkpoint holds {epochs} whole epochs of {method}, and stop_after "
        f"asks for {asked}: give {epochs}, or start over"
    )


@fact(field="recovery")
def in_a_round_left_out(round_: int) -> str:
    return (
        f"this checkpoint stands in round {round_}, which stop_after leaves out: give "
        "the epochs that are planned up to there, or start over"
    )


@fact()
def made_by_another_plan(other: str, own: str) -> str:
    return (
        f"this checkpoint was made by another plan ({other[:12]}…), not by this one "
        f"({own[:12]}…): {OR_START_OVER}"
    )


@fact()
def damaged(kind: str, reason: str) -> str:
    return f"this checkpoint is damaged ({kind}: {reason}): take the one before, or start over"


@fact(field="recovery")
def weights_of_no_classes() -> str:
    return (
        "class_weights are for targets that are one label an input, and these are none: leave them "
        "out"
    )


@fact(field="recovery")
def no_class_weight(part: str) -> str:
    return (
        f"class_weights has '{part}', which gives no class a weight above 0: write balanced, or "
        "weights such as cat=2,dog=0.5"
    )


@fact()
def not_finished() -> str:
    return "the recovery is not finished: step it until it is"
