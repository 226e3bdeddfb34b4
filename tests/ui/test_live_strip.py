"""The strip while an accuracy gets exact: an estimate that says of how many inputs it is."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz import run
from pruneviz.plan import Plan
from pruneviz.ui.engine import cache, live
from pruneviz.ui.engine.background import Background
from pruneviz.ui.engine.live import UNTIMED
from tests.ui.test_pages import accuracy, start

PAGE = "pages/weights.py"
PART = "32 of 190 inputs"


@pytest.fixture(autouse=True)
def _one_batch_first(monkeypatch):
    monkeypatch.setattr("pruneviz.ui.engine.live.EVALUATION_SECONDS", 0.0)
    monkeypatch.setattr("pruneviz.ui.engine.shared.batch_size", lambda x, macs: 32)
    cache._shared.clear()
    yield
    cache._shared.clear()


@pytest.fixture
def held(monkeypatch) -> list[Background]:
    """Let no work begin in the background; return who asked for some."""
    asked: list[Background] = []
    real = Background.go_on

    def go_on(self: Background, key: str, work) -> None:
        asked.append(self)
        self.turn_to(key)
        if len(asked) > 2:
            real(self, key, work)

    monkeypatch.setattr(Background, "go_on", go_on)
    return asked


def of(at: AppTest) -> Background:
    return at.session_state["pruneviz-background"]


def test_an_estimate_says_so_until_it_is_exact(held) -> None:
    plan = Plan(model="sample:tumour-mlp", sparsity=0.43)
    at, other = start(PAGE, plan), start(PAGE, plan)
    for page in (at, other):
        assert "≈" in accuracy(page)
        assert PART in accuracy(page)
    assert of(at) is not of(other)
    at.run()
    of(at).wait()
    at.run()
    assert not at.exception
    assert "≈" not in accuracy(at)
    assert "inputs" not in accuracy(at)
    exact = run.report(cache.prepared(plan), cache.pruned(plan), UNTIMED).accuracy
    assert exact is not None
    assert cache.live(plan).report.accuracy == exact
    other.run()
    assert accuracy(other) == accuracy(at), "what one session computed is there for the others"


def test_a_network_that_fails_later_is_said_under_the_strip(held, monkeypatch) -> None:
    plan = Plan(model="sample:tumour-mlp", sparsity=0.44)
    at = start(PAGE, plan)
    assert PART in accuracy(at)
    course = cache.course(plan)
    monkeypatch.setattr(course, "_problem", live._failure(KeyError("no such head")))
    at.run()
    assert not at.exception
    assert any("fails on the evaluated" in error.value for error in at.error), at.error
