"""Inputs read as the plan says, where it says more than the file and the model do."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from pruneviz.network.inputs import only_tensor
from pruneviz.plan.reading import Reading
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.values import Scale, Span, statistics_in_unit
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import coco_files, scaling

LUMINANCE = 0.299, 0.587, 0.114  # of red, green and blue, as Pillow weighs them


def expecting(expects: Expectation, reading: Reading | None) -> Expectation:
    """Return how image files are brought into the model's form, with what the plan says."""
    if reading is None:
        return expects
    resize = expects.resize if reading.resize is None else reading.shorter_side
    return replace(
        expects,
        resize=resize,
        interpolation=reading.interpolation or expects.interpolation,
        colour=reading.colour or expects.colour,
    )


def read_as(raw: RawData, reading: Reading | None, kind: str) -> RawData:
    """Return raw data of a kind of file with the plan's mean, std and colours.

    ValueError where the plan says what such a file does not have.
    """
    if reading is None:
        return raw
    if not isinstance(raw.x, Tensor):
        raise RefusedError(scaling.reads_one_tensor())
    if not raw.x.is_floating_point():
        raise RefusedError(scaling.reads_no_tokens())
    images = raw.x.dim() == 4
    if kind in ("npz", "csv") and (reading.resize or reading.interpolation):
        raise RefusedError(scaling.not_resized(kind))
    boxes = raw.targets is not None and raw.targets.is_floating_point() and raw.targets.dim() == 3
    if boxes and reading.shorter_side is not None:
        raise RefusedError(coco_files.cut_off())
    if reading.colour and not images:
        raise RefusedError(scaling.no_images(tuple(raw.x.shape[1:])))
    if reading.colour and kind == "npz":
        raw = _coloured(raw, reading.colour)
    return raw if reading.mean is None or reading.std is None else _normalised(raw, reading)


def _normalised(raw: RawData, reading: Reading) -> RawData:
    x = only_tensor(raw.x)
    channels = int(x.shape[raw.axis])
    pair = []
    for name, values in (("mean", reading.mean or ()), ("std", reading.std or ())):
        if len(values) not in (1, channels):
            table = x.dim() == 2
            raise RefusedError(scaling.not_one_a_channel(name, len(values), channels, table))
        pair.append(values * channels if len(values) == 1 else values)
    unit = x.dim() == 4 and raw.recorded
    scale = Scale(divisor=raw.white, unit=unit, span=Span(low=0.0, high=1.0, whole=False))
    mean, std, converted = statistics_in_unit(pair[0], pair[1], scale)
    note = f"{raw.note} {converted}".strip()
    return replace(raw, mean=mean, std=std, note=note, normalised_by="plan")


def _coloured(raw: RawData, colour: str) -> RawData:
    given = only_tensor(raw.x)
    channels = given.shape[1]
    if channels == 1 or colour == "rgb":
        return raw
    if channels != 3:
        raise RefusedError(scaling.no_colours(channels))

    def turned(x: Tensor) -> Tensor:
        if colour == "bgr":
            return x.flip(1)
        weights = x.new_tensor(LUMINANCE).view(1, 3, 1, 1)
        return (x * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1).contiguous()

    train = None if raw.train.x is None else turned(only_tensor(raw.train.x))
    return replace(raw, x=turned(given), train=replace(raw.train, x=train))
