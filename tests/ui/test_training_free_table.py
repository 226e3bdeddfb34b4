"""Tune shows what comes back without training, where it is asked for."""

from __future__ import annotations

from pruneviz.analyses.without_training import without_training
from pruneviz.plan import Plan
from pruneviz.run import prepare, prune
from pruneviz.subjects import load_subject
from pruneviz.ui.tune.no_training import called
from tests.ui.test_pages import start, words

PLAN = Plan(granularity="weight", scope="global", sparsity=0.9)


def test_the_table_holds_what_the_recoveries_reach() -> None:
    at = start("pages/tune.py", PLAN)
    assert "Won back" not in words(at)
    at.toggle(key="tune-untrained").set_value(True).run()
    assert not at.exception
    shown = next(m.value for m in at.markdown if "Won back" in m.value)
    prepared = prepare(load_subject(PLAN), PLAN)
    rows = list(without_training(prepared, prune(prepared, PLAN), PLAN.seed))
    assert len(rows) == 4
    for row in rows:
        line = next(line for line in shown.splitlines() if f"| {called(row.methods)} |" in line)
        assert f"{100 * row.quality.pruned:.1f}" in line


def test_without_batch_norm_there_is_one_way() -> None:
    at = start("pages/tune.py", Plan(model="sample:tumour-mlp", sparsity=0.5))
    at.toggle(key="tune-untrained").set_value(True).run()
    shown = next(m.value for m in at.markdown if "Won back" in m.value)
    assert "Bias correction" in shown
    assert "BatchNorm" not in shown
