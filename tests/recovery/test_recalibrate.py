"""Recalibration: statistics are those of the network as it is now, and nothing else changes."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.evaluate import predict
from pruneviz.recovery.norms import batch_norms
from pruneviz.recovery.recalibrate import BATCH_SIZE, update_statistics
from pruneviz.subjects import Augmentation
from tests.recovering import begin, finish, same


def accuracy(model, data):
    return float((predict(model, data.x).argmax(1) == data.y).double().mean())


@pytest.fixture
def broken(digits):
    """The original with statistics that fit nothing."""
    model = copy.deepcopy(digits.teacher)
    for norm in batch_norms(model):
        norm.running_mean.add_(3.0)
        norm.running_var.mul_(9.0)
    return replace(digits, model=model, masks={})


def test_accuracy_lost_to_shifted_statistics_comes_back(broken):
    assert accuracy(broken.model, broken.data) < 0.5
    work = finish(begin(broken, "recalibrate"))
    assert work.curve[-1].value == accuracy(work.model, broken.data) > 0.97
    own = batch_norms(broken.teacher)
    for norm, expected in zip(batch_norms(work.model), own, strict=True):
        torch.testing.assert_close(norm.running_mean, expected.running_mean, rtol=0.3, atol=0.3)


def test_no_weight_changes(digits):
    work = finish(begin(digits, "recalibrate"))
    for (name, old), new in zip(
        digits.model.named_parameters(), work.model.parameters(), strict=True
    ):
        assert torch.equal(old, new), name
    assert all(not m.training for m in work.model.modules())
    assert [m.momentum for m in batch_norms(work.model)] == [0.1, 0.1, 0.1]


def test_the_average_is_torchs_own(digits):
    """A momentum of None makes PyTorch average over batches itself."""
    model, expected = copy.deepcopy(digits.model), copy.deepcopy(digits.model)
    for norm in batch_norms(model):
        norm.reset_running_stats()
    for norm in batch_norms(expected):
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for k, x in enumerate(digits.data.train_x[:512].split(BATCH_SIZE)):
        update_statistics(model, x, 1 / (k + 1))
        with torch.no_grad():
            expected(x)
    for a, b in zip(batch_norms(model), batch_norms(expected), strict=True):
        torch.testing.assert_close(a.running_mean, b.running_mean)
        torch.testing.assert_close(a.running_var, b.running_var)


def test_inputs_of_batches_weigh_alike_whatever_their_number(digits):
    few = finish(begin(digits, "recalibrate", inputs=1000, augmentation="none"))
    assert few.total == 8
    data = digits.data
    first = digits.model.conv1(data.train_x)  # (N, 32, 8, 8), what the first BatchNorm sees
    mean = batch_norms(few.model)[0].running_mean
    torch.testing.assert_close(mean, first.mean((0, 2, 3)), rtol=0.1, atol=0.02)
    settings = {"inputs": 10**6, "augmentation": "none", "keep_better": False}
    every = finish(begin(digits, "recalibrate", **settings))
    assert every.total == 10
    mean = batch_norms(every.model)[0].running_mean
    torch.testing.assert_close(mean, first.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_it_sees_inputs_as_training_did(digits):
    clean = replace(digits, data=replace(digits.data, augmentation=Augmentation(known=True)))
    moved = finish(begin(digits, "recalibrate")).model
    assert same(moved, finish(begin(clean, "recalibrate", augmentation="shift")).model)
    assert not same(moved, finish(begin(clean, "recalibrate")).model)
    assert same(
        finish(begin(clean, "recalibrate")).model,
        finish(begin(digits, "recalibrate", augmentation="none")).model,
    )


def test_an_unknown_augmentation_is_said(digits):
    data = replace(digits.data, augmentation=Augmentation())
    unknown = replace(digits, data=data)
    assert "is not known" in str(begin(unknown, "recalibrate").notes[0])
    assert begin(unknown, "recalibrate", augmentation="none").notes == []


def test_old_statistics_are_kept_where_they_are_better(digits):
    """Training inputs that are noise give statistics that only hurt."""
    noise = torch.randn_like(digits.data.train_x) * 5
    misled = replace(
        digits, model=digits.teacher, masks={}, data=replace(digits.data, train_x=noise)
    )
    kept = finish(begin(misled, "recalibrate"))
    assert same(kept.model, digits.teacher)
    assert "were left as they were" in str(kept.notes[-1])
    taken = finish(begin(misled, "recalibrate", keep_better=False))
    assert taken.curve[-1].value < kept.curve[-1].value - 0.1


def test_without_batch_norm_there_is_nothing_to_do(tumours):
    with pytest.raises(ValueError, match="nothing to recalibrate"):
        begin(tumours, "recalibrate")
    tracked = nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False))
    assert batch_norms(tracked) == []


def test_a_single_training_input_has_no_statistics(digits):
    data = replace(digits.data, train_x=digits.data.train_x[:1], train_y=digits.data.train_y[:1])
    with pytest.raises(ValueError, match="there is 1 training input"):
        begin(replace(digits, data=data), "recalibrate")
