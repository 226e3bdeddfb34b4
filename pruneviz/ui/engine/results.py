"""Cached work of the pages that judge and ship: answers, times, explanations, the files to take."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st
from torch import Tensor, nn

from pruneviz import run, store
from pruneviz.evaluate import predict
from pruneviz.explain import Attribution, Detectors, attribute, detectors
from pruneviz.export import WEIGHTS_FILE
from pruneviz.plan import Plan
from pruneviz.registry import Value
from pruneviz.report import LatencyPair, Report
from pruneviz.subjects import Data
from pruneviz.ui.engine import cache

Which = Literal["original", "pruned"]


@dataclass(frozen=True)
class Answers:
    """Both networks' logits, (N, classes), on all held-out inputs of `data`."""

    data: Data
    original: Tensor
    pruned: Tensor


@dataclass(frozen=True)
class Files:
    """A run's files by name, the same as one zip, what the user must know, and the report."""

    parts: Mapping[str, bytes]
    archive: bytes
    notes: tuple[str, ...]
    report: Report


def answers(plan: Plan) -> Answers | None:
    """Return both networks' answers to all held-out inputs; None without data."""
    data, logits = cache.subject(plan).data, cache.prepared(plan).baseline.logits
    if data is None or logits is None:
        return None
    return Answers(data, logits, _logits(cache.plan_key(plan), plan))


def explanation(
    plan: Plan, which: Which, index: int, target: int, method: str, settings: Mapping[str, Value]
) -> Attribution:
    """Return why one of the networks gives `target` its logit on held-out input `index`."""
    key = json.dumps([_key(plan, which), index, target, method, dict(settings)])
    kept = _explanations(key)
    if not kept:
        kept.append(_explained(plan, which, index, target, method, settings))
    return kept[0]


def channels(plan: Plan, which: Which, index: int, layer: str, target: int) -> Detectors:
    """Return what a layer's channels show in one of the networks on held-out input `index`."""
    key = json.dumps([_key(plan, which), index, layer, target])
    return _channels(key, plan, which, index, layer, target)


def files(plan: Plan, timed: Callable[[Plan], LatencyPair]) -> Files:
    """Return the files of the plan's run, made here unless a job has made them.

    Made here, their report has the times that `timed` returns; a job timed on its own. Before a
    recovery is carried out, they are of the plan without.
    """
    if cache.is_carried_out(plan):
        return _files(f"{cache.plan_key(plan)}:kept", plan, None)
    pair = timed(plan)
    return _files(f"{cache.plan_key(plan)}:{pair.model_dump_json()}", plan, pair)


def network(plan: Plan, which: Which) -> nn.Module:
    """Return the original or the pruned network; it is shared, so read it only."""
    return cache.subject(plan).model if which == "original" else cache.pruned(plan).model


def one_input(plan: Plan, index: int) -> Tensor:
    """Return held-out input `index` as a batch of one; ValueError without data."""
    data = cache.subject(plan).data
    if data is None:
        raise ValueError("there is no data to take an input from: choose some on Home")
    return data.x[index : index + 1]


def _key(plan: Plan, which: Which) -> str:
    return f"{which}:{cache.subject_key(plan) if which == 'original' else cache.plan_key(plan)}"


@st.cache_resource(max_entries=32, show_spinner="Asking the pruned network …")
def _logits(digest: str, _plan: Plan) -> Tensor:
    data = cache.subject(_plan).data
    assert data is not None  # `answers` looked
    return predict(cache.pruned(_plan).model, data.x)


@st.cache_resource(max_entries=256, show_spinner=False)
def _explanations(digest: str) -> list[Attribution]:
    """Return where an explanation is kept: what is empty is not explained yet."""
    return []


def _explained(
    plan: Plan, which: Which, index: int, target: int, method: str, settings: Mapping[str, Value]
) -> Attribution:
    """Explain while a line says what is computed; whoever goes elsewhere ends it between steps."""
    place, data = st.empty(), cache.subject(plan).data

    def say(steps: int) -> None:
        place.caption(f"The check fails with fewer: {steps:,} steps on the {which} network …")

    with st.spinner("Explaining …"):
        found = attribute(
            network(plan, which),
            one_input(plan, index),
            target,
            method,
            settings,
            data.average if data is not None else None,
            data.axis if data is not None else 1,
            progress=say,
        )
    place.empty()
    return found


@st.cache_resource(max_entries=64, show_spinner="Looking at the channels …")
def _channels(
    digest: str, _plan: Plan, _which: Which, _index: int, _layer: str, _target: int
) -> Detectors:
    return detectors(network(_plan, _which), one_input(_plan, _index), _layer, _target)


@st.cache_resource(max_entries=2, show_spinner="Measuring and writing the files …")
def _files(digest: str, _plan: Plan, _pair: LatencyPair | None) -> Files:
    with tempfile.TemporaryDirectory() as name:
        folder, notes = Path(name) / "run", []
        if _pair is None:
            folder = cache.run_folder(_plan).path
        else:
            ready, result = cache.prepared(_plan), cache.pruned(_plan)
            notes = store.write_run(folder, ready, result, run.report(ready, result, _pair))
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
        raise ValueError(f"'{path}' cannot be read: {error.strerror or error}") from error
