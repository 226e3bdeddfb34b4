"""Subject and Data: the model under study, and the labelled inputs it is judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.metrics import Metric
from pruneviz.network.inputs import Batch, Given, Inputs, is_batched, only_tensor
from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.labelling import Labelling
from pruneviz.subjects.stored.images import StoredImages
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.tasks.task import usual_metric
from pruneviz.wording import Fact

Groups = Mapping[str, tuple[tuple[str, ...], NDArray[np.int64]]]
ROUNDING = 1e-5  # of the largest value: what single precision leaves of a mean taken off


@dataclass(frozen=True, eq=False, kw_only=True)
class Data:
    """Labelled inputs: `x`, `y` to evaluate, and disjoint from them `train_*` and `calibration_*`.

    `train_*` is what a recovery trains on, `calibration_*` a part of it, or the same.
    `x` is (N, C, H, W) for images, (N, F) for tables, (N, C, steps) or (N, steps, C) for series, in
    the model's precision, normalised as it expects: raw = x * std + mean, one mean and std for each
    channel or feature, which lie on `axis`; raw images lie in [0, 1]. Of a model that takes several
    tensors it is `Inputs`, as the model takes them: without mean, std and average.
    `y` are the targets of the task, (N, …): for classification (N,) int64, an index into `classes`,
    which other tasks may lack. `note` says in one sentence how it was split,
    `train_note` what a user must know of the training part. `labelling` says which
    output each class of the user's data is; None for a sample's own data. `names` are what the
    inputs in `x` are called where they come from. `held_out`: the source
    itself sets `x` apart from what is trained on; of others it is not known whether they are new.
    `groups` maps a column to the names of its groups, and the index of each input's in `x`.
    """

    reference: str
    x: Batch
    y: Tensor
    calibration_x: Batch
    calibration_y: Tensor
    train_x: Batch
    train_y: Tensor
    augmentation: Augmentation
    train_note: Fact | None = None
    classes: tuple[str, ...]
    features: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    note: str
    labelling: Labelling | None = None
    held_out: bool = False
    names: tuple[str, ...] = ()
    axis: int = 1
    groups: Groups = field(default_factory=dict)

    def name(self, index: int) -> str:
        """Return what input `index` of `x` is called where it comes from: a file, a row, a line."""
        return self.names[index] if self.names else f"input {index}"

    @property
    def kind(self) -> Literal["image", "series", "tabular", "text", "several"]:
        """Return "image" for inputs of four axes, "series" of three, "tabular" for (N, F).

        Whole numbers (N, places) are tokens of a text; "several" are those of several tensors.
        """
        if isinstance(self.x, Inputs):
            return "several"
        if not self.x.is_floating_point():
            return "text"
        return "image" if self.x.dim() == 4 else "series" if self.x.dim() == 3 else "tabular"

    @property
    def of_numbers(self) -> bool:
        """Return whether inputs are one tensor of numbers, which can be changed a little."""
        return self.kind not in ("several", "text")

    @cached_property
    def average(self) -> Tensor:
        """Return the mean training input as the model gets it, (1, C, 1, 1), (1, C, 1) or (1, F).

        It is one value a channel, or a feature; 0 where these are standardised. Of texts it is the
        share of each token in them, (tokens,), float64.
        """
        x = only_tensor(self.train_x)
        if isinstance(x, StoredImages):
            return x.average()
        if not x.is_floating_point():
            return x.flatten().bincount().double() / x.numel()
        axes = [axis for axis in range(x.dim()) if axis != self.axis]
        mean = x.mean(axes, keepdim=True, dtype=torch.float64)
        largest = torch.maximum(x.amax(axes, True), -x.amin(axes, True))
        return torch.where(mean.abs() <= ROUNDING * largest, 0.0, mean).to(x.dtype)

    def raw(self, x: Tensor) -> Tensor:
        """Return normalised inputs, batched as `x` is, in the units they were recorded in."""
        shape = along(self.axis, x.dim())
        return x * torch.tensor(self.std).view(shape) + torch.tensor(self.mean).view(shape)

    def to(self, dtype: torch.dtype) -> Data:
        """Return the same data with inputs in a precision of their own."""
        if isinstance(self.x, Tensor) and not self.x.is_floating_point():
            return self  # tokens are whole numbers
        parts = ("x", "calibration_x", "train_x")
        return replace(self, **{part: getattr(self, part).to(dtype) for part in parts})

    def by_channel(self, values: Tensor) -> Tensor:
        """Return values of one series, shaped as the model gets it, as (C, steps)."""
        return values.movedim(self.axis - 1, 0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A model in eval mode with frozen parameters, an example of its inputs, and its data if any.

    `model` is shared: whoever wants to change it works on a copy. `example` holds two inputs or
    more, a tensor (2, …) or `Inputs` where the model takes several. `sha256` is of the weights.
    `notes` are what the user must know. `random` says that its answers are drawn,
    `frozen` are the parameters, by name, that its author froze. `task` is what the model is for,
    `metric` the one chosen to judge it by, None for the task's primary one. `tokenizer` is a
    language model's own, where it has one.
    """

    reference: str
    title: str
    sentence: str
    model: nn.Module
    example: Given
    data: Data | None
    weights_label: str
    sha256: str
    notes: tuple[Fact, ...] = ()
    random: bool = False
    frozen: frozenset[str] = frozenset()
    task: Task = CLASSIFICATION
    metric: Metric | None = None
    tokenizer: Tokenizer | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Return what reports judge the model by: the metric chosen first, then the task's own."""
        own = [usual_metric(self.task, name) for name in self.task.reported]
        if self.metric is None:
            return tuple(own)
        return (self.metric, *(each for each in own if each.name != self.metric.name))

    @property
    def grouped(self) -> bool:
        """Return whether its data name groups of inputs."""
        return self.data is not None and bool(self.data.groups)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input, the first where the model takes several."""
        return shape_of(self.example)

    @property
    def dtype(self) -> torch.dtype:
        """Return what numbers that input is of."""
        return _first(self.example).dtype


def shape_of(example: Given) -> tuple[int, ...]:
    """Return the shape of one input, the first where there are several."""
    return tuple(_first(example).shape[1:])


def _first(example: Given) -> Tensor:
    first: Tensor = next(leaf for leaf in tree_leaves(example) if is_batched(leaf))
    return first


def along(axis: int, dimensions: int) -> tuple[int, ...]:
    """Return the shape in which one value a channel is spread over inputs of so many axes."""
    return tuple(-1 if place == axis else 1 for place in range(dimensions))


def frozen_names(model: nn.Module) -> frozenset[str]:
    """Return the names of the parameters that ask for no gradient, each of those it goes by."""
    every = model.named_parameters(remove_duplicate=False)
    return frozenset(name for name, parameter in every if not parameter.requires_grad)


def freeze(model: nn.Module) -> nn.Module:
    """Return the model itself in eval mode, no parameter asking for a gradient."""
    return model.eval().requires_grad_(False)


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, dtypes, shapes and bytes of tensors, sorted by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        for part in tensor.known_by() if isinstance(tensor, StoredImages) else (tensor,):
            flat = part.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
            # Viewed as bytes, because numpy does not know bfloat16.
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def weights_sha256(model: nn.Module) -> str:
    """Return the SHA-256 of a model's parameters and buffers, as 64 hexadecimal digits."""
    state = model.state_dict()
    return tensors_sha256({name: t for name, t in state.items() if isinstance(t, Tensor)})


def data_sha256(parts: Mapping[str, Batch], classes: Iterable[str], features: Iterable[str]) -> str:
    """Return the SHA-256 of a data set: its tensors, its class names and its feature names."""
    tensors = dict(leaf for name, part in parts.items() for leaf in _leaves(name, part))
    names = "\0".join((*classes, "\1", *features))
    return hashlib.sha256(f"{tensors_sha256(tensors)}\0{names}".encode()).hexdigest()


def _leaves(name: str, part: Batch) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a part with their names; other values stand in the names."""
    if isinstance(part, Tensor):
        yield name, part
        return
    for leaf, value in part.named():
        is_tensor = isinstance(value, Tensor)
        said = f"{name}.{leaf}" if is_tensor else f"{name}.{leaf}={value!r}"
        yield said, value.to_dense() if is_tensor else torch.empty(0)
