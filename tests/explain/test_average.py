"""Attributions of the user's own data begin at the average input, in whatever units it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.explain import attribute
from pruneviz.plan import Plan
from pruneviz.subjects import Subject, load_subject
from pruneviz.subjects.sample_data import load_sample_data
from pruneviz.ui import settings
from pruneviz.ui.engine import explaining

METHODS = ("integrated_gradients", "input_x_gradient", "feature_ablation")
NETWORKS = """
import torch
from torch import nn


def table():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    with torch.no_grad():
        model[0].weight[:, 2] = torch.linspace(-0.02, 0.02, 8)
    return model


def line():
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))


def colours():
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
"""


@pytest.fixture
def load(tmp_path: Path):
    (tmp_path / "net.py").write_text(NETWORKS, encoding="utf-8")

    def run(model: str, x: np.ndarray, **more: object) -> tuple[Plan, Subject]:
        y = np.arange(len(x)) % 2
        np.savez(tmp_path / "own.npz", x=x.astype("float32"), y=y, **more)  # type: ignore[arg-type]
        plan = Plan(
            model=f"python:{tmp_path / 'net.py'}:{model}", data=f"npz:{tmp_path / 'own.npz'}"
        )
        return plan, load_subject(plan)

    return run


def rows(count: int = 60) -> np.ndarray:
    """Four columns: a fraction, a constant, one around 100 that decides nothing, and a tiny one."""
    z = np.random.RandomState(0).randn(count, 4)
    return z * [1, 0, 1e-3, 1e-7] + [0.5, 7, 100, 3e-6]


@pytest.mark.parametrize("method", METHODS)
def test_a_column_that_decides_nothing_gets_nothing(load, method, monkeypatch):
    plan, subject = load("table", rows())
    monkeypatch.setattr(settings, "models", lambda: (plan.model,))
    monkeypatch.setattr(settings, "data", lambda: (plan.data,))
    data = subject.data
    assert data is not None
    for index in range(4):
        found = explaining.explanation(plan, "original", index, "class 1", (), method, {})
        shares = found.values[0].abs() / found.values.abs().sum()
        assert shares[0] > 0.99
        assert shares[1] == 0
        assert shares[2] < 0.01
        assert found.valid


@pytest.mark.parametrize("method", METHODS)
def test_on_a_line_each_value_is_weight_times_distance_from_the_average(load, method):
    _, subject = load("line", rows())
    data, weight = subject.data, subject.model[1].weight.double()
    assert data is not None
    mean = data.train_x.double().mean(0)
    for index in range(3):
        x = data.x[index : index + 1]
        values = attribute(subject.model, x, 0, method, average=data.average).values
        wanted = weight[0] * (x.double() - mean)
        torch.testing.assert_close(values.double(), wanted, atol=2e-5, rtol=1e-4)


def test_the_sum_is_the_rise_from_the_average(load):
    x = np.random.RandomState(0).rand(40, 2, 6, 6)
    x[:, 1] = x[:, 1] * 1e-3 + 100  # a channel that decides nothing
    _, subject = load("colours", x)
    data = subject.data
    assert data is not None
    assert data.average.shape == (1, 2, 1, 1)
    start = data.train_x.double().mean((0, 2, 3)).float().view(1, 2, 1, 1)
    torch.testing.assert_close(data.average, start)
    one = data.x[:1]
    found = attribute(subject.model, one, 0, "integrated_gradients", average=data.average)
    rise = subject.model(one) - subject.model(start.expand_as(one))
    assert float(found.values.sum()) == pytest.approx(float(rise[0, 0]), abs=1e-4)
    assert found.values[0, 1].abs().sum() < 0.02 * found.values[0, 0].abs().sum()
    patches = attribute(subject.model, one, 0, "feature_ablation", average=data.average)
    assert float(patches.values.abs().max()) < 1


def test_the_average_is_that_of_the_training_part_and_changes_nothing_else(load):
    train = rows(90) + 3
    y = np.arange(90) % 2
    _, subject = load("table", rows(), train_x=train.astype("float32"), train_y=y)
    data = subject.data
    assert data is not None
    torch.testing.assert_close(data.average[0], torch.from_numpy(train.mean(0)).float())
    torch.testing.assert_close(data.x, torch.from_numpy(rows()).float())
    assert (data.mean, data.std) == ((0.0,) * 4, (1.0,) * 4)


def test_average_of_tiny_values_is_not_zero(load):
    _, subject = load("table", rows())
    assert subject.data is not None
    assert float(subject.data.average[0, 3]) == pytest.approx(3e-6, rel=0.1)


@pytest.mark.parametrize("name", ["digits", "tumour"])
def test_standardised_samples_average_at_zero(name):
    assert not load_sample_data(name).average.any()
