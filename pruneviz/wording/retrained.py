"""What a recovery left as it was, why it stopped, and what it is to be compared with."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

Value = float | str  # an accuracy, or the value of another metric as it is written


def _share(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.1%}"


@fact(field="recovery")
def all_frozen() -> str:
    return (
        "Every parameter of the network was frozen (requires_grad=False), as for inference, so "
        "recovery may change all of them: let those to be trained require gradients, and the "
        "others stay as they are."
    )


@fact(field="recovery")
def some_frozen(count: int, names: str, more: int) -> str:
    are, stay = (
        ("parameter is", "stays as it is") if count == 1 else ("parameters are", "stay as they are")
    )
    others = f" and {more} more" if more > 0 else ""
    return f"{count} {are} frozen by the network and {stay}: {names}{others}."


@fact(field="recovery")
def left_as_it_was(what: str, after: Value, before: Value, metric: str = "accuracy") -> str:
    return (
        f"The {what} were left as they were: with new ones, {metric} on the calibration inputs is "
        f"{_share(after)} and with the old {_share(before)}."
    )


@fact(field="recovery")
def augmentation_unknown() -> str:
    return (
        "How training changed its images is not known, so they are used as they are: if it "
        "mirrored or moved them, choose that augmentation, or recovery sees easier images than "
        "training did."
    )


@fact(field="recovery")
def targets_would_stay(augmentation: str) -> str:
    return (
        f"Training changed its images by {augmentation} and moved what is to be found with them. "
        "Recovery uses them as they are, because targets do not move here."
    )


@fact(field="recovery")
def recalibrated_original(recalibrated: Value, original: Value, metric: str = "") -> str:
    anew = "Control: with its BatchNorm statistics taken anew, the original itself"
    reaches = f"reaches a {metric} of" if metric else "answers"
    right = "" if metric else " right"
    return (
        f"{anew} {reaches} {_share(recalibrated)}{right}, and {_share(original)} with its own: "
        "compare with the better of the two."
    )


@fact(field="recovery")
def good_enough(doing: str, epoch: int, accuracy: Value, wanted: Value, metric: str = "") -> str:
    aside = "of the training inputs set aside are right"
    if metric:
        aside = f"is the {metric} on the training inputs set aside"
    return (
        f"{doing} stopped after epoch {epoch}: {_share(accuracy)} {aside}, "
        f"and {_share(wanted)} was good enough"
    )


@fact(field="recovery")
def no_better(doing: str, epoch: int, patience: int, metric: str = "accuracy") -> str:
    return (
        f"{doing} stopped after epoch {epoch}: no better {metric} on the training inputs set aside "
        f"for {patience} epochs"
    )


@fact(field="recovery")
def stopped_by_hand(title: str, epoch: int, planned: int) -> str:
    return f"{title} was stopped by hand after epoch {epoch} of {planned}"


@fact(field="recovery")
def diverged(doing: str, epoch: int, good: int, rate: float) -> str:
    kept = f"that of epoch {good}" if good else "that of its start"
    return (
        f"{doing} diverged in epoch {epoch} (a loss or weight was no longer a finite number), so "
        f"the network is {kept}: lower the learning rate, {rate:g} now"
    )


@fact(field="recovery")
def in_round(number: int, what: Fact) -> str:
    return f"Round {number}: {what}."


@fact()
def adapters(layers: int, rank: int, trained: int, masked: bool) -> str:
    named = "one linear layer" if layers == 1 else f"{layers:,} linear layers"
    kept = "; what was removed of these stays 0 meanwhile and afterwards" if masked else ""
    return (
        f"low-rank adapters of rank {rank} are trained on {named}, {trained:,} numbers, all else "
        f"stays as it is; at the end they are added to the weights{kept}"
    )
