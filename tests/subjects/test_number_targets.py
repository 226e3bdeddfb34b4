"""Targets that are numbers in place of labels: tables and arrays, found or asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects import Subject, load_subject
from pruneviz.subjects.files.targets import strata
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.tasks.regression import Regression
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.wording import opened as opened_words

NETS = """
from torch import nn
def one(): return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
def two(): return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
def masks(): return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
"""
ROWS = 60


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    columns = {name: random.normal(size=ROWS).round(3) for name in "abc"}
    return pd.DataFrame({**columns, "y": np.round(random.normal(size=ROWS) * 9, 3)})


@pytest.fixture
def opened(tmp_path: Path):
    (tmp_path / "net.py").write_text(NETS)

    def read(table: pd.DataFrame, net: str = "one", target: str = "y", **plan) -> Subject:
        table.to_csv(tmp_path / "t.csv", index=False)
        data = f"csv:{tmp_path}/t.csv?target={target}"
        return load_subject(Plan(model=f"python:{tmp_path}/net.py:{net}", data=data, **plan))

    read.folder = tmp_path
    return read


def values(subject: Subject, table: pd.DataFrame, column: str) -> None:
    """Check that each target is that of the line that its input is named by."""
    lines = [int(name.removeprefix("line ")) - 2 for name in subject.data.names]
    expected = torch.tensor(table[column].to_numpy()[lines], dtype=torch.float32)
    assert torch.equal(subject.data.y[:, 0], expected)
    x = torch.tensor(table[["a", "b", "c"]].to_numpy()[lines], dtype=torch.float32)
    torch.testing.assert_close(subject.data.raw(subject.data.x), x)


def test_fractions_of_many_kinds_are_a_regression(opened, table):
    subject = opened(table)
    assert isinstance(subject.task, Regression)
    assert len(subject.data.y) + len(subject.data.calibration_y) == ROWS
    values(subject, table, "y")
    assert "split by target with seed" in subject.data.note
    plan = Plan(model=subject.reference, data=subject.data.reference, sparsity=0.5)
    report = run(plan, latency_runs=3)[2]
    assert [pair.metric for pair in report.quality] == ["mae", "mse", "r2"]
    assert run(report.plan, latency_runs=3)[2].deterministic() == report.deterministic()


def test_whole_numbers_of_a_network_with_one_output_are_a_regression(opened, table):
    ages = table.assign(y=np.arange(ROWS) % 30 + 20)
    subject = opened(ages)
    assert isinstance(subject.task, Regression)
    assert subject.data.y.dtype == torch.float32
    values(subject, ages, "y")
    with pytest.raises(ValueError, match="one output, and classifiers with a single score"):
        opened(table.assign(y=np.arange(ROWS) % 2))
    asked = opened(table.assign(y=np.arange(ROWS) % 2), task="regression")
    assert set(asked.data.y.flatten().tolist()) == {0.0, 1.0}


def test_several_columns_are_several_numbers_or_labels(opened, table):
    wide = table.assign(z=table["y"] * 2 + 1)
    subject = opened(wide, "two", "y,z")
    assert isinstance(subject.task, Regression)
    torch.testing.assert_close(subject.data.y[:, 1], 2 * subject.data.y[:, 0] + 1)
    signs = table.assign(y=np.arange(ROWS) % 2, z=np.arange(ROWS) // 2 % 2)
    labels = opened(signs, "two", "y,z", task="multi_label")
    assert isinstance(labels.task, MultiLabel)
    assert labels.data.classes == ("y", "z")
    assert labels.data.y.dtype == torch.int64
    with pytest.raises(ValueError, match="several targets, which a classification"):
        opened(signs.assign(z="red"), "two", "y,z")


def test_a_label_of_which_nobody_knows_is_a_gap_or_minus_1(opened, table):
    signs = table.assign(y=np.arange(ROWS) % 2, z=np.arange(ROWS) % 3 - 1)
    labels = opened(signs, "two", "y,z", task="multi_label")
    assert sorted(set(labels.data.y[:, 1].tolist())) == [-1, 0, 1]
    path = opened.folder / "d.npz"
    y = signs[["y", "z"]].to_numpy(dtype="f4")
    given = {"model": f"python:{opened.folder}/net.py:two", "data": f"npz:{path}"}
    for gap in (np.nan, -1):
        np.savez(path, x=table[list("abc")].to_numpy(dtype="f4"), y=np.where(y < 0, gap, y))
        data = load_subject(Plan(**given, task="multi_label")).data
        unknown = data.y[:, 1].isnan() | (data.y[:, 1] == -1)
        assert abs(3 * int(unknown.sum()) - len(data.y)) <= 9, "about a third, as in the file"
    np.savez(path, x=table[list("abc")].to_numpy(dtype="f4"), y=np.where(y < 0, np.nan, y))
    with pytest.raises(ValueError, match="targets that are not finite"):
        load_subject(Plan(**given, task="regression"))
    np.savez(path, x=table[list("abc")].to_numpy(dtype="f4"), y=np.full((ROWS, 2), np.nan))
    with pytest.raises(ValueError, match=r"(\d+) of the \1 inputs have no label"):
        load_subject(Plan(**given, task="multi_label"))


def test_inputs_whose_sets_of_labels_all_differ_are_divided(opened):
    sets = (np.arange(ROWS)[:, None] >> np.arange(6)) & 1  # each number's digits
    divided = np.bincount(strata(torch.from_numpy(sets)))
    assert divided.max() == ROWS
    few = strata(torch.tensor([[0, 1], [0, 1], [1, 1], [1, -1], [1, 1]]))
    assert (few[0], few[2]) == (few[1], few[4])
    assert len({*few.tolist()}) == 3


def test_gaps_words_and_dates_beside_a_number_to_foretell_are_prepared(opened, table):
    mixed = table.assign(c=["red", "blue", "green"] * 20)
    mixed.loc[::7, "a"] = np.nan
    with pytest.raises(ValueError, match="does not take inputs of shape"):
        opened(mixed)  # the prepared table has more features than this network takes
    (opened.folder / "net.py").write_text(NETS.replace("nn.Linear(3, 8)", "nn.Linear(6, 8)"))
    subject = opened(mixed)
    assert isinstance(subject.task, Regression)
    assert len(subject.data.y) == len(subject.data.train_y) == ROWS // 2
    assert subject.data.train_y.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": [1.5] * ROWS}, "is 1.5 for every input"),
        ({"y": ["", *["2.5"] * (ROWS - 1)]}, "in 1 of its 60 rows"),
        ({"y": ["tall", *map(str, range(ROWS - 1))]}, "holds 'tall', and its numbers are to be"),
    ],
)
def test_targets_that_cannot_be_foretold_are_named(opened, table, change, words):
    with pytest.raises(ValueError, match=words):
        opened(table.assign(**change), task="regression")


def test_arrays_hold_numbers_labels_or_masks(opened, tmp_path):
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, 3)).astype("f4")
    y = random.normal(size=(ROWS, 2)).astype("f4")
    np.savez(tmp_path / "a.npz", x=x, y=y, train_x=x + 1, train_y=y + 1)
    plan = Plan(model=f"python:{tmp_path}/net.py:two", data=f"npz:{tmp_path}/a.npz")
    data = load_subject(plan).data
    assert torch.equal(data.y, torch.from_numpy(y))
    assert torch.equal(data.train_y, torch.from_numpy(y + 1))
    pictures = random.random((20, 1, 6, 6)).astype("f4")
    masks = random.integers(0, 2, (20, 6, 6))
    np.savez(tmp_path / "m.npz", x=pictures, y=masks)
    plan = Plan(
        model=f"python:{tmp_path}/net.py:masks",
        data=f"npz:{tmp_path}/m.npz",
        task="segmentation",
        sparsity=0.5,
    )
    subject = load_subject(plan)
    assert isinstance(subject.task, Segmentation)
    assert subject.data.y.shape[1:] == (6, 6)
    report = run(plan, latency_runs=3)[2]
    assert [pair.metric for pair in report.quality] == ["mean_iou", "dice"]
    np.savez(tmp_path / "m.npz", x=pictures, y=masks[:, :5])
    with pytest.raises(ValueError, match="one label for each of 6 × 6 pixels"):
        load_subject(plan)


def test_inputs_that_are_trained_on_too_are_told_of_a_regression_as_of_labels(opened, tmp_path):
    random = np.random.default_rng(2)
    x, y = random.normal(size=(ROWS, 3)).astype("f4"), np.arange(ROWS) % 30
    np.savez(tmp_path / "twice.npz", x=x, y=y, train_x=x, train_y=y)
    plan = Plan(model=f"python:{tmp_path}/net.py:one", data=f"npz:{tmp_path}/twice.npz")
    subject = load_subject(plan)
    assert isinstance(subject.task, Regression)
    assert subject.data.y.dtype == subject.data.train_y.dtype == torch.float32
    assert opened_words.in_both_parts(ROWS, ROWS, 0, True) in subject.notes
