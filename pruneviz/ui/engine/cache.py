"""Cached calls of the engine, keyed on digests; models are never hashed or copied.

Every function raises ValueError with one clear sentence when the plan asks for something that
cannot be; the frame shows it. What is returned is shared by all sessions: read it, never change it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import cast

import streamlit as st
import torch
from streamlit.runtime.scriptrunner import get_script_run_ctx
from torch import Tensor, nn

from pruneviz import run, store
from pruneviz.analyses.finished_recovery import load_recovered
from pruneviz.history.folder import RunFolder, run_digest, runs_directory
from pruneviz.home import default_home
from pruneviz.plan import Part, Plan
from pruneviz.report import LatencyPair, LayerReport
from pruneviz.subjects import Subject, load_subject
from pruneviz.ui import settings
from pruneviz.ui.engine.background import Background, Stop
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.gate import check_allowed
from pruneviz.ui.engine.keys import Key, asked_key, prepared_key, subject_key
from pruneviz.ui.engine.live import Live, LiveEstimate, Original, begin, measure_original
from pruneviz.ui.engine.shared import Shared
from pruneviz.wording import Fact, RefusedError, judged, said_by
from pruneviz.wording.refusals import browsing

ORIGINALS = 2  # of so many subjects values are kept at a time; they share the memory
_BACKGROUND, _OF_PROCESS = "pruneviz-background", Background()


@cached(subject_key)
def subject(plan: Plan) -> Subject:
    """Return the plan's model and data; refuses what only the operator may open."""
    return load_subject(plan)


def brings_data(plan: Plan) -> bool:
    """Return whether there are data for a plan's model, opened; False where it cannot be."""
    try:
        return subject(plan).data is not None
    except ValueError:  # whoever shows the plan says why
        return False


def plan_key(plan: Plan) -> Key:
    """Return the digests of the whole plan and of the files it reads.

    It changes when the plan's recovery is finished. ValueError where the plan cannot be bound.
    """
    key = asked_key(plan)
    return (*key, str(_written(run_folder(plan)))) if run.asks_for_rounds(plan) else key


@cached(prepared_key, most=16)
def prepared(plan: Plan) -> run.Prepared:
    """Return everything that does not depend on how much is removed: sliders, scores, reasons."""
    return run.prepare(subject(plan), plan, original(plan).baseline)


@cached(plan_key, most=6)
def pruned(plan: Plan) -> run.Pruned:
    """Return the pruned network of a plan, recovered once a run has carried its recovery out."""
    if not run.asks_for_rounds(plan):
        return run.prune(prepared(plan), plan)
    if is_recovered(plan):
        try:
            return load_recovered(prepared(plan), plan, run_folder(plan).path)
        except ValueError as error:
            raise RefusedError(browsing.recovered_unusable(said_by(error))) from error
    # Under the plan without recovery, so that nobody takes its numbers for those of the other.
    raw = pruned(plan.without(Part.RECOVERY))
    return replace(raw, notes=(*raw.notes, judged.not_recovered_yet()))


def run_folder(plan: Plan) -> RunFolder:
    """Return the folder of a plan's run, whether it was ever begun or not."""
    bound = run.bind(plan, subject(plan))
    return RunFolder(runs_directory(default_home()) / run_digest("run", bound))


def is_carried_out(plan: Plan) -> bool:
    """Return whether a run has carried the whole plan out and holds its files."""
    return _written(run_folder(plan)) is not None


def is_recovered(plan: Plan) -> bool:
    """Return whether a plan asks for a recovery and a finished run has carried it out."""
    return run.asks_for_rounds(plan) and is_carried_out(plan)


def shown(plan: Plan) -> Plan:
    """Return the plan whose network is shown: without a recovery that is not carried out yet.

    So its numbers stay as they are while the settings of the recovery are moved.
    """
    if run.asks_for_rounds(plan) and not is_recovered(plan):
        return plan.without(Part.RECOVERY)
    return plan


def weight(plan: Plan, layer: str) -> Tensor:
    """Return a layer's weights at the original's size.

    Of a recovered network, those that stay are as training left them; those that go are as they
    were before.
    """
    name = f"{layer}.weight"
    old = subject(plan).model.get_parameter(name).detach()
    if not is_recovered(plan):
        return old
    new = _full_size(plan).get_parameter(name).detach()
    mask = pruned(plan).masks.get(name)
    return new if mask is None else torch.where(mask, new, old)


@cached(plan_key, most=4)
def _full_size(plan: Plan) -> nn.Module:
    return pruned(plan).full_size()


@cached(subject_key)
def original(plan: Plan) -> Original:
    """Return what the live numbers need of the original network: logits, cost, its speed."""
    return measure_original(subject(plan))


def live(plan: Plan) -> Live:
    """Return a plan's numbers as far as they are known, an estimate from some inputs at least."""
    return course(plan).current


@cached(plan_key, of=shown, most=256)
def course(plan: Plan) -> LiveEstimate:
    """Return the course of the numbers that are shown of a plan."""
    return begin(prepared(plan), pruned(plan), _evaluations(plan))


def _evaluations(plan: Plan) -> Shared | None:
    """Return what evaluates networks on a plan's held-out inputs; None without data."""
    return _shared(plan) if subject(plan).data else None


@cached(subject_key, most=ORIGINALS, leave=Shared.forget)
def _shared(plan: Plan) -> Shared:
    budget = settings.memory_mb() * 2**20 // ORIGINALS
    return Shared(subject(plan), original(plan).baseline, budget)


def follow(plan: Plan) -> Live:
    """Return the numbers of the plan that the session looks at, and let them get exact meanwhile.

    What the session looked at before is not computed any further; other sessions go on.
    """
    check_allowed(plan)
    plan = shown(plan)
    key, mine = plan_key(plan), background()
    mine.turn_to(key)
    following = course(plan)
    now, shared = following.current, _evaluations(plan)
    if not now.done or (shared is not None and not shared.is_warm):
        mine.go_on(key, partial(_finish, following, prepared(plan), pruned(plan), shared))
    return now


def _finish(
    following: LiveEstimate,
    ready: run.Prepared,
    result: run.Pruned,
    shared: Shared | None,
    stop: Stop,
) -> None:
    """Go on to a plan's exact numbers, and then make the next plan's quicker."""
    following.finish(ready, result, stop)
    if shared is not None and not following.failed:
        shared.warm(stop)


def background() -> Background:
    """Return what computes for this session; outside of any, for the process."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return _OF_PROCESS
    if _BACKGROUND not in st.session_state:
        st.session_state[_BACKGROUND] = Background()
    return cast(Background, st.session_state[_BACKGROUND])


def is_possible(plan: Plan) -> bool:
    """Return whether the plan can be carried out; the strip says why it cannot."""
    try:
        pruned(plan)
    except ValueError:
        return False
    return True


def layers(plan: Plan) -> tuple[LayerReport, ...]:
    """Return one row a layer; as if nothing were removed while the plan cannot be carried out.

    The sliders need them to lead back out of a plan that cannot be carried out.
    """
    try:
        return live(plan).report.layers
    except ValueError:
        return live(_untouched(plan)).report.layers


def original_latency(plan: Plan) -> LatencyPair | None:
    """Return a timing of the original, for a plan that cannot be carried out; None if unknown."""
    try:
        untouched = live(_untouched(plan))
    except ValueError:
        return None
    return untouched.report.latency_ms if untouched.timed else None


def original_quality(plan: Plan) -> float:
    """Return the unpruned network's primary metric on all inputs; ValueError without data."""
    opened, answers = subject(plan), original(plan).baseline.answers
    if opened.data is None or answers is None:
        raise RefusedError(browsing.accuracy_without_data())
    return opened.metrics[0].combine(opened.task.tally(answers, opened.data.y))


def warnings(plan: Plan) -> tuple[Fact, ...]:
    """Return what the user must know of the model and its data, whatever is pruned."""
    return (*subject(plan).notes, *original(plan).baseline.notes)


def notes(plan: Plan) -> tuple[Fact, ...]:
    """Return what the user must know about this pruning, beyond what the strip says already."""
    try:
        known, shared = set(map(str, warnings(plan))), _evaluations(plan)
        found = (*pruned(plan).notes, *(shared.notes if shared else ()))
        return tuple(each for each in found if str(each) not in known)  # a run keeps sentences
    except ValueError:
        return ()


def _untouched(plan: Plan) -> Plan:
    return plan.without(Part.AMOUNT | Part.RECOVERY)


def _written(folder: RunFolder) -> int | None:
    """Return when a run was written, in ns; None where it is not, or not whole."""
    try:
        return folder.file(store.REPORT_FILE).stat().st_mtime_ns
    except OSError:
        return None
