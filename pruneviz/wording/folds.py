"""What a user must know of weights that a network computes from others."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def computed(names: str, count: int, kinds: str) -> str:
    return (
        f"{names} {'is' if count == 1 else 'are'} computed from other tensors ({kinds}): the "
        "result is what is ranked, counted, cut and trained, as a plain weight."
    )


@fact()
def generated(layers: str) -> str:
    return (
        f"The weight that {layers} multiplies by is computed at each pass by a part of the network "
        "and not looked at as a weight: what is ranked, counted and cut are the tensors that it is "
        "computed from. To have the weight itself ranked, put it into a plain layer, or register "
        "its computation there by torch.nn.utils.parametrize."
    )


@fact()
def masks_are_zeros() -> str:
    return "The zeros of a mask of torch.nn.utils.prune are plain zeros: training moves them."


@fact()
def frozen_in_part(names: str, count: int) -> str:
    return (
        f"A part of what {names} come{'s' * (count == 1)} from is frozen: training moves the "
        "result, and with it all that it is computed from. Freeze all its parts to keep it."
    )
