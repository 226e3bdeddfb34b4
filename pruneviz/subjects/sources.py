"""Data given by the user: read it, name its classes, split it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.subjects.arrays import read_npz
from pruneviz.subjects.expectation import Expectation
from pruneviz.subjects.images import read_folder, read_zip
from pruneviz.subjects.raw import RawData
from pruneviz.subjects.references import Reference, parse_upload
from pruneviz.subjects.split import CALIBRATION_LIMIT, make_data, spread, stratified
from pruneviz.subjects.subject import Data
from pruneviz.subjects.tables import read_csv
from pruneviz.subjects.uploads import upload_path
from pruneviz.subjects.weights import some

CALIBRATION_FRACTION = 0.25
MINIMUM_ROWS = 8
SPLIT_SEED = 0


def read_source(reference: Reference, expects: Expectation, home: Path) -> RawData:
    """Return the inputs and labels that a data reference names, other than a sample's."""
    kind, path = reference.kind, Path(reference.name)
    if kind == "upload":
        path = upload_path(reference.name, home)
        kind = parse_upload(reference.name)[1]
    readers: dict[str, Callable[[], RawData]] = {
        "npz": lambda: read_npz(path),
        "folder": lambda: read_folder(path, expects),
        "zip": lambda: read_zip(path, expects),
        "csv": lambda: read_csv(path, reference.target, expects),
    }
    if kind not in readers:
        raise ValueError(
            f"'upload:{reference.name}' is a weights file, not data; choose an npz, csv or zip"
        )
    if not path.exists():
        raise ValueError(f"there is no '{path}' to read data from; correct the path")
    return readers[kind]()


def finish_data(reference: str, raw: RawData, expects: Expectation, outputs: int) -> Data:
    """Return the Data: classes matched with the model's outputs, inputs normalised and split.

    A quarter, at most 512 inputs, calibrates; the rest evaluates. The split is seeded and by class.
    With a training part, all inputs evaluate, and up to 512 of the training part calibrate.
    """
    known = expects.classes if len(expects.classes) == outputs else ()
    labels, classes = _labels(raw, known, outputs)
    _check(raw, labels, outputs)
    mean, std, how = _normalisation(raw, expects)
    evaluation, calibration, division = _parts(raw, labels)
    return make_data(
        reference,
        evaluation,
        calibration,
        classes=classes,
        features=raw.features,
        mean=mean,
        std=std,
        note=f"{division}; {how}. {raw.note}".strip(),
        train=raw.train,
    )


Part = tuple[Tensor, Tensor]


def _parts(raw: RawData, labels: NDArray[np.int64]) -> tuple[Part, Part, str]:
    """Return the parts to evaluate and to calibrate on, raw, and how they were divided."""
    y = torch.from_numpy(labels)
    if raw.train.x is not None and raw.train.y is not None:
        chosen = spread(len(raw.train.y))
        division = (
            f"Evaluated on {len(labels):,} inputs, calibrated on {len(chosen):,} of the "
            f"{len(raw.train.y):,} training inputs"
        )
        return (raw.x, y), (raw.train.x[chosen], raw.train.y[chosen]), division
    fraction = min(CALIBRATION_FRACTION, CALIBRATION_LIMIT / len(labels))
    calibration, evaluation = stratified(labels, fraction, SPLIT_SEED)
    if not len(calibration):
        raise ValueError("every class has one input alone; give two or more for each class")
    division = (
        f"Evaluated on {len(evaluation):,} inputs, calibrated on {len(calibration):,} others; "
        f"split by class with seed {SPLIT_SEED}"
    )
    held_out, calibrating = (raw.x[evaluation], y[evaluation]), (raw.x[calibration], y[calibration])
    return held_out, calibrating, division


def _labels(
    raw: RawData, known: tuple[str, ...], outputs: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the output index of every input, and a name for every output of the model.

    `known` are the names that the model itself has for its outputs, or ().
    """
    if not raw.named:
        return raw.labels, _padded(raw.classes or known, outputs)
    if known and set(raw.classes) <= set(known):
        # The model's own names decide which output a class is.
        positions = np.array([known.index(name) for name in raw.classes])
        return positions[raw.labels], _padded(known, outputs)
    if known and len(raw.classes) < outputs:
        unknown = [name for name in raw.classes if name not in known]
        raise ValueError(
            f"the data has {len(raw.classes)} classes and the model {outputs:,} outputs, and the "
            f"model knows no class named {some(unknown)}; name the classes as the model does, "
            f"such as {', '.join(known[:2])}"
        )
    return raw.labels, _padded(raw.classes, outputs)


def _padded(names: tuple[str, ...], outputs: int) -> tuple[str, ...]:
    """Return one name for each output; those without a name are numbered."""
    return names + tuple(str(i) for i in range(len(names), outputs))


def _check(raw: RawData, labels: NDArray[np.int64], outputs: int) -> None:
    """Raise ValueError unless inputs and labels can be evaluated."""
    if len(labels) < MINIMUM_ROWS:
        raise ValueError(
            f"the data has {len(labels)} inputs; give {MINIMUM_ROWS} or more to split and judge on"
        )
    _refuse_nan(raw.x, "")
    present = np.unique(labels)
    if len(present) < 2:
        raise ValueError("the data has one class alone; give inputs of two classes or more")
    _check_range(present, outputs, "")
    if raw.train.x is not None and raw.train.y is not None:
        _refuse_nan(raw.train.x, "training ")
        _check_range(np.unique(raw.train.y.numpy()), outputs, "training ")


def _refuse_nan(x: Tensor, part: str) -> None:
    bad = int((~torch.isfinite(x)).flatten(1).any(1).sum())
    if bad:
        raise ValueError(f"{bad:,} {part}inputs hold NaN or infinite values; remove or fill them")


def _check_range(present: NDArray[np.int64], outputs: int, part: str) -> None:
    """Raise ValueError unless every label, ascending, is an output of the model."""
    if present[0] < 0 or present[-1] >= outputs:
        wrong = [str(label) for label in present if not 0 <= label < outputs]
        raise ValueError(
            f"the {part}data has labels that are no output of the model: {some(wrong)}; it has "
            f"{outputs} outputs, so labels run from 0 to {outputs - 1}"
        )


def _normalisation(
    raw: RawData, expects: Expectation
) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    """Return mean and std for each channel or feature, and where they come from in a few words."""
    channels = int(raw.x.shape[1])
    if raw.mean is not None and raw.std is not None:
        return raw.mean, raw.std, "normalised by the file's mean and std"
    fits = expects.mean is not None and len(expects.mean) == channels
    if raw.recorded and fits and expects.mean is not None and expects.std is not None:
        return expects.mean, expects.std, "normalised as the model's own data is"
    return (0.0,) * channels, (1.0,) * channels, "taken as they are, not normalised"
