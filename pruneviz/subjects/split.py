"""How inputs are divided: one seeded, stratified split, and the Data made from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.network.inputs import Batch
from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.labelling import Labelling
from pruneviz.subjects.stored.images import StoredImages
from pruneviz.subjects.subject import Data, Groups, along, data_sha256
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals.subjects import array_files

CALIBRATION_LIMIT = 512
PART_VALUES = 4_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Training:
    """What a source says of training: raw inputs, labels, and how training changed its inputs.

    `set_apart`: the source itself says so, and not a split made here. `fingerprinted`: they belong
    to the data's SHA-256. Those of the samples, fixed in the code, do not, so that plans made
    before there was a training part still hold.
    """

    x: Batch | None = None
    y: Tensor | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    fingerprinted: bool = True
    set_apart: bool = True


def stratified(
    labels: NDArray[np.int64], fraction: float, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of (that fraction, the rest), each sorted, every class in proportion.

    A class with two members or more is present in both parts. The same labels, fraction and seed
    give the same split on every machine: `RandomState` is numpy's frozen generator.
    """
    generator = np.random.RandomState(seed)
    chosen: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        count = round(fraction * len(members))
        chosen.append(members[: min(max(count, 1), len(members) - 1)])
    first = np.sort(np.concatenate(chosen))
    rest = np.setdiff1d(np.arange(len(labels)), first)
    return first, rest


def channel_statistics(x: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std of (N, C, …) inputs for each channel or feature; a constant has std 1."""
    # numpy adds up in one order whatever the number of threads, and single precision is what
    # inputs are normalised in: the same data has the same statistics everywhere
    values = x.double().numpy()
    axes = (0, *range(2, x.dim()))
    mean, std = values.mean(axis=axes), values.std(axis=axes)
    std = np.where(std > 1e-12, std, 1.0)
    return tuple(mean.astype(np.float32).tolist()), tuple(std.astype(np.float32).tolist())


def normalise(
    x: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    axis: int = 1,
    overwrite: bool = False,
) -> Tensor:
    """Return (x - mean) / std per channel or feature, which lie on `axis`, as float32.

    It takes the place of `x` in memory where that may be overwritten and is float32.
    """
    if isinstance(x, StoredImages):
        return x.normalised(mean, std)
    shape = along(axis, x.dim())
    m, s = torch.tensor(mean).view(shape), torch.tensor(std).view(shape)
    centred = x.float().sub_(m) if overwrite else x.float() - m
    return centred.div_(s)


def _normalised(
    x: Batch, mean: tuple[float, ...], std: tuple[float, ...], axis: int, overwrite: bool = False
) -> Batch:
    """Return inputs normalised; tokens and several tensors as they are, fractions as float32."""
    if not isinstance(x, Tensor):
        return x.to(torch.float32)
    if not x.is_floating_point():
        return x  # tokens
    return normalise(x, mean, std, axis, overwrite)


def spread(total: int, limit: int = CALIBRATION_LIMIT) -> Tensor:
    """Return at most `limit` indices below `total`, int64, spread evenly and ascending."""
    count = min(limit, total)
    return torch.linspace(0, total - 1, count, dtype=torch.float64).round().long()


def at_once(x: Tensor) -> int:
    """Return how many inputs of `x` (N, …) have about four million values, at least one."""
    return max(1, PART_VALUES // max(1, x[:1].numel()))


def make_data(
    reference: str,
    evaluation: tuple[Batch, Tensor],
    calibration: tuple[Batch, Tensor],
    *,
    classes: tuple[str, ...],
    note: str,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    features: tuple[str, ...] = (),
    train: Training | None = None,
    labelling: Labelling | None = None,
    names: tuple[str, ...] = (),
    axis: int = 1,
    groups: Groups | None = None,
    overwrite: bool = False,
) -> Data:
    """Return the Data of raw inputs with their labels, normalised and fingerprinted.

    Without a training part of its own, the calibration part is trained on, and a note says so.
    To `overwrite` the raw inputs of both parts saves their memory.
    """

    def ready(raw: Batch) -> Batch:
        return _normalised(raw, mean, std, axis, overwrite)

    x, y = ready(evaluation[0]), targets(evaluation[1])
    calibrating = ready(calibration[0]), targets(calibration[1])
    train = train or Training()
    train_x, train_y = calibrating
    if train.x is not None and train.y is not None:
        train_x, train_y = _normalised(train.x, mean, std, axis), targets(train.y)
    fingerprinted: dict[str, Batch] = {
        "x": x, "y": y, "calibration_x": calibrating[0], "calibration_y": calibrating[1],
        **_fingerprinted(train, train_x, train_y),
    }  # fmt: skip
    return Data(
        reference=reference,
        classes=classes,
        features=features,
        mean=mean,
        std=std,
        sha256=data_sha256(fingerprinted, classes, features),
        note=note,
        augmentation=train.augmentation.check(train_x),
        labelling=labelling,
        names=names,
        held_out=train.x is not None and train.set_apart,
        axis=axis,
        groups=groups or {},
        train_note=None if train.x is not None else opened.few_to_train_on(len(train_y)),
        x=x,
        y=y,
        calibration_x=calibrating[0],
        calibration_y=calibrating[1],
        train_x=train_x,
        train_y=train_y,
    )


def _fingerprinted(train: Training, x: Batch, y: Tensor) -> dict[str, Batch]:
    """Return what of training belongs to the data's SHA-256: the part, and its augmentation."""
    found: dict[str, Batch] = {}
    if train.fingerprinted and train.x is not None:
        found |= {"train_x": x, "train_y": y}
    if train.fingerprinted and train.augmentation.known:
        changes = [int(train.augmentation.flip), train.augmentation.shift_pixels]
        found["augmentation"] = torch.tensor(changes)
    return found


def targets(y: Tensor) -> Tensor:
    """Return targets as they are judged: numbers as they are, labels and tokens as int64."""
    return y if y.is_floating_point() else y.long()


def image_shape(x: Tensor, name: str = "x") -> Tensor:
    """Return (N, H, W) as (N, 1, H, W), and (N, C, H, W) and (N, F) as they are."""
    if x.dim() not in (2, 3, 4) or 0 in x.shape:
        raise RefusedError(array_files.of_no_inputs(name, tuple(x.shape)))
    return x.unsqueeze(1) if x.dim() == 3 else x
