"""A scan judges each layer by the metrics of the subject's task, in their direction and unit."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
import torch

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.evaluate import answers
from pruneviz.jobs.kind import kind
from pruneviz.measure.quality import quality
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.reuse import Evaluator, seen
from pruneviz.sensitivity import COLUMNS, metrics_of, read_points
from pruneviz.sensitivity.losses import in_words, usual_loss
from pruneviz.sensitivity.metrics import point_metric
from pruneviz.stepwise import complete
from pruneviz.subjects import load_subject
from pruneviz.wording import scanned

REGRESSION = Plan(model="sample:diabetes-mlp")
RANKED = Plan(model="sample:tumour-mlp", metric="average_precision")
PLANS = {"numbers": REGRESSION, "labels": RANKED}
LEVELS = (0.3, 0.6)


@cache
def prepared(name):
    plan = PLANS[name]
    return run.prepare(load_subject(plan), plan)


@cache
def finished(name):
    return complete(scans.scan(prepared(name), LEVELS))


def pruned(name, layer, level):
    only = PLANS[name].changed(scope="layer", sparsity=0.0, layers={layer: level})
    return run.prune(prepared(name), only).model


def numbers(row, metric):
    """Return what a row of a scan's table says of a metric: value, change, and their intervals."""
    each = point_metric(metric)
    return [row[column] for column in each.columns]


def numbers_of(pair):
    """Return the same of a report's metric."""
    return [pair.pruned, *pair.pruned_interval, pair.change, *pair.change_interval]


@pytest.mark.parametrize("name", PLANS)
def test_a_point_says_what_a_run_reports(name):
    subject, table = prepared(name).subject, finished(name).table()
    data, task = subject.data, subject.task
    before = prepared(name).baseline.answers
    assert len(table) == 2 * len(LEVELS)
    for row in table.to_dict("records"):
        after = answers(pruned(name, row["layer"], row["sparsity"]), data.x, data.y, task)
        for pair in quality(task, subject.metrics, before, after, data.y):
            found = numbers(row, METRICS.get(pair.metric))
            assert found == pytest.approx(numbers_of(pair), rel=1e-6, abs=1e-9), pair.metric


@pytest.mark.parametrize("name", PLANS)
def test_a_point_is_what_an_estimate_says_once_every_input_is_seen(name):
    subject, scan = prepared(name).subject, finished(name)
    data, task, point = subject.data, subject.task, scan.table().iloc[1]
    evaluator, found = Evaluator(subject.model, data.x, data.y, 16, task=task), None
    network = pruned(name, point["layer"], point["sparsity"])
    for part, after in enumerate(evaluator.batches(network)):
        which, before = evaluator.parts[part], evaluator.original(part)
        batch = seen(task, subject.metrics, which, before, after, data.y[which])
        found = batch if found is None else found + batch
    assert found.samples == point["samples"]
    for pair in found.quality():
        value, change = pair.pruned, pair.change
        each = point_metric(METRICS.get(pair.metric))
        assert [value, change] == pytest.approx([point[each.value], point[each.change]], abs=1e-5)


@pytest.mark.parametrize("name", PLANS)
def test_a_scan_that_is_stored_goes_on_and_is_read_as_it_was(name, tmp_path):
    whole, stored = finished(name), io.BytesIO()
    begun = {"points": whole.state()["points"][:2]}
    torch.save(begun, stored)
    stored.seek(0)
    again = scans.scan(prepared(name), LEVELS)
    again.restore(torch.load(stored, weights_only=True))
    pd.testing.assert_frame_equal(complete(again).table(), whole.table(), check_exact=True)
    for table in (whole.table(), whole.original_table()):
        table.to_csv(tmp_path / "points.csv", index=False)
        pd.testing.assert_frame_equal(read_points(tmp_path / "points.csv"), table)
    whole.table().drop(columns=whole.table().columns[-1]).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(ValueError, match="lacks columns; scan again"):
        read_points(tmp_path / "b.csv")


def test_labels_keep_their_columns_beside_another_metric_and_numbers_have_none():
    own = [f"average_precision{end}" for end in ("", "_low", "_high", "_change", "_change_low",
                                                 "_change_high")]  # fmt: skip
    assert list(finished("labels").table().columns) == [*COLUMNS, *own]
    plain = load_subject(Plan(model="sample:tumour-mlp"))
    points = complete(scans.scan(run.prepare(plain, Plan(model="sample:tumour-mlp")), LEVELS))
    assert list(points.table().columns) == COLUMNS
    beside = finished("labels").table()[COLUMNS]
    pd.testing.assert_frame_equal(beside, points.table(), check_exact=True)
    assert not {"accuracy", "auroc", "worst_class"} & set(finished("numbers").table().columns)
    assert (finished("labels").by_class, finished("numbers").by_class) == (True, False)
    subject = prepared("numbers").subject
    assert list(metrics_of(subject.task, subject.metrics)) == ["mae", "mse", "r2"]
    labelled = prepared("labels").subject
    assert next(iter(metrics_of(labelled.task, labelled.metrics))) == "average_precision"


def test_fewer_inputs_than_an_interval_takes_are_said():
    whole = prepared("numbers")
    data = whole.subject.data
    few = replace(data, x=data.x[:9], y=data.y[:9])
    given = replace(whole, subject=replace(whole.subject, data=few))
    scan = complete(scans.scan(given, (0.5,)))
    assert [note for note in scan.notes if note in scanned.widest]
    assert (scan.table()[["mae_low", "mae_high"]].to_numpy() == [0, math.inf]).all()
    assert not [note for note in finished("numbers").notes if note in scanned.widest]


@pytest.mark.parametrize(("name", "loss"), [("numbers", 9.0), ("labels", 0.002)])
def test_a_threshold_is_the_lowest_level_at_which_the_metric_is_so_much_worse(name, loss):
    levels = (0.2, 0.5, 0.8)
    scan = complete(scans.scan(prepared(name), levels))
    metric = prepared(name).subject.metrics[0]
    search = complete(scans.search(prepared(name), loss, levels))
    found = search.table().set_index("layer")
    change = point_metric(metric).change
    for layer, rows in scan.table().groupby("layer", sort=False):
        worse = [-metric.gain(value) >= loss for value in rows[change]]
        assert worse == sorted(worse), "else nothing is promised"
        lowest = levels[worse.index(True)] if any(worse) else math.nan
        assert found.loc[layer, "sparsity"] == pytest.approx(lowest, nan_ok=True)
        kept = levels[worse.count(False) - 1] if not all(worse) else 0.0
        assert found.loc[layer, "kept"] == kept
        if kept:
            own = rows.loc[rows["sparsity"] == kept, change]
            assert found.loc[layer, "change"] == pytest.approx(own.item())
    assert any(found["sparsity"].notna())
    assert in_words(loss, metric) in str(search.promise)


@pytest.mark.parametrize("loss", [0.0, -1.0, math.nan, math.inf])
def test_a_loss_that_cannot_be_gets_a_sentence(loss):
    with pytest.raises(ValueError, match="mean absolute error is too much is a number above 0"):
        scans.search(prepared("numbers"), loss)
    with pytest.raises(ValueError, match="'lose' must be a number above 0, in the metric's unit"):
        kind("thresholds").settings({"lose": loss})


def test_no_more_can_be_lost_than_there_is():
    with pytest.raises(ValueError, match="average precision is too much"):
        scans.search(prepared("labels"), 1.5)


def test_what_is_asked_in_a_metric_s_unit_stays_so_in_a_link():
    found = kind("thresholds")
    asked = found.settings({"lose": 12, "recalibrate": False})
    assert asked == {"lose": 12.0}
    assert found.query(asked)["lose"] == "12"
    assert "points" not in found.query(asked)
    with pytest.raises(ValueError, match="has no setting 'loss'; it takes lose, levels"):
        found.settings({"lose": 12, "loss": 0.1})


def test_pairs_ask_which_inputs_are_right():
    with pytest.raises(ValueError, match="gives no input one label: look at each layer alone"):
        scans.interactions(prepared("numbers"))


def test_a_loss_is_said_in_the_unit_of_its_metric():
    said = {
        ("accuracy", 0.01): "1 point",
        ("mae", 2.5): "2.5 of mean absolute error",
        ("loss", 0.1): "0.1 nats of cross-entropy",
        ("mean_iou", 0.05): "5 points of mean IoU",
        ("average_precision", 0.02): "0.02 of average precision",
    }
    for (name, loss), words in said.items():
        assert in_words(loss, METRICS.get(name)) == words
    assert [usual_loss(each) for each in (38.67, 0.0, math.nan, 2507.4)] == [2, 0.02, 0.02, 100]
