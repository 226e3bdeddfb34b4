"""Data of the user's own as the model takes them: read, of a task, matched with its outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pruneviz.plan import Plan
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.read_as import expecting, read_as
from pruneviz.subjects.models.expectation import Expectation, Source
from pruneviz.subjects.models.found_task import (
    check_task,
    chosen_task,
    classes_of_maps,
    classes_of_tokens,
    found_task,
    refuse_other_than_maps,
    refuse_other_than_texts,
)
from pruneviz.subjects.models.outputs import one_number
from pruneviz.subjects.models.tried import forward_of, outputs_of
from pruneviz.subjects.references import Reference, kind_of, parse_data
from pruneviz.subjects.sources import (
    finish_data,
    finish_places,
    finish_targets,
    read_source,
)
from pruneviz.subjects.subject import Data
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.tasks.token_classification import TokenClassification
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import text_files


def fitted(
    plan: Plan, source: Source, reference: str, expects: Expectation, home: Path
) -> tuple[RawData, Data]:
    """Return the data that a reference names as they were read, and the Data made of them.

    RefusedError where the model does not take them, or they are of another task.
    """
    parsed, own = parse_data(reference), chosen_task(plan, source.task)
    if parsed.kind == "masks":
        refuse_other_than_maps(own, source.title)
    if kind_of(parsed) == "texts":
        refuse_other_than_texts(own, source.title, source.tokenizer)
        if plan.reading is not None:
            raise RefusedError(text_files.no_reading())
    tagged = isinstance(own, TokenClassification)
    expects = replace(expects, numbers=None if own is None else not own.labelled, tagged=tagged)
    raw = _read(plan, source, parsed, expects, home)
    if raw.targets is None:
        outputs = outputs_of(source.model, raw.x, plan)
        return raw, finish_data(reference, raw, expects, outputs, plan.classes)
    if raw.by_place:
        return raw, _of_places(plan, source, reference, expects, raw)
    numbers = raw.targets if raw.targets.dim() == 3 else raw.targets.float()
    task = own or found_task(numbers)
    data = finish_targets(reference, raw, expects, task)
    output = forward_of(source.model, data.x, plan)
    for targets in (data.y, data.calibration_y, data.train_y):
        check_task(task, output, targets)
    return raw, data


def _of_places(
    plan: Plan, source: Source, reference: str, expects: Expectation, raw: RawData
) -> Data:
    """Return the Data of classes of pixels, or of words where these are what is asked for."""
    assert raw.targets is not None
    words = raw.targets.dim() == 2
    if not words:
        refuse_other_than_maps(chosen_task(plan, source.task), source.title)
    output = forward_of(source.model, raw.x, plan)
    outputs = (classes_of_tokens if words else classes_of_maps)(output, raw.targets)
    task = TokenClassification() if words else Segmentation()
    return finish_places(reference, raw, expects, outputs, plan.classes, task)


def _read(
    plan: Plan, source: Source, parsed: Reference, expects: Expectation, home: Path
) -> RawData:
    """Return the raw data; targets of many whole numbers are foretold by a model of one output."""

    def read(expected: Expectation) -> RawData:
        raw = read_source(parsed, expecting(expected, plan.reading), home)
        return read_as(raw, plan.reading, kind_of(parsed))

    raw = read(expects)
    if expects.numbers is not None or raw.targets is not None or raw.named:
        return raw
    if len(np.unique(raw.labels)) <= 2 or not one_number(forward_of(source.model, raw.x, plan)):
        return raw
    return read(replace(expects, numbers=True))
