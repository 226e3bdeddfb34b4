"""Cached calls of the engine, keyed on digest strings; models are never hashed or copied.

Every function raises ValueError with one clear sentence when the plan asks for something that
cannot be; the frame shows it. What is returned is shared by all sessions: read it, never change it.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import streamlit as st
import torch
from streamlit.runtime.scriptrunner import get_script_run_ctx
from torch import Tensor, nn

from pruneviz import run, store
from pruneviz.analyses.finished_recovery import load_recovered
from pruneviz.history.folder import RunFolder, run_digest, runs_directory
from pruneviz.home import default_home
from pruneviz.measure.quality import accuracy_pair
from pruneviz.plan import Part, Plan
from pruneviz.report import LatencyPair, LayerReport
from pruneviz.stages.recovery_rounds import full_size
from pruneviz.subjects import Subject, load_subject, needs_operator
from pruneviz.ui import settings
from pruneviz.ui.engine.background import Background
from pruneviz.ui.engine.live import Course, Live, Original, begin, measure_original
from pruneviz.ui.engine.shared import Shared

NOT_YET = "The recovery is not carried out yet; this is the network before it. Recover begins it."
ANEW = "delete the run on Runs and start it again on Recover"
ORIGINALS = 2  # of so many subjects values are kept at a time; they share the memory
_BACKGROUND = "pruneviz-background"


def check_allowed(plan: Plan) -> None:
    """Raise ValueError when the plan reads paths or runs code that the operator did not name."""
    asked = {
        "model": (plan.model, settings.models()),
        "weights": (plan.weights, settings.weights()),
        "data": (plan.data, settings.data()),
    }
    for what, (reference, named) in asked.items():
        if reference is not None and needs_operator(reference) and reference not in named:
            option = f"--{what} {shlex.quote(reference)}"
            remedy = f"only who starts the server can allow it, by naming it: pruneviz app {option}"
            if what == "weights":
                owner = f"--model {shlex.quote(plan.model)}"
                remedy = (
                    "upload weights of your own on Home instead, or let who starts the server "
                    f"name them: pruneviz app {owner} {option}"
                )
            raise ValueError(
                f"the plan asks for the {what} '{reference}', which reads files of the server or "
                f"runs code; {remedy}"
            )


def subject_key(plan: Plan) -> str:
    """Return the digest of the fields that say which model and data, and of files' last changes."""
    changed = [_last_change(name) for name in (plan.model, plan.weights, plan.data)]
    text = json.dumps([plan.values_of(Part.SUBJECT), changed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def prepared_key(plan: Plan) -> str:
    """Return the digest of all that scores depend on: model and data, and how units are ranked."""
    return f"{subject_key(plan)}:{run.preparation_key(plan)}"


def plan_key(plan: Plan) -> str:
    """Return the digest of the whole plan and of the files it reads.

    It changes when the plan's recovery is finished. ValueError where the plan cannot be bound.
    """
    key = f"{subject_key(plan)}:{plan.digest()}"
    return f"{key}:{_written(run_folder(plan))}" if run.asks_for_rounds(plan) else key


def subject(plan: Plan) -> Subject:
    """Return the plan's model and data; refuses what only the operator may open."""
    check_allowed(plan)  # before any file is looked at
    return _subject(subject_key(plan), plan)


def prepared(plan: Plan) -> run.Prepared:
    """Return everything that does not depend on how much is removed: sliders, scores, reasons."""
    check_allowed(plan)
    return _prepared(prepared_key(plan), plan)


def pruned(plan: Plan) -> run.Pruned:
    """Return the pruned network of a plan, recovered once a run has carried its recovery out."""
    check_allowed(plan)
    return _pruned(plan_key(plan), plan)


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
    new = _full_size(plan_key(plan), plan).get_parameter(name).detach()
    mask = pruned(plan).masks.get(name)
    return new if mask is None else torch.where(mask, new, old)


def original(plan: Plan) -> Original:
    """Return what the live numbers need of the original network: logits, cost, its speed."""
    check_allowed(plan)
    return _original(subject_key(plan), plan)


def live(plan: Plan) -> Live:
    """Return a plan's numbers as far as they are known, an estimate from some inputs at least."""
    check_allowed(plan)
    return course(plan).current


def course(plan: Plan) -> Course:
    """Return the course of the numbers that are shown of a plan."""
    plan = shown(plan)
    return _course(plan_key(plan), plan)


def follow(plan: Plan) -> Live:
    """Return the numbers of the plan that the session looks at, and let them get exact meanwhile.

    What the session looked at before is not computed any further; other sessions go on.
    """
    check_allowed(plan)
    plan = shown(plan)
    key, mine = plan_key(plan), background()
    mine.turn_to(key)
    following = _course(key, plan)
    now, shared = following.current, _evaluations(plan)
    if not now.done or (shared is not None and not shared.is_warm):
        mine.go_on(key, partial(following.finish, prepared(plan), pruned(plan)))
    return now


def background() -> Background:
    """Return what computes for this session; outside of any, for the process."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return _process_background()
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


def original_accuracy(plan: Plan) -> float:
    """Return the unpruned network's accuracy on all held-out inputs; ValueError without data."""
    data, logits = subject(plan).data, original(plan).baseline.logits
    if data is None or logits is None:
        raise ValueError("accuracy needs data with labels: choose some on Home")
    return accuracy_pair(logits, logits, data.y).original


def warnings(plan: Plan) -> tuple[str, ...]:
    """Return what the user must know of the model and its data, whatever is pruned."""
    return (*subject(plan).notes, *original(plan).baseline.notes)


def notes(plan: Plan) -> tuple[str, ...]:
    """Return what the user must know about this pruning, beyond what the strip says already."""
    try:
        known, shared = warnings(plan), _evaluations(plan)
        found = (*pruned(plan).notes, *(shared.notes if shared else ()))
        return tuple(note for note in found if note not in known)
    except ValueError:
        return ()


# `digest` is the cache's key; what begins with an underscore is not hashed.
@st.cache_resource(max_entries=8, show_spinner=False)
def _subject(digest: str, _plan: Plan) -> Subject:
    return load_subject(_plan)


@st.cache_resource(max_entries=16, show_spinner=False)
def _prepared(digest: str, _plan: Plan) -> run.Prepared:
    return run.prepare(subject(_plan), _plan, original(_plan).baseline)


@st.cache_resource(max_entries=6, show_spinner=False)
def _pruned(digest: str, _plan: Plan) -> run.Pruned:
    if not run.asks_for_rounds(_plan):
        return run.prune(prepared(_plan), _plan)
    if is_recovered(_plan):
        try:
            return load_recovered(prepared(_plan), _plan, run_folder(_plan).path)
        except ValueError as error:
            raise ValueError(f"{error}; {ANEW}") from error
    # Under the plan without recovery, so that nobody takes its numbers for those of the other.
    raw = pruned(_plan.without(Part.RECOVERY))
    return replace(raw, notes=(*raw.notes, NOT_YET))


@st.cache_resource(max_entries=4, show_spinner=False)
def _full_size(digest: str, _plan: Plan) -> nn.Module:
    return full_size(pruned(_plan))


@st.cache_resource(max_entries=8, show_spinner=False)
def _original(digest: str, _plan: Plan) -> Original:
    return measure_original(subject(_plan))


@st.cache_resource(max_entries=256, show_spinner=False)
def _course(digest: str, _plan: Plan) -> Course:
    return begin(prepared(_plan), pruned(_plan), _evaluations(_plan))


def _evaluations(plan: Plan) -> Shared | None:
    """Return what evaluates networks on a plan's held-out inputs; None without data."""
    return _shared(subject_key(plan), plan) if subject(plan).data else None


@st.cache_resource(max_entries=ORIGINALS, show_spinner=False)
def _shared(digest: str, _plan: Plan) -> Shared:
    budget = settings.memory_mb() * 2**20 // ORIGINALS
    return Shared(subject(_plan), original(_plan).baseline, budget)


@st.cache_resource(show_spinner=False)
def _process_background() -> Background:
    return Background()


def _untouched(plan: Plan) -> Plan:
    return plan.without(Part.AMOUNT | Part.RECOVERY)


def _written(folder: RunFolder) -> int | None:
    """Return when a run was written, in ns; None where it is not, or not whole."""
    try:
        return folder.file(store.REPORT_FILE).stat().st_mtime_ns
    except OSError:
        return None


def _last_change(reference: str | None) -> list[float]:
    """Return time and size of a named file, so that an edited file is read anew."""
    if reference is None or not needs_operator(reference):
        return []
    name = reference.split(":")[1] if ":" in reference else reference
    path = Path(name.split("?target=")[0])
    if not path.is_file():
        return []
    return [path.stat().st_mtime, float(path.stat().st_size)]
