"""Inputs and labels as a file holds them, before they are normalised and split."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.network.inputs import Batch
from pruneviz.subjects.split import Training
from pruneviz.subjects.subject import Groups
from pruneviz.wording import Fact


@dataclass(frozen=True, eq=False, kw_only=True)
class RawData:
    """Inputs as in Data, float32, images in [0, 1], with a class for each, (N,) int64.

    `labels` are output indices of the model, or, when `named`, indices into `classes`, which are
    then matched with the model's outputs. `columns` is how many columns one-hot labels had, 0 for
    others. `recorded` says that the inputs are in the units they were recorded in, so that the
    model's own mean and std apply to them; `mean` and `std` are those of the file, or of the plan,
    as `normalised_by` says, one for each channel or feature, which lie on `axis`. `names` are those
    of the inputs in `x`: a file, a row, a line. `white` is what images of more than 8 bits were
    divided by, `notes` are what a user must know of how the file was read. `groups` are those of
    the inputs in `x`, as in Data. With a training part in `train`, all of `x` is held out.
    `targets` (N, …) are numbers in place of labels, and `labels` then say what a split keeps in
    proportion; `by_place` says that they are classes of pixels or words, matched as labels are. Of
    a model that takes several tensors, `x` is `Inputs`, as the model takes them; tokens are int64.
    """

    x: Batch
    labels: NDArray[np.int64]
    named: bool
    recorded: bool
    classes: tuple[str, ...] = ()
    columns: int = 0
    features: tuple[str, ...] = ()
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    normalised_by: str = "file"
    note: str = ""
    notes: tuple[Fact, ...] = ()
    white: float = 65_535.0
    names: tuple[str, ...] = ()
    axis: int = 1
    groups: Groups = field(default_factory=dict)
    train: Training = field(default_factory=Training)
    targets: Tensor | None = None
    by_place: bool = False
