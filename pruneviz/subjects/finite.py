"""Inputs that hold what is no number: which, how many, and where, in one refusal."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pruneviz.network.inputs import Batch, Inputs, is_batched
from pruneviz.subjects.files.image_tree import some_of
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.split import at_once
from pruneviz.subjects.stored.images import StoredImages
from pruneviz.subjects.subject import Data
from pruneviz.wording import RefusedError, opened


def refuse_no_numbers(raw: RawData) -> None:
    """Raise RefusedError where inputs, as they were read, hold NaN or infinite values."""
    refuse_not_finite(raw.x, raw.features, raw.axis, raw.names)
    if raw.train.x is not None:
        refuse_not_finite(raw.train.x, raw.features, raw.axis, part="training ")


def refuse_overflow(data: Data) -> None:
    """Raise RefusedError where inputs are finite, and are not once they are normalised."""
    for x, names, part in (
        (data.x, data.names, "evaluated "),
        (data.calibration_x, (), "calibration "),
        (data.train_x, (), "training "),
    ):
        refuse_not_finite(x, data.features, data.axis, names, part, normalised=True)


def refuse_not_finite(
    x: Batch,
    features: Sequence[str] = (),
    axis: int = 1,
    names: Sequence[str] = (),
    part: str = "",
    normalised: bool = False,
) -> None:
    """Raise RefusedError where inputs (N, …) hold NaN or infinite values, with where they lie."""
    if isinstance(x, Inputs):
        for name, leaf in x.named():
            if is_batched(leaf):
                refuse_not_finite(leaf, names=names, part=f"{part}{name} ", normalised=normalised)
        return
    if isinstance(x, StoredImages):
        x = x if not _are_finite(x.extremes()) else x.extremes()
    if all(_are_finite(part) for part in x.split(at_once(x))):
        return
    bad = ~torch.isfinite(x.reshape(len(x), -1) if x.dim() < 2 else x)
    inputs = bad.flatten(1).any(1)
    channels = bad.movedim(axis, 0).flatten(1).any(1)
    kind = "column" if x.dim() <= 2 else "channel"
    places = [features[i] if features else str(i) for i in channels.nonzero().flatten().tolist()]
    if x.dim() > 2 and len(places) == len(channels):
        places = []  # all of an image's colours say nothing
    raise RefusedError(
        opened.no_numbers(
            bad=int(inputs.sum()),
            inputs=len(x),
            part=part,
            where=f"{kind}{'s' if len(places) > 1 else ''} {some_of(places)}" if places else "",
            named=some_of([names[i] for i in inputs.nonzero().flatten().tolist()]) if names else "",
            normalised=normalised,
        )
    )


def _are_finite(x: Tensor) -> bool:
    """Say whether all values are finite: so is their sum then, unless it runs over."""
    return bool(torch.isfinite(x.sum())) or bool(torch.isfinite(x).all())
