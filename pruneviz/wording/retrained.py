"""What a recovery left as it was, why it stopped, and what it is to be compared with."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


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
def left_as_it_was(what: str, after: float, before: float) -> str:
    return (
        f"The {what} were left as they were: with new ones, accuracy on the calibration inputs is "
        f"{after:.1%} and with the old {before:.1%}."
    )


@fact(field="recovery")
def augmentation_unknown() -> str:
    return (
        "How training changed its images is not known, so they are used as they are: if it "
        "mirrored or moved them, choose that augmentation, or recovery sees easier images than "
        "training did."
    )


@fact(field="recovery")
def recalibrated_original(recalibrated: float, original: float) -> str:
    return (
        "Control: with its BatchNorm statistics taken anew, the original itself answers "
        f"{recalibrated:.1%} right, and {original:.1%} with its own: compare with the better of "
        "the two."
    )


@fact(field="recovery")
def good_enough(doing: str, epoch: int, accuracy: float, wanted: float) -> str:
    return (
        f"{doing} stopped after epoch {epoch}: {accuracy:.1%} of the training inputs set aside are "
        f"right, and {wanted:.1%} was good enough"
    )


@fact(field="recovery")
def no_better(doing: str, epoch: int, patience: int) -> str:
    return (
        f"{doing} stopped after epoch {epoch}: no better accuracy on the training inputs set aside "
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
