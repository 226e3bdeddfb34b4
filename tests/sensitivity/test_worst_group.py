"""The group that loses most at a point of a scan: that of its inputs alone, in the same answers."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import mean_absolute_error

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.evaluate import answers
from pruneviz.metrics import METRICS
from pruneviz.metrics.statistics import paired_change, wilson
from pruneviz.plan import Plan
from pruneviz.sensitivity import Judge, metrics_of, read_points
from pruneviz.sensitivity.groups import GROUP_COLUMNS, in_columns
from pruneviz.sensitivity.points import columns_of, table_of, unmeasured
from pruneviz.stepwise import complete
from pruneviz.subjects import load_subject
from pruneviz.tasks import CLASSIFICATION

LABELS, NUMBERS = "sample:tumour-mlp", "sample:diabetes-mlp"
LEVELS = (0.5, 0.9)


def in_groups(samples):
    """Return two columns of groups of so many inputs: one group has one input, one has none."""
    index, part = np.arange(samples), np.arange(samples) % 3
    part[0] = 3
    return {
        "site": (("a", "b", "c: d", "alone", "nobody"), part.astype(np.int64)),
        "half": (("first", "second"), (index >= samples // 2).astype(np.int64)),
    }


@cache
def prepared(model, grouped=True):
    plan = Plan(model=model)
    whole = run.prepare(load_subject(plan), plan)
    if not grouped:
        return whole
    data = replace(whole.subject.data, groups=in_groups(len(whole.subject.data.x)))
    return replace(whole, subject=replace(whole.subject, data=data))


@cache
def finished(model, grouped=True):
    return complete(scans.scan(prepared(model, grouped), LEVELS))


def answered(model, layer, level):
    """Return what the network with one layer pruned answers to all evaluated inputs."""
    plan = Plan(model=model, scope="layer", sparsity=0.0, layers={layer: level})
    subject = prepared(model).subject
    pruned = run.prune(prepared(model), plan).model
    return answers(pruned, subject.data.x, subject.data.y, subject.task)


def accuracy(before, after, y, which):
    """Return the change of accuracy of some inputs, its interval, the accuracy and its interval."""
    first, second = ((each.argmax(1) == y)[which] for each in (before, after))
    won, lost = int((second & ~first).sum()), int((first & ~second).sum())
    change, ends = paired_change(won, lost, len(first))
    return change, ends, second.double().mean().item(), wilson(int(second.sum()), len(second))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("layer", ["fc1", "fc2"])
def test_it_is_the_group_whose_own_inputs_lose_most(layer, level):
    data, after = prepared(LABELS).subject.data, answered(LABELS, layer, level)
    found = {
        f"{column}: {name}": accuracy(prepared(LABELS).baseline.answers, after, data.y, index == k)
        for column, (names, index) in data.groups.items()
        for k, name in enumerate(names)
        if (index == k).any()
    }
    losing = {name: each for name, each in found.items() if each[0] < 0}
    sure = {name: each for name, each in losing.items() if each[1][1] < 0}
    table = finished(LABELS).table().set_index(["layer", "sparsity"])
    row = table.loc[layer, level]
    if not losing:
        assert (row["worst_group"], row["worst_group_change"]) == ("", 0.0)
        assert row[["worst_group_samples", "worst_group_value"]].isna().all()
        return
    worst = min(sure or losing, key=lambda name: found[name][0])
    change, ends, value, own = found[worst]
    assert row["worst_group"] == worst
    assert row["worst_group_change"] == pytest.approx(change)
    assert (row["worst_group_change_low"], row["worst_group_change_high"]) == pytest.approx(ends)
    assert row["worst_group_value"] == pytest.approx(value)
    assert (row["worst_group_low"], row["worst_group_high"]) == pytest.approx(own)


def test_some_points_of_both_kinds_are_looked_at():
    names = finished(LABELS).table()["worst_group"]
    assert (names != "").any()
    assert finished(LABELS).original_table()["worst_group"].tolist() == [""]
    assert finished(LABELS).original_table()["worst_group_change"].tolist() == [0.0]


def test_a_regression_s_group_is_that_whose_error_grows_most():
    data = prepared(NUMBERS).subject.data
    before = prepared(NUMBERS).baseline.answers.flatten().numpy()
    for row in finished(NUMBERS).table().to_dict("records"):
        after = answered(NUMBERS, row["layer"], row["sparsity"]).flatten().numpy()
        column, name = row["worst_group"].split(": ", 1)
        here = data.groups[column][1] == data.groups[column][0].index(name)
        y = data.y.flatten().numpy()
        value, old = (mean_absolute_error(y[here], each[here]) for each in (after, before))
        assert row["worst_group_value"] == pytest.approx(value, rel=1e-5)
        assert row["worst_group_change"] == pytest.approx(value - old, rel=1e-4)
        assert row["worst_group_samples"] == here.sum()
        assert row["worst_group_change_low"] < value - old < row["worst_group_change_high"]
        assert row["worst_group_change"] >= row["mae_change"], "no more than on average"


@pytest.mark.parametrize("model", [LABELS, NUMBERS])
def test_all_other_numbers_are_those_of_a_scan_without_groups(model):
    plain, table = finished(model, grouped=False), finished(model).table()
    assert list(table.columns) == [*plain.table().columns, *GROUP_COLUMNS]
    pd.testing.assert_frame_equal(table[plain.table().columns], plain.table(), check_exact=True)
    one = plain.state()["points"][0]
    assert not set(GROUP_COLUMNS) & {*one, *dict(one["others"])}
    with_groups, without = prepared(model).subject, prepared(model, grouped=False).subject
    assert (with_groups.grouped, without.grouped) == (True, False)
    assert "worst_group" not in metrics_of(without.task, without.metrics)


@pytest.mark.parametrize("model", [LABELS, NUMBERS])
def test_a_scan_goes_on_where_it_stopped_and_is_read_as_it_was(model, tmp_path):
    whole, stored = finished(model), io.BytesIO()
    torch.save({"points": whole.state()["points"][:3]}, stored)
    stored.seek(0)
    again = scans.scan(prepared(model), LEVELS)
    again.restore(torch.load(stored, weights_only=True))
    pd.testing.assert_frame_equal(complete(again).table(), whole.table(), check_exact=True)
    path = tmp_path / "points.csv"
    for table in (whole.table(), whole.original_table(), finished(model, grouped=False).table()):
        table.to_csv(path, index=False)
        pd.testing.assert_frame_equal(read_points(path), table)
    whole.table().iloc[:, :-1].to_csv(path, index=False)
    with pytest.raises(ValueError, match="lacks columns; scan again"):
        read_points(path)


def test_groups_of_one_input_of_one_class_and_answers_that_are_no_numbers_break_nothing():
    y = torch.tensor([0, 0, 0, 1, 1, 1, 0, 1])
    logits = torch.nn.functional.one_hot(y, 2).double()
    each = {"row": (tuple("abcdefgh"), np.arange(8)), "class": (("0", "1"), y.numpy())}
    wrong = logits.clone()
    wrong[2] = wrong[2].flip(0)
    for name in CLASSIFICATION.metrics:
        judge = Judge(logits, y, metrics=(METRICS.get(name),), groups=each)
        found = dict(judge.point("fc", 0.5, wrong).others)
        assert [column in found for column in GROUP_COLUMNS] == [True] * len(GROUP_COLUMNS)
        assert dict(judge.baseline.others)["worst_group"] == ""
        unknown = dict(judge.point("fc", 0.5, logits * math.nan).others)
        assert isinstance(unknown["worst_group"], str)
    judge = Judge(logits, y, groups=each)
    assert dict(judge.point("fc", 0.5, wrong).others)["worst_group"] == "row: c"
    average = Judge(logits, y, metrics=(METRICS.get("average_precision"),), groups=each)
    found = dict(average.point("fc", 0.5, wrong).others)
    assert found["worst_group"] == ""
    assert math.isnan(found["worst_group_change"]), "of no group is anything known"


def test_one_that_surely_loses_comes_before_one_that_may():
    y = torch.zeros(410, dtype=torch.long)
    before = torch.tensor([[1.0, 0.0]]).repeat(410, 1)
    after = before.clone()
    after[:40], after[400:402] = after[:40].flip(1), after[400:402].flip(1)
    many = torch.arange(410) < 400
    tallies = [CLASSIFICATION.tally(each, y) for each in (before, after)]
    groups = {("size", "few"): ~many, ("size", "many"): many}
    found = dict(in_columns(METRICS.get("accuracy"), *tallies, groups))
    assert (found["worst_group"], found["worst_group_samples"]) == ("size: many", 400)
    assert found["worst_group_change"] == pytest.approx(-0.1)


def test_a_network_that_cannot_be_looked_at_has_no_group(tmp_path):
    columns = columns_of(["accuracy"], labelled=True, grouped=True)
    table = table_of([unmeasured("fc", 0.5, 9)], columns)
    assert table["worst_group"].tolist() == [""]
    table.to_csv(tmp_path / "points.csv", index=False)
    found = read_points(tmp_path / "points.csv")
    assert found["worst_group"].tolist() == [""]
    assert found[GROUP_COLUMNS[1:]].isna().all(axis=None)
