"""One protocol of stepwise work: whatever advances step by step keeps the same laws."""

from __future__ import annotations

import io

import pytest
import torch

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.analyses.comparison import MethodComparison
from pruneviz.plan import Plan
from pruneviz.propose import Goal, ProposalSearch
from pruneviz.recovery import RECOVERIES, RecoveryRequest
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.stepwise import complete
from pruneviz.subjects import load_subject

PLAN = Plan(
    model="sample:tumour-mlp",
    sparsity=0.5,
    schedule="linear",
    schedule_parameters={"rounds": 2},
    recovery=[{"method": "finetune", "parameters": {"epochs": 2}}],
)


@pytest.fixture(scope="module")
def prepared() -> run.Prepared:
    return run.prepare(load_subject(PLAN), PLAN)


def training(prepared: run.Prepared):
    entry, pruned = RECOVERIES.get("finetune"), run.prune(prepared, PLAN)
    task = RecoveryRequest(
        model=pruned.model, masks={}, cuts=pruned.cuts, teacher=prepared.subject.model,
        data=prepared.subject.data,
    )  # fmt: skip
    return entry.implementation(task, **entry.settings({"epochs": 2}))


# What makes each kind of work, and what of it must not depend on where it was stopped.
WORK = {
    "scan": (lambda p: scans.scan(p, (0.3, 0.6)), lambda w: w.rows),
    "search": (lambda p: scans.search(p, 0.05), lambda w: w.rows),
    "pairs": (lambda p: scans.interactions(p, 0.5, 3), lambda w: w.rows),
    "comparison": (lambda p: MethodComparison(p, PLAN, (0.2, 0.6)), lambda w: w.marks),
    "proposal": (
        lambda p: ProposalSearch(p, PLAN, Goal("macs", 0.5), scans.scan(p, (0.3, 0.6, 0.9))),
        lambda w: w.result(),
    ),
    "rounds": (
        lambda p: RecoveryRounds(p, PLAN),
        lambda w: (w.curve, [t.tolist() for t in w.result().model.state_dict().values()]),
    ),
    "training": (training, lambda w: [t.tolist() for t in w.model.state_dict().values()]),
}


def through_a_file(state):
    """Return a state as a checkpoint gives it back: tensors and plain values alone."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("name", WORK)
def test_work_taken_up_anywhere_ends_as_if_it_had_never_stopped(name, prepared):
    begin, outcome = WORK[name]
    whole, states, done = begin(prepared), [], [0]
    while not whole.finished:
        states.append(through_a_file(whole.state()))
        whole.step()
        done.append(whole.done)
        assert 0 <= whole.done <= whole.total
        assert whole.sentence
    assert done == sorted(done)
    assert len(states) > 1
    for state in (states[1], states[len(states) // 2], states[-1]):
        again = begin(prepared)
        again.restore(state)
        assert repr(outcome(complete(again))) == repr(outcome(whole))


@pytest.mark.parametrize("name", WORK)
def test_a_state_of_other_work_is_refused(name, prepared):
    with pytest.raises((ValueError, TypeError, KeyError)):
        WORK[name][0](prepared).restore({"of": "something else"})
