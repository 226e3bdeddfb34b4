"""Cached work of the pages that judge and ship: answers, times, the files to take."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from torch import Tensor, nn

from pruneviz import evaluate, run, store, tasks
from pruneviz.compare.recalls import recall_by_class, recall_by_size
from pruneviz.evaluate import predict
from pruneviz.export import WEIGHTS_FILE
from pruneviz.measure.by_group import by_group
from pruneviz.measure.by_label import by_label, label_names
from pruneviz.measure.quality import label_logits, quality
from pruneviz.metrics import Metric, Tally
from pruneviz.network.inputs import only_tensor
from pruneviz.plan import Plan
from pruneviz.report import LatencyPair, MetricPair, Report
from pruneviz.subjects import Data
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.tasks import Task
from pruneviz.tasks.task import usual_metric
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import browsing

Which = Literal["original", "pruned"]


@dataclass(frozen=True)
class Answers:
    """Both networks' logits, (N, classes), on all held-out inputs of `data`, and their task.

    `tokenizer` is the network's own, where it has one.
    """

    data: Data
    original: Tensor
    pruned: Tensor
    task: Task
    tokenizer: Tokenizer | None = None


@dataclass(frozen=True)
class Files:
    """A run's files by name, the same as one zip, what the user must know, and the report."""

    parts: Mapping[str, bytes]
    archive: bytes
    notes: tuple[str, ...]
    report: Report


@dataclass(frozen=True)
class Home:
    """A folder that transformers opens by itself, as one zip; or why there is none."""

    archive: bytes
    why: Fact | None = None


@dataclass(frozen=True)
class Judged:
    """What a task keeps of both networks' outputs on all held-out inputs, and its metrics.

    `tokenizer` is a language model's own, where it has one.
    """

    data: Data
    original: tasks.Answers
    pruned: tasks.Answers
    task: Task
    quality: tuple[MetricPair, ...]
    tokenizer: Tokenizer | None = None


def judged(plan: Plan) -> Judged | None:
    """Return both networks' answers of any task, with its metrics; None without data."""
    subject, before = cache.subject(plan), cache.prepared(plan).baseline.answers
    if subject.data is None or before is None:
        return None
    after, quality = _pruned_answers(plan), _quality(plan)
    return Judged(subject.data, before, after, subject.task, quality, subject.tokenizer)


def answers(plan: Plan) -> Answers | None:
    """Return both networks' logits of all held-out inputs; None without data or labels."""
    subject, logits = cache.subject(plan), cache.prepared(plan).baseline.answers
    if subject.data is None or logits is None or not subject.task.labelled:
        return None
    before, after = label_logits(logits), _logits(plan)
    return Answers(subject.data, before, after, subject.task, subject.tokenizer)


@cached(cache.plan_key, most=16, spinner="Judging each group …")
def groups(plan: Plan) -> tuple[Metric, pd.DataFrame] | None:
    """Return what each group of inputs loses, and by which metric; None without groups."""
    found = judged(plan)
    if found is None or not found.data.groups:
        return None
    metric, y = cache.subject(plan).metrics[0], found.data.y
    before, after = (found.task.tally(each, y) for each in (found.original, found.pruned))
    return metric, by_group(metric, before, after, found.data.groups)


@cached(cache.plan_key, most=32, spinner="Judging each label …")
def labels(plan: Plan, name: str) -> tuple[Metric, pd.DataFrame] | None:
    """Return what each label loses by a metric, what loses most first; None without data."""
    found, subject = judged(plan), cache.subject(plan)
    if found is None:
        return None
    own = {metric.name: metric for metric in subject.metrics}
    metric, y = own.get(name) or usual_metric(subject.task, name), found.data.y
    before, after = (found.task.tally(each, y) for each in (found.original, found.pruned))
    table = by_label(metric, before, after, label_names(found.data.classes, y.shape[1]))
    if table.empty:
        return metric, table
    return metric, table.iloc[table["change"].map(metric.gain).argsort(kind="stable")]


@cached(cache.plan_key, most=8, spinner="Counting boxes …")
def recall_of_classes(plan: Plan) -> pd.DataFrame:
    """Return how many boxes of each class both networks find, what loses most first."""
    return recall_by_class(*_tallies(plan), _judged_data(plan).classes)


@cached(cache.plan_key, most=32)
def recall_of_sizes(plan: Plan, label: int) -> pd.DataFrame:
    """Return how many boxes of each size of a class both networks find."""
    return recall_by_size(*_tallies(plan), label)


def files(plan: Plan, timed: Callable[[Plan], LatencyPair]) -> Files:
    """Return the files of the plan's run, made here unless a job has made them.

    Made here, their report has the times that `timed` returns; a job timed on its own. Before a
    recovery is carried out, they are of the plan without.
    """
    if cache.is_carried_out(plan):
        return _files(plan, None)
    return _files(plan, timed(plan))


@cached(cache.plan_key, most=2, spinner="Writing the folder, and opening it again …")
def home(plan: Plan) -> Home:
    """Return the plan's pruned network as a folder that transformers opens by itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pruned"
        try:
            store.write_home(folder, cache.prepared(plan), cache.pruned(plan))
        except RefusedError as error:
            return Home(b"", error.fact)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{folder.name}/{file.name}")
    return Home(packed.getvalue())


def network(plan: Plan, which: Which) -> nn.Module:
    """Return the original or the pruned network; it is shared, so read it only."""
    return cache.subject(plan).model if which == "original" else cache.pruned(plan).model


def one_input(plan: Plan, index: int) -> Tensor:
    """Return held-out input `index` as a batch of one; ValueError unless it is one tensor."""
    data = cache.subject(plan).data
    if data is None:
        raise RefusedError(browsing.no_input_without_data())
    return only_tensor(data.x)[index : index + 1]


@cached(cache.plan_key, most=8, spinner="Asking the pruned network …")
def _pruned_answers(plan: Plan) -> tasks.Answers:
    subject = cache.subject(plan)
    assert subject.data is not None  # `judged` looked
    data = subject.data
    return evaluate.answers(cache.pruned(plan).model, data.x, data.y, subject.task)


@cached(cache.plan_key, most=32)
def _quality(plan: Plan) -> tuple[MetricPair, ...]:
    subject, before = cache.subject(plan), cache.prepared(plan).baseline.answers
    assert subject.data is not None  # `judged` looked
    assert before is not None
    after = _pruned_answers(plan)
    return quality(subject.task, subject.metrics, before, after, subject.data.y)


def _tallies(plan: Plan) -> tuple[Tally, Tally]:
    """Return what is counted of both networks' answers."""
    found = judged(plan)
    assert found is not None  # whoever asks looked
    before, after = (
        found.task.tally(each, found.data.y) for each in (found.original, found.pruned)
    )
    return before, after


def _judged_data(plan: Plan) -> Data:
    data = cache.subject(plan).data
    assert data is not None  # whoever asks looked
    return data


@cached(cache.plan_key, most=32, spinner="Asking the pruned network …")
def _logits(plan: Plan) -> Tensor:
    data = cache.subject(plan).data
    assert data is not None  # `answers` looked
    return predict(cache.pruned(plan).model, data.x)


@cached(cache.plan_key, most=2, spinner="Measuring and writing the files …")
def _files(plan: Plan, pair: LatencyPair | None) -> Files:
    with tempfile.TemporaryDirectory() as name:
        folder, notes = Path(name) / "run", []
        if pair is None:
            folder = cache.run_folder(plan).path
        else:
            ready, result = cache.prepared(plan), cache.pruned(plan)
            notes = store.write_run(folder, ready, result, run.report(ready, result, pair))
        report = store.read_report(folder)
        parts = {name: _content(folder / name) for name in store.FILES if (folder / name).exists()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # weights look like noise: compressing them takes seconds and saves a few per cent
            dense = name == WEIGHTS_FILE
            archive.writestr(name, content, zipfile.ZIP_STORED if dense else zipfile.ZIP_DEFLATED)
    return Files(parts, packed.getvalue(), (*report.notes, *notes), report)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefusedError(
            browsing.file_unreadable(str(path), error.strerror or str(error))
        ) from error
