"""Data given by the user: read it, name its classes, split it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.network.inputs import Batch, some
from pruneviz.subjects.archives.zips import read_zip
from pruneviz.subjects.files.arrays import read_npz
from pruneviz.subjects.files.coco import read_coco
from pruneviz.subjects.files.images import read_folder
from pruneviz.subjects.files.masks import in_outputs, read_masks, shown_classes
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.tables import read_csv
from pruneviz.subjects.finite import refuse_no_numbers, refuse_overflow
from pruneviz.subjects.labelling import Classes, Labelling, counts_of
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.references import Reference, kind_of
from pruneviz.subjects.split import CALIBRATION_LIMIT, make_data, spread, stratified
from pruneviz.subjects.subject import Data, Groups
from pruneviz.subjects.tables.grouped import of_rows
from pruneviz.subjects.tables.parquet import read_parquet
from pruneviz.subjects.texts.labelled import read_texts
from pruneviz.subjects.uploads import upload_path
from pruneviz.tasks import Task
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.tasks.regression import Regression
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals.subjects import finding

CALIBRATION_FRACTION = 0.25
MINIMUM_ROWS = 8
SPLIT_SEED = 0


def read_source(reference: Reference, expects: Expectation, home: Path) -> RawData:
    """Return the inputs and labels that a data reference names, other than a sample's.

    RefusedError where inputs hold what is no number: no model is tried on them.
    """
    kind, path = kind_of(reference), Path(reference.name)
    if reference.kind == "upload":
        path = upload_path(reference.name, home)
    readers: dict[str, Callable[[], RawData]] = {
        "npz": lambda: read_npz(path, expects),
        "folder": lambda: read_folder(path, expects, home, reference.images),
        "zip": lambda: read_zip(path, expects, home),
        "coco": lambda: read_coco(path, expects),
        "masks": lambda: read_masks(path, expects),
        "csv": lambda: read_csv(path, reference.columns, expects),
        "parquet": lambda: read_parquet(path, reference.columns, expects),
        "texts": lambda: read_texts(path, reference.columns, expects),
    }
    if kind not in readers:
        raise RefusedError(finding.weights_are_no_data(f"upload:{reference.name}"))
    if not path.exists():
        raise RefusedError(finding.no_path(str(path)))
    raw = readers[kind]()
    refuse_no_numbers(raw)
    return raw


def finish_data(
    reference: str,
    raw: RawData,
    expects: Expectation,
    outputs: int,
    given: Mapping[str, int] | None = None,
) -> Data:
    """Return the Data: classes matched with the model's outputs, inputs normalised and split.

    `given` is what the plan says of the classes. A quarter, at most 512 inputs, calibrates; the
    rest evaluates. The split is seeded and by class. With a training part, all inputs evaluate,
    and up to 512 of the training part calibrate.
    """
    known = expects.classes if len(expects.classes) == outputs else ()
    _check(raw)
    raw, labelling, classes = _labelled(raw, known, outputs, given or {})
    _refuse_one_class(raw)
    mean, std, how = _normalisation(raw, expects)
    evaluation, calibration, division, names, groups = _parts(raw, raw.labels)
    data = make_data(
        reference,
        evaluation,
        calibration,
        classes=classes,
        features=raw.features,
        mean=mean,
        std=std,
        note=f"{division}; {how}. {raw.note}".strip(),
        train=raw.train,
        labelling=labelling,
        names=names,
        axis=raw.axis,
        groups=groups,
        overwrite=raw.train.x is None,  # both are copies then
    )
    refuse_overflow(data)
    return data


def finish_places(
    reference: str,
    raw: RawData,
    expects: Expectation,
    outputs: int,
    given: Mapping[str, int],
    task: Task,
) -> Data:
    """Return the Data of classes of pixels or words, matched with outputs as labels are.

    What the plan names in `given` and the data do not is the name of its output.
    """
    assert raw.targets is not None
    known = expects.classes if len(expects.classes) == outputs else ()
    named = {output: name for name, output in given.items() if not name.isdecimal()}
    own = tuple(named.get(output, str(output)) for output in range(outputs)) if named else ()
    y = raw.train.y
    training = None if y is None else torch.from_numpy(shown_classes(y))
    shown = replace(
        raw,
        labels=shown_classes(raw.targets),
        classes=raw.classes or own,
        train=replace(raw.train, y=training),
    )
    _, labelling, classes = _labelled(shown, known, outputs, given)
    number = raw.classes.index if raw.named else int
    output = {number(name): place for name, place in labelling.outputs.items()}
    whole = replace(
        raw,
        targets=in_outputs(raw.targets, output),
        classes=classes,
        train=replace(raw.train, y=None if y is None else in_outputs(y, output)),
    )
    return finish_targets(reference, whole, expects, task, labelling)


def finish_targets(
    reference: str,
    raw: RawData,
    expects: Expectation,
    task: Task,
    labelling: Labelling | None = None,
) -> Data:
    """Return the Data of targets that are numbers: inputs normalised and split as for labels.

    The split keeps tenths of the targets in proportion, of boxes nothing.
    """
    if len(raw.labels) < MINIMUM_ROWS:
        raise RefusedError(finding.too_few_inputs(len(raw.labels), MINIMUM_ROWS))
    if isinstance(task, Regression) and raw.targets is not None:
        y = None if raw.train.y is None else raw.train.y.float()
        raw = replace(raw, targets=raw.targets.float(), train=replace(raw.train, y=y))
    mean, std, how = _normalisation(raw, expects)
    evaluation, calibration, division, names, groups = _parts(raw, raw.labels)
    data = make_data(
        reference,
        evaluation,
        calibration,
        classes=raw.classes or _names(raw, expects, task),
        features=raw.features,
        mean=mean,
        std=std,
        note=f"{division}; {how}. {raw.note}".strip(),
        train=raw.train,
        labelling=labelling,
        names=names,
        axis=raw.axis,
        groups=groups,
        overwrite=raw.train.x is None,  # both are copies then
    )
    refuse_overflow(data)
    return data


def _names(raw: RawData, expects: Expectation, task: Task) -> tuple[str, ...]:
    """Return the model's own names of the labels, () where it has not one for each."""
    labels = 0 if raw.targets is None else raw.targets[:1].numel()
    named = isinstance(task, MultiLabel) and len(expects.classes) == labels
    return expects.classes if named else ()


Part = tuple[Batch, Tensor]


def _parts(
    raw: RawData, labels: NDArray[np.int64]
) -> tuple[Part, Part, str, tuple[str, ...], Groups]:
    """Return the parts to evaluate and to calibrate on, raw, how they were divided.

    And the names and groups of the first.
    """
    y = torch.from_numpy(labels) if raw.targets is None else raw.targets
    by = " by class" if raw.targets is None else " by target" if labels.any() else ""
    if raw.train.x is not None and raw.train.y is not None:
        chosen = spread(len(raw.train.y))
        division = (
            f"Evaluated on {len(labels):,} inputs, calibrated on {len(chosen):,} of the "
            f"{len(raw.train.y):,} training inputs"
        )
        calibrating = some(raw.train.x, chosen), raw.train.y[chosen]
        return (raw.x, y), calibrating, division, raw.names, raw.groups
    fraction = min(CALIBRATION_FRACTION, CALIBRATION_LIMIT / len(labels))
    calibration, evaluation = stratified(labels, fraction, SPLIT_SEED)
    if not len(calibration):
        raise RefusedError(finding.one_input_a_class())
    division = (
        f"Evaluated on {len(evaluation):,} inputs, calibrated on {len(calibration):,} others; "
        f"split{by} with seed {SPLIT_SEED}"
    )
    held_out, calibrating = (
        (some(raw.x, torch.from_numpy(part)), y[part]) for part in (evaluation, calibration)
    )
    names = tuple(raw.names[i] for i in evaluation) if raw.names else ()
    return held_out, calibrating, division, names, of_rows(raw.groups, evaluation)


def _labelled(
    raw: RawData, known: tuple[str, ...], outputs: int, given: Mapping[str, int]
) -> tuple[RawData, Labelling, tuple[str, ...]]:
    """Return the data with an output index for each input, how it is known, and output names.

    `known` are the names that the model itself has for its outputs, or ().
    """
    training = [] if raw.train.y is None else [raw.train.y.numpy()]
    names = raw.classes if raw.named else ()
    counts, label = counts_of(names, raw.labels, *training)
    single = len(set(raw.classes)) == len(raw.classes)
    aliases = {
        name: raw.classes[value]
        for name, value in label.items()
        if not raw.named and single and 0 <= value < len(raw.classes)
    }
    classes = Classes(
        counts=counts,
        outputs=outputs,
        known=known,
        aliases=aliases,
        numbered=not raw.named,
        columns=raw.columns,
    )
    labelling = classes.matched(given)
    output = {label[name]: index for name, index in labelling.outputs.items()}
    y = None if raw.train.y is None else torch.from_numpy(_looked_up(raw.train.y.numpy(), output))
    mapped = replace(raw, labels=_looked_up(raw.labels, output), train=replace(raw.train, y=y))
    file_names = () if raw.named else raw.classes
    if len(file_names) not in (0, outputs) and labelling.basis == "numbers":
        note = opened.labels_as_numbers(len(file_names), outputs)
        labelling = replace(labelling, notes=(*labelling.notes, note))
    return mapped, labelling, classes.named(labelling.outputs, file_names)


def _looked_up(labels: NDArray[np.int64], output: Mapping[int, int]) -> NDArray[np.int64]:
    """Return the output index of each label, (N,)."""
    values, places = np.unique(labels, return_inverse=True)
    return np.array([output[value] for value in values.tolist()], dtype=np.int64)[places]


def _check(raw: RawData) -> None:
    """Raise ValueError unless inputs and labels can be evaluated."""
    if len(raw.labels) < MINIMUM_ROWS:
        raise RefusedError(finding.too_few_inputs(len(raw.labels), MINIMUM_ROWS))
    _refuse_one_class(raw)


def _refuse_one_class(raw: RawData) -> None:
    if len(np.unique(raw.labels)) < 2:
        raise RefusedError(finding.one_class())


def _normalisation(
    raw: RawData, expects: Expectation
) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    """Return mean and std for each channel or feature, and where they come from in a few words."""
    if not isinstance(raw.x, Tensor) or not raw.x.is_floating_point():
        return (), (), "not normalised"
    channels = int(raw.x.shape[raw.axis])
    if raw.mean is not None and raw.std is not None:
        return raw.mean, raw.std, f"normalised by the {raw.normalised_by}'s mean and std"
    fits = expects.mean is not None and len(expects.mean) == channels
    if raw.recorded and fits and expects.mean is not None and expects.std is not None:
        return expects.mean, expects.std, "normalised as the model's own data is"
    how = "not normalised"
    if fits:
        how += ", as mean and std of the model's own data are for images from 0 to 1"
    return (0.0,) * channels, (1.0,) * channels, how
