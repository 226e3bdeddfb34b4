"""Data in an npz file: x and y, and a training part, mean, std and class names if it has them."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.network.inputs import Batch, tensors
from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.files.label_arrays import Labels, read_labels
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.several import (
    ONE,
    TRAIN,
    are_tokens,
    as_inputs,
    as_tokens,
    input_names,
)
from pruneviz.subjects.files.targets import are_numbers, as_targets, strata
from pruneviz.subjects.files.values import (
    Scale,
    find_scale,
    scaled,
    white_above_bytes,
    with_statistics,
)
from pruneviz.subjects.models.expectation import Expectation, series_axis
from pruneviz.subjects.split import Training, image_shape
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import array_files

MAX_UNPACKED_BYTES = 1_000_000_000
MAX_VALUES = 400_000_000  # 1.6 GB as float32
AUGMENTATION = ("train_flip", "train_shift_pixels")
OTHERS = ("y", "mean", "std", "classes", "train_y", *AUGMENTATION)


def read_npz(path: Path, expects: Expectation) -> RawData:
    """Return the inputs and labels of an npz file.

    x is images, (N, H, W), (N, C, H, W) or (N, H, W, C), rows (N, F), or, for a model that takes
    them, series, (N, channels, steps) or (N, steps, channels), in units that its range tells, or
    whole numbers (N, places) of a model that begins with an embedding, which looks them up; y is
    (N,) numbers or names of classes, or one-hot (N, classes). Optional: mean and std for each
    channel or feature, names of the outputs in `classes`; a training part in `train_x` and
    `train_y`, alike, after which all of x is held out; and how training changed its images:
    `train_flip` (0 or 1) and `train_shift_pixels`. Of a model that takes several tensors each has
    the name of its parameter in place of x, or x0, x1, … by place, and is taken as it is.
    """
    check_npz(path, path.name)
    try:
        arrays, inputs = _read_arrays(path, expects)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise RefusedError(array_files.not_whole(path.name)) from error
    return _single(arrays, expects) if inputs == ONE else _several(arrays, inputs, expects)


def _several(
    arrays: dict[str, NDArray[Any]], inputs: tuple[str, ...], expects: Expectation
) -> RawData:
    """Return the inputs of several tensors as they are, and labels."""
    if "mean" in arrays or "std" in arrays:
        raise RefusedError(array_files.scales_one_tensor())
    parts = _parts(arrays, inputs)
    found = [as_inputs(arrays, inputs, part, expects.takes) for part in parts]
    made = _with_labels(arrays, parts, found, expects)
    note = f"Each input is {', '.join(inputs)}, as the file has them."
    return replace(made, note=note, recorded=False)


def _single(arrays: dict[str, NDArray[Any]], expects: Expectation) -> RawData:
    if are_tokens(arrays["x"], expects.first):
        return _tokens(arrays, expects)
    notes = _channels_first(arrays, expects.channels)
    parts = _parts(arrays, ONE)
    axis, kept = _series(arrays["x"].shape[1:], expects)
    values = [(f"{part}x", _numbers(arrays, part)) for part in parts]
    scale = find_scale(values, bool(axis), known_unit=expects.mean is not None)
    inputs = [_inputs(arrays, scale, part, kept) for part in parts]
    made = _with_labels(arrays, parts, inputs, expects)
    if inputs[0].dim() == 4 or scale.divisor != 1:
        notes.append(scale.sentence)
    if axis:
        size = arrays["x"].shape
        notes.append(f"Inputs are series of {size[axis]:,} channels and {size[3 - axis]:,} steps.")
    raw = replace(
        made,
        recorded=scale.unit,
        note=" ".join(notes),
        notes=scale.notes,
        white=white_above_bytes([scale]),
        axis=axis or 1,
    )
    mean, std = _statistics(arrays, int(inputs[0].shape[raw.axis]))
    return raw if mean is None or std is None else with_statistics(raw, mean, std, scale)


def _tokens(arrays: dict[str, NDArray[Any]], expects: Expectation) -> RawData:
    """Return tokens, as the model's first layer looks them up, and labels."""
    if "mean" in arrays or "std" in arrays:
        raise RefusedError(array_files.scales_no_tokens())
    parts = _parts(arrays, ONE)
    inputs = [as_tokens(arrays[f"{part}x"], f"{part}x", expects.first) for part in parts]
    made = _with_labels(arrays, parts, inputs, expects)
    return replace(made, note="Inputs are whole numbers, which the model looks up.")


def _with_labels(
    arrays: dict[str, NDArray[Any]], parts: list[str], inputs: Sequence[Batch], expects: Expectation
) -> RawData:
    """Return the inputs of each part with their labels or targets."""
    ys = [f"{part}y" for part in parts]
    names = tuple(map(str, arrays["classes"].ravel())) if "classes" in arrays else ()
    where, asked = " and ".join(ys), [arrays[y] for y in ys]
    targets = _targets(asked, where, expects.numbers)
    if targets:
        labels = Labels(parts=tuple(map(strata, targets)), names=names, named=False, columns=0)
    else:
        labels = read_labels(asked, where, names)
    trained = targets or list(map(torch.from_numpy, labels.parts))
    return RawData(
        x=inputs[0],
        labels=labels.parts[0],
        named=labels.named,
        recorded=False,
        classes=labels.names,
        columns=labels.columns,
        names=tuple(f"row {i}" for i in range(len(inputs[0]))),
        train=_training(inputs, trained, _augmentation(arrays)),
        targets=targets[0] if targets else None,
    )


def _targets(arrays: list[NDArray[Any]], where: str, numbers: bool | None) -> list[Tensor]:
    """Return the targets of each part that are numbers in place of labels; [] for labels."""
    if numbers is False or not (numbers or all(map(are_numbers, arrays))):
        return []
    return [as_targets(array, where) for array in arrays]


def _channels_first(arrays: dict[str, NDArray[Any]], channels: int | None) -> list[str]:
    """Move the channels of images to the second axis where the model's are the last; say so."""
    notes = []
    for name in ("x", "train_x"):
        shape = arrays[name].shape if name in arrays else ()
        if len(shape) == 4 and channels is not None and shape[1] != channels == shape[3]:
            arrays[name] = np.moveaxis(arrays[name], -1, 1)
            notes = ["Images are stored with their channels last."]
    return notes


def _parts(arrays: dict[str, NDArray[Any]], inputs: tuple[str, ...]) -> list[str]:
    """Return the parts that a file has, "" and perhaps "train_", with a label for each input."""
    training = [f"{TRAIN}{name}" for name in (*inputs, "y")]
    present = [name for name in training if name in arrays]
    if present and len(present) < len(training):
        raise RefusedError(array_files.half_a_training_part(tuple(present), tuple(training)))
    parts = ["", TRAIN] if present else [""]
    for part in parts:
        y = np.atleast_1d(arrays[f"{part}y"])
        for name in inputs:
            x = arrays[f"{part}{name}"]
            if x.ndim == 0 or len(x) != len(y):
                sizes = len(np.atleast_1d(x)), len(y)
                raise RefusedError(array_files.not_a_label_each(part, name, *sizes))
    return parts


def _numbers(arrays: dict[str, NDArray[Any]], part: str) -> NDArray[Any]:
    x = arrays[f"{part}x"]
    if x.dtype.kind in "biuf":
        return x
    raise RefusedError(array_files.of_no_numbers(f"{part}x", str(x.dtype)))


def _series(shape: tuple[int, ...], expects: Expectation) -> tuple[int, bool]:
    """Return the axis of the channels of series, 0 for others, and whether x keeps three axes."""
    axis = series_axis(expects.first, shape)
    said = expects.shape is not None and len(expects.shape) == 2
    return axis, len(shape) == 2 and (axis > 0 or said)


def _inputs(arrays: dict[str, NDArray[Any]], scale: Scale, part: str, kept: bool) -> Tensor:
    """Return the inputs of a part as float32, three axes as they are if `kept`, on one scale."""
    x = scaled(arrays[f"{part}x"], scale, f"{part}x")
    return x if kept and x.dim() == 3 and 0 not in x.shape else image_shape(x, f"{part}x")


def _training(
    inputs: Sequence[Batch], targets: Sequence[Tensor], augmentation: Augmentation
) -> Training:
    """Return the training part, if there is one: the second of the inputs and targets."""
    if len(inputs) == 1:
        return Training(augmentation=augmentation)
    held_out, train = inputs
    for one, other in zip(tensors(train), tensors(held_out), strict=True):
        if one.shape[1:] != other.shape[1:]:
            raise RefusedError(
                array_files.parts_differ(tuple(one.shape[1:]), tuple(other.shape[1:]))
            )
    return Training(x=train, y=targets[1], augmentation=augmentation)


def _augmentation(arrays: dict[str, NDArray[Any]]) -> Augmentation:
    """Return how training changed its images; not known where the file tells nothing of it."""
    if not any(name in arrays for name in AUGMENTATION):
        return Augmentation()
    flip, shift = (_whole_number(arrays, name) for name in AUGMENTATION)
    if flip not in (0, 1):
        raise RefusedError(array_files.no_flip(flip))
    return Augmentation(flip=bool(flip), shift_pixels=shift, known=True)


def _whole_number(arrays: dict[str, NDArray[Any]], name: str) -> int:
    values = np.asarray(arrays.get(name, 0)).ravel()
    right = values.dtype == np.bool_ or np.issubdtype(values.dtype, np.number)
    if len(values) != 1 or not right or np.iscomplexobj(values) or values[0] != np.round(values[0]):
        raise RefusedError(array_files.no_whole_number(name))
    return int(values[0])


def check_npz(file: Path | IO[bytes], name: str) -> None:
    """Raise ValueError unless every array is honest about its size and no array holds objects.

    Only headers are read, so that neither a bomb is unpacked nor memory is set aside for it.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if sum(m.file_size for m in members) > MAX_UNPACKED_BYTES:
                raise RefusedError(array_files.too_large(name))
            for member in members:
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise RefusedError(array_files.not_whole(name))
                with archive.open(member) as array:
                    _check_array(array, member.filename.removesuffix(".npy"), member.file_size)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise RefusedError(array_files.not_whole(name)) from error


def _read_arrays(
    path: Path, expects: Expectation
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Return the arrays by name, and which are the inputs; ValueError where some are missing."""
    with np.load(path, allow_pickle=False) as file:
        if "y" not in file:
            missing = tuple(name for name in ("x", "y") if name not in file)
            raise RefusedError(array_files.lacks(path.name, missing, tuple(file.files)))
        inputs = input_names(path.name, file.files, OTHERS, expects.takes)
        wanted = (*inputs, *(f"{TRAIN}{name}" for name in inputs), *OTHERS)
        return {name: file[name] for name in wanted if name in file}, inputs


def _check_array(array: IO[bytes], name: str, size: int) -> None:
    """Raise ValueError unless the header of an npy array announces at most `size` bytes."""
    try:
        version = np.lib.format.read_magic(array)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(array)
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        raise RefusedError(array_files.no_array(name)) from error
    if dtype.hasobject:
        raise RefusedError(array_files.holds_objects(name))
    count = math.prod(shape)
    if count > MAX_VALUES:
        raise RefusedError(array_files.too_many_values(name, count, MAX_VALUES))
    if min(shape, default=0) < 0 or count * dtype.itemsize > size:
        raise RefusedError(array_files.shorter_than_said(name))


def _statistics(
    arrays: dict[str, NDArray[Any]], channels: int
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return the file's mean and std, one for each channel or feature, or None and None."""
    if "mean" not in arrays or "std" not in arrays:
        return None, None
    pair = []
    for name in ("mean", "std"):
        values = arrays[name].astype(np.float64).ravel()
        if len(values) not in (1, channels) or not np.isfinite(values).all():
            raise RefusedError(array_files.not_one_a_channel(name, len(values), channels))
        pair.append(tuple(np.broadcast_to(values, channels).tolist()))
    if min(pair[1]) <= 0:
        raise RefusedError(array_files.no_std())
    return pair[0], pair[1]
