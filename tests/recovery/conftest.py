"""Pruned networks to recover, made once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

from pruneviz import run as engine
from pruneviz.plan import Plan
from pruneviz.recovery import RecoveryRequest
from pruneviz.subjects import load_subject


def make_task(plan: Plan) -> RecoveryRequest:
    subject = load_subject(plan)
    pruned = engine.prune(engine.prepare(subject, plan), plan)
    return RecoveryRequest(
        model=pruned.model,
        masks={} if pruned.is_cut else pruned.masks,
        cuts=pruned.cuts,
        teacher=subject.model,
        data=subject.data,
    )


@pytest.fixture(scope="session")
def digits() -> RecoveryRequest:
    """A convolutional network that lost 96 % of its weights and answers as by chance."""
    return make_task(Plan(granularity="weight", scope="global", sparsity=0.96))


@pytest.fixture(scope="session")
def tumours() -> RecoveryRequest:
    """A small network that lost half its neurons."""
    return make_task(Plan(model="sample:tumour-mlp", sparsity=0.5))


@pytest.fixture(scope="session")
def noisy(digits: RecoveryRequest) -> RecoveryRequest:
    """The first network with dropout before it, which draws from torch's own generator."""
    return replace(
        digits,
        model=nn.Sequential(nn.Dropout(0.2), digits.model).eval(),
        masks={f"1.{name}": mask for name, mask in digits.masks.items()},
    )
