"""A subject that code of one's own says whole: network, task, data, augmentation and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from pruneviz.network.inputs import Batch, Given, Inputs, as_given, some
from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.finite import refuse_not_finite
from pruneviz.subjects.models.first_pass import forward, input_dtype
from pruneviz.subjects.models.found_task import check_task, tokens
from pruneviz.subjects.models.outputs import class_count
from pruneviz.subjects.models.own_names import own_names
from pruneviz.subjects.models.tried import example_of
from pruneviz.subjects.split import (
    CALIBRATION_LIMIT,
    Training,
    make_data,
    normalise,
    spread,
    stratified,
)
from pruneviz.subjects.split import targets as targets_of
from pruneviz.subjects.subject import Data, Subject, freeze, frozen_names, weights_sha256
from pruneviz.tasks import CLASSIFICATION, TASKS, Task
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.tasks.task import Together
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import array_files, given_subjects

Part = tuple[Batch, Tensor]  # inputs and targets
CALIBRATION_FRACTION = 0.25
LEAST = 8  # inputs that can be split and judged on
SEED = 0


def subject_of(
    model: nn.Module,
    task: str | Task = "classification",
    *,
    inputs: Any = None,
    targets: Any = None,
    train_inputs: Any = None,
    train_targets: Any = None,
    example: Given | Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
    features: Sequence[str] = (),
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    augmentation: Augmentation | None = None,
) -> Subject:
    """Return a network of one's own with its task and data, as a Python factory may return it.

    `inputs` (N, …) are arrays or tensors as the model takes them, or as recorded where `mean` and
    `std` are given, one for each channel; of a model that takes several, tensors in a tuple, or by
    name in a dictionary. `targets` (N, …) are those of the task, or of its name.
    All are evaluated where there is a training part; else a quarter, 512 at most, calibrates. A
    model without data needs an `example`: a tensor (2, …), several in a tuple, or by name in a
    dictionary. RefusedError where these do not fit each other.
    """
    own = _task(task)
    frozen = frozen_names(model)
    freeze(model)
    part, train = _part("", inputs, targets), _part("train_", train_inputs, train_targets)
    if part is None and train is not None:
        raise RefusedError(given_subjects.half_a_part("inputs", "train_inputs"))
    data = None
    if part is not None:
        scale = _scale(part[0], mean, std)
        data = _data(
            model, own, part, train, scale, augmentation, (tuple(classes), tuple(features))
        )
    return Subject(
        reference="",
        title=type(model).__name__,
        sentence="",
        model=model,
        example=_example(model, data, example),
        data=data,
        weights_label="as given",
        sha256=weights_sha256(model),
        frozen=frozen,
        task=own,
    )


def _task(task: str | Task) -> Task:
    if not isinstance(task, str):
        return task
    return CLASSIFICATION if task == "classification" else TASKS.get(task).implementation()


def _part(name: str, inputs: Any, targets: Any) -> Part | None:
    """Return inputs and targets as tensors, None where neither is given."""
    if inputs is None and targets is None:
        return None
    if inputs is None or targets is None:
        there, missing = ("inputs", "targets") if targets is None else ("targets", "inputs")
        raise RefusedError(given_subjects.half_a_part(f"{name}{missing}", f"{name}{there}"))
    x, y = _batch(f"{name}inputs", inputs), torch.as_tensor(targets).detach().cpu()
    if len(x) != len(y.reshape(len(y), -1) if y.dim() else y[None]):
        raise RefusedError(given_subjects.not_a_target_each(name, len(x), tuple(y.shape)))
    if len(x) < LEAST:
        raise RefusedError(given_subjects.too_few(f"{name}inputs", len(x), LEAST))
    refuse_not_finite(x, part="training " if name else "")
    return x, y


def _batch(part: str, inputs: Any) -> Batch:
    """Return inputs as a tensor, or several by place or by name as they are given, on the CPU."""
    arrays = Tensor | np.ndarray
    several = isinstance(inputs, tuple) and all(isinstance(each, arrays) for each in inputs)
    if several or isinstance(inputs, Mapping | Inputs):
        given = tuple(map(_array, inputs)) if several else inputs
        whole = {} if several or isinstance(inputs, Inputs) else dict(inputs)
        batch = as_given({name: _array(value) for name, value in whole.items()} or given)
        assert isinstance(batch, Inputs)
        own: Inputs = tree_map_only(Tensor, lambda leaf: leaf.detach().cpu(), batch)
        return own
    x: Tensor = torch.as_tensor(inputs).detach().cpu()
    if x.dim() < 2 or x.is_complex():
        raise RefusedError(given_subjects.no_inputs(part, tuple(x.shape), str(x.dtype)))
    return x


def _array(value: Any) -> Any:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def _scale(
    x: Batch, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std for each channel, or feature; 0 and 1 where inputs are as they are."""
    if not isinstance(x, Tensor):
        if mean is not None or std is not None:
            raise RefusedError(array_files.scales_one_tensor())
        return (), ()
    channels = x.shape[1]
    if mean is None and std is None:
        return (0.0,) * channels, (1.0,) * channels
    found = tuple(map(float, mean or ())), tuple(map(float, std or ()))
    if any(len(each) != channels for each in found) or not all(each > 0 for each in found[1]):
        raise RefusedError(given_subjects.no_scale(found[0], found[1], channels))
    return found


def _data(
    model: nn.Module,
    task: Task,
    part: Part,
    train: Part | None,
    scale: tuple[tuple[float, ...], tuple[float, ...]],
    augmentation: Augmentation | None,
    names: tuple[tuple[str, ...], tuple[str, ...]],
) -> Data:
    """Return the data divided, normalised, fingerprinted, and proved to be of the task."""
    whole, given = _divided(task, part, train)
    mean, std = scale
    x = some(part[0], slice(2))
    fits = normalise(x, mean, std) if isinstance(x, Tensor) and not tokens(x) else x
    output = forward(model, example_of(model, fits))
    check_task(task, output, targets_of(part[1]))
    if train is not None:
        check_task(task, output, targets_of(train[1]))
        if isinstance(train[0], Inputs):
            forward(model, example_of(model, train[0]))
    made = replace(augmentation, known=True) if augmentation else Augmentation()
    data = make_data(
        "",
        *whole,
        classes=_classes(model, task, output, names[0]),
        features=names[1],
        mean=mean,
        std=std,
        note=given,
        train=Training(
            x=train[0] if train else None, y=train[1] if train else None, augmentation=made
        ),
    )
    return _as_tokens(data) if tokens(x) else data.to(input_dtype(model))


def _divided(task: Task, part: Part, train: Part | None) -> tuple[tuple[Part, Part], str]:
    """Return what is evaluated and what calibrates, and how they were divided, in a sentence."""
    x, y = part
    if train is not None:
        chosen = spread(len(train[1]))
        note = (
            f"Evaluated on {len(x):,} inputs, calibrated on {len(chosen):,} of the "
            f"{len(train[0]):,} training inputs, as the code gave them."
        )
        return (part, (some(train[0], chosen), train[1][chosen])), note
    calibration, evaluation = _parted(task, targets_of(y))
    note = (
        f"Evaluated on {len(evaluation):,} inputs, calibrated on {len(calibration):,} others, as "
        f"the code gave them; split with seed {SEED}."
    )
    evaluated, calibrating = ((some(x, each), y[each]) for each in (evaluation, calibration))
    return (evaluated, calibrating), note


def _parted(task: Task, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the numbers of inputs that calibrate and of those that evaluate.

    What a task judges together is in one part.
    """
    fraction = min(CALIBRATION_FRACTION, CALIBRATION_LIMIT / len(target))
    if isinstance(task, Together):
        _, of = task.together(target).unique(return_inverse=True)
        labels = torch.zeros(int(of.max()) + 1, dtype=torch.long)
        parts = stratified(labels.numpy(), fraction, SEED)
        first, rest = (torch.isin(of, torch.from_numpy(part)).nonzero()[:, 0] for part in parts)
        return first, rest
    strata = task.strata(target)
    labels = torch.zeros(len(target), dtype=torch.long) if strata is None else strata
    first, rest = map(torch.from_numpy, stratified(labels.numpy(), fraction, SEED))
    return first, rest


def _classes(
    model: nn.Module, task: Task, output: Any, classes: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the names of the outputs: those given, the model's own, or their numbers."""
    several = isinstance(task, MultiLabel)
    if not (task.labelled or several):
        return classes
    count = int(task.scores(output).shape[1]) if several else class_count(output, 2)
    if classes and len(classes) != count:
        raise RefusedError(given_subjects.other_classes(len(classes), count))
    own = own_names(model)
    numbers = () if several else tuple(map(str, range(count)))
    return classes or (own if len(own) == count else numbers)


def _as_tokens(data: Data) -> Data:
    """Return data whose inputs are tokens again, which were divided as numbers."""
    parts = ("x", "calibration_x", "train_x")
    whole = {part: getattr(data, part).long() for part in parts}
    return replace(data, mean=(), std=(), **whole)


def _example(
    model: nn.Module, data: Data | None, example: Given | Mapping[str, Any] | None
) -> Given:
    """Return an example of the inputs: the one given, or two of the data."""
    if example is None and data is None:
        raise RefusedError(given_subjects.no_example())
    if example is None:
        assert data is not None
        return example_of(model, data.x)
    found = as_given(example)
    forward(model, found)
    return found
