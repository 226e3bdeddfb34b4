"""What a page says while it measures, and that moving a slider measures nothing anew."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz import run
from pruneviz.criteria import CRITERIA
from pruneviz.plan import Plan
from pruneviz.statistics import needs_data
from pruneviz.ui.engine import cache
from pruneviz.ui.frame import strip
from pruneviz.ui.words import text


@pytest.mark.parametrize("entry", list(CRITERIA), ids=lambda entry: entry.name)
def test_every_criterion_says_what_it_costs(entry) -> None:
    assert entry.cost
    assert not (entry.cost == "weights" and needs_data(entry.needs))
    said = text.waiting(Plan(criterion=entry.name))
    assert said.startswith(f"Measuring {entry.title}: " if entry.is_slow else text.WAITING)


def test_a_slider_scores_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    scored, calls = run.scored, []
    monkeypatch.setattr(
        "pruneviz.stages.prepare.scored", lambda *args: calls.append(1) or scored(*args)
    )
    plan = Plan(model="sample:tumour-mlp", criterion="ablation", granularity="channel", seed=11)
    for percent in (10, 20, 30):
        cache.pruned(plan.changed(sparsity=percent / 100))
    assert len(calls) == 1


def test_the_tune_page_waits_under_a_sign_and_says_what_a_criterion_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = []

    @contextlib.contextmanager
    def spinner(words, **_):
        shown.append(words)
        yield

    monkeypatch.setattr(strip.st, "spinner", spinner)
    page = Path(__file__).parents[2] / "pages" / "tune.py"
    app = AppTest.from_file(str(page), default_timeout=120).run()
    app.selectbox(key="tune-criterion").set_value("obd").run()
    assert not app.exception
    assert shown[0] == text.WAITING
    assert shown[-1].startswith("Measuring Optimal brain damage: many passes")
    said = [caption.value.replace("\\", "") for caption in app.caption]
    assert any("Cost: many passes through the network" in words for words in said)
