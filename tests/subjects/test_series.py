"""Series of channels and steps: told from images, in the units they come in, channel by channel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.explain import attribute
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.models.expectation import series_axis

NETS = """
import torch
from torch import nn
class Steps(nn.Module):
    def __init__(self, pooled=-1):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.o = nn.Conv1d(3, 8, 3), nn.Conv1d(8, 6, 3), nn.Linear(6, 2)
    def forward(self, x):
        return self.o(self.b(self.a(x).relu()).relu().mean(-1))
class Turned(Steps):
    def forward(self, x):
        return super().forward(x.transpose(1, 2))
class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.r, self.o = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 2)
    def forward(self, x):
        return self.o(self.r(x)[0][:, -1])
class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.o = nn.Linear(3, 8), nn.Linear(8, 2)
    def forward(self, x):
        return self.o(self.a(x).relu().mean(1))
"""
AXES = {"Steps": 1, "Turned": 2, "Recurrent": 2, "Rows": 2}
MEAN, STD = np.array([0.0, 50.0, 300.0]), np.array([1.0, 5.0, 90.0])


def series(tmp_path, name, whole=False, **more):
    """A network that takes series, 40 of them as it takes them, and what was recorded."""
    (tmp_path / "nets.py").write_text(NETS)
    drawn = np.random.default_rng(0).normal(size=(40, 3, 16)) * STD[:, None] + MEAN[:, None]
    recorded = np.abs(np.rint(drawn)).astype("i2") if whole else drawn.astype("f4")
    x = recorded if AXES[name] == 1 else recorded.transpose(0, 2, 1)
    np.savez(tmp_path / "series.npz", x=x, y=np.arange(40) % 2, **more)
    plan = Plan(model=f"python:{tmp_path}/nets.py:{name}", data=f"npz:{tmp_path}/series.npz")
    return load_subject(plan), x


@pytest.mark.parametrize("name", AXES)
def test_each_channel_has_its_own_mean_and_std(tmp_path, name):
    subject, x = series(tmp_path, name, mean=MEAN, std=STD)
    data, held_out = subject.data, [int(row.split()[1]) for row in subject.data.names]
    assert (data.kind, data.axis) == ("series", AXES[name])
    assert np.allclose(data.raw(data.x).numpy(), x[held_out], rtol=1e-5, atol=1e-4)
    lines = data.by_channel(data.x[0])
    assert lines.shape == (3, 16)
    given = x[held_out[0]] if data.axis == 1 else x[held_out[0]].T
    right = (given - MEAN[:, None]) / STD[:, None]
    assert np.allclose(lines.numpy(), right, atol=1e-4)
    average = data.train_x.double().movedim(data.axis, 0).flatten(1).mean(1)
    assert torch.allclose(data.average.flatten().double(), average, atol=1e-6)


@pytest.mark.parametrize("name", AXES)
def test_whole_numbers_of_a_sensor_are_no_pixels(tmp_path, name):
    subject, x = series(tmp_path, name, whole=True)
    held_out = [int(row.split()[1]) for row in subject.data.names]
    assert x.max() > 255
    assert np.array_equal(subject.data.x.numpy(), x[held_out].astype("f4"))
    assert "series of 3 channels and 16 steps" in subject.data.note


@pytest.mark.parametrize(
    ("first", "shape", "axis"),
    [
        (nn.Conv1d(3, 4, 3), (3, 16), 1), (nn.Conv1d(3, 4, 3), (16, 3), 2),
        (nn.Conv1d(3, 4, 3), (3, 3), 1), (nn.LSTM(3, 4), (16, 3), 2), (nn.LSTM(3, 4), (3, 16), 1),
        (nn.GRU(8, 4), (8, 8), 2), (nn.Linear(64, 4), (8, 8), 0), (nn.Linear(8, 4), (5, 8), 2),
        (nn.Linear(7, 4), (1, 7), 0), (nn.Conv2d(1, 4, 3), (8, 8), 0), (None, (8, 8), 0),
        (nn.Conv1d(3, 4, 3), (3, 8, 8), 0),
    ],
)  # fmt: skip
def test_the_first_layer_says_where_the_channels_are(first, shape, axis):
    assert series_axis(first, shape) == axis


def test_images_read_row_by_row_are_bytes_all_the_same(tmp_path):
    (tmp_path / "nets.py").write_text(NETS.replace("nn.GRU(3", "nn.GRU(8"))
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8))
    np.savez(tmp_path / "rows.npz", x=x, y=np.arange(40) % 2)
    model, data = f"python:{tmp_path}/nets.py:Recurrent", f"npz:{tmp_path}/rows.npz"
    found = load_subject(Plan(model=model, data=data)).data
    assert found.x.max() <= 1
    assert found.x.max() > 0.9


@pytest.mark.parametrize("name", ["Steps", "Turned"])
def test_ablation_and_grad_cam_follow_the_steps(tmp_path, name):
    """Oracles: the answers with a stretch set to the average; the maps of the last convolution."""
    subject, _ = series(tmp_path, name, mean=MEAN, std=STD)
    data, model = subject.data, subject.model
    x, average = data.x[:1], data.average.expand_as(data.x[:1])
    found = attribute(model, x, 1, "feature_ablation", {"patches": 4}, data.average, data.axis)
    channel, steps = 1, slice(4, 8)
    without = x.clone()
    data.by_channel(without[0])[channel, steps] = data.by_channel(average[0])[channel, steps]
    with torch.no_grad():
        fall = float(model(x)[0, 1] - model(without)[0, 1])
    assert np.allclose(data.by_channel(found.values[0])[channel, steps].numpy(), fall, atol=1e-6)

    cam = attribute(model, x, 1, "grad_cam", {}, data.average, data.axis)
    with torch.no_grad():
        lines = data.by_channel(x[0])[None]
        maps = model.b(model.a(lines).relu())
        # the gradient of the answer by a map's value is the weight over steps, where it is positive
        weights = (model.o.weight[1][:, None] * (maps[0] > 0) / maps.shape[-1]).mean(1)
        heat = (weights[:, None] * maps[0]).sum(0).relu()[None, None]
        right = nn.functional.interpolate(heat, 16, mode="linear")[0, 0]
    assert torch.allclose(data.by_channel(cam.values[0]).sum(0), right, atol=1e-6)
