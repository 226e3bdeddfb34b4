"""Inputs as training saw them: mirrored and moved at random, black moving in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pruneviz.network.inputs import Batch, only_tensor
from pruneviz.registry import Parameter
from pruneviz.subjects import Augmentation, Data
from pruneviz.wording import Fact, RefusedError, retrained
from pruneviz.wording.refusals import training

USUAL_SHARE = 8  # an image of 32 pixels is usually moved by up to 4
ROWS = 2  # axes of targets that are numbers of whole inputs; those with more are places in them

AUGMENTATION = Parameter(
    name="augmentation",
    default="as_trained",
    choices=("as_trained", "none", "flip", "shift", "flip_shift"),
    help="How inputs are changed at random: as the data says that training did, or as chosen here "
    "(a shift moves by as many pixels as the data says, else by an eighth of the image).",
)


def chosen_augmentation(data: Data, choice: str) -> Augmentation:
    """Return the augmentation that a setting means for this data; ValueError where it has none.

    Images alone have any, and none of whose targets would have to move with them.
    """
    if choice == "none" or (choice == "as_trained" and _moves_targets(data)):
        return Augmentation(known=True)
    if choice == "as_trained":
        return data.augmentation
    if data.kind != "image":
        raise RefusedError(training.augmentation_of_no_image(choice))
    if _moves_targets(data):
        raise RefusedError(training.augmentation_of_places(choice))
    usual = max(1, min(only_tensor(data.x).shape[2:]) // USUAL_SHARE)
    pixels = data.augmentation.shift_pixels or usual
    return Augmentation(
        flip="flip" in choice, shift_pixels=pixels if "shift" in choice else 0, known=True
    )


def can_move(data: Data) -> bool:
    """Return whether inputs may be mirrored and moved: images whose targets stay true of them."""
    return data.kind == "image" and not _moves_targets(data)


def _moves_targets(data: Data) -> bool:
    """Return whether targets, (N, …), are places in the inputs: masks, boxes."""
    return data.train_y.ndim > ROWS


def augmentation_note(data: Data, choice: str) -> Fact | None:
    """Return what the user must know where training's augmentation is asked for and not used."""
    if choice != "as_trained" or data.kind != "image":
        return None
    if _moves_targets(data):
        changed = data.augmentation.flip or data.augmentation.shift_pixels
        return retrained.targets_would_stay(str(data.augmentation)) if changed else None
    return None if data.augmentation.known else retrained.augmentation_unknown()


def augmenter(data: Data, augmentation: Augmentation) -> Callable[[Batch, Tensor], Batch]:
    """Return a function of inputs (B, …) and their draws (B, 3) that changes the inputs so.

    Draws are uniform in [0, 1): mirrored or not, how far down, how far right (see `draws`).
    """
    if not augmentation.flip and not augmentation.shift_pixels:
        return lambda x, _: x
    black = (-torch.tensor(data.mean) / torch.tensor(data.std)).view(1, -1, 1, 1)

    def change(given: Batch, drawn: Tensor) -> Batch:
        x = only_tensor(given)
        if augmentation.flip:
            x = torch.where((drawn[:, 0] < 0.5).view(-1, 1, 1, 1), x.flip(3), x)
        if augmentation.shift_pixels:
            x = _shifted(x, augmentation.shift_pixels, drawn[:, 1:], black)
        return x

    return change


def draws(count: int, seed: int, device: torch.device) -> Tensor:
    """Return (count, 3) numbers in [0, 1), the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((count, 3), generator=generator).to(device)


def _shifted(x: Tensor, pixels: int, drawn: Tensor, black: Tensor) -> Tensor:
    """Return images (B, C, H, W), each moved by -pixels to pixels along both axes over black."""
    count, channels, height, width = x.shape
    space = (count, channels, height + 2 * pixels, width + 2 * pixels)
    padded = black.to(x).expand(space).clone()
    padded[:, :, pixels : pixels + height, pixels : pixels + width] = x
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, places, places, H, W)
    top, left = (drawn * (2 * pixels + 1)).long().unbind(1)
    return windows[torch.arange(count, device=x.device), :, top, left]
