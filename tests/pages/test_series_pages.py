"""Every page opens with series of channels and steps, and shows them as such."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.figures.inputs import series
from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.session import link

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
NETS = """
import torch
from torch import nn
class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.o = nn.Conv1d(3, 8, 3), nn.Conv1d(8, 6, 3), nn.Linear(6, 2)
    def forward(self, x):
        return self.o(self.b(self.a(x).relu()).tanh().mean(-1))
class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.r, self.o = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 2)
    def forward(self, x):
        return self.o(self.r(x)[0][:, -1])
"""


def opened(tmp_path, monkeypatch, page, name="Steps"):
    (tmp_path / "nets.py").write_text(NETS)
    drawn = np.random.default_rng(0).normal(size=(2, 40, 3, 16))
    x = (3 * drawn[0] + 3 * drawn[1].mean(-1, keepdims=True) * 4).astype("f4")
    x = x if name == "Steps" else x.transpose(0, 2, 1)
    np.savez(tmp_path / "series.npz", x=x, y=np.arange(40) % 2)
    model, data = f"python:{tmp_path}/nets.py:{name}", f"npz:{tmp_path}/series.npz"
    for variable, value in settings.variables([model], [data]).items():
        monkeypatch.setenv(variable, value)
    at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=300)
    at.query_params["plan"] = link.encode(Plan(model=model, data=data, sparsity=0.7))
    at.run()
    assert not at.exception
    assert not at.error
    return at


def charts(at):
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_with_series(tmp_path, monkeypatch, page):
    at = opened(tmp_path, monkeypatch, page)
    assert [title.value for title in at.title] == [page.capitalize()]


@pytest.mark.parametrize("name", ["Steps", "Recurrent"])
def test_an_attribution_has_a_row_for_each_channel(tmp_path, monkeypatch, name):
    at = opened(tmp_path, monkeypatch, "attributions", name)
    kinds = [trace["type"] for trace in charts(at)[0]["data"]]
    assert kinds == ["heatmap", "scatter"] * 6
    assert any("is strongest in channel" in caption.value for caption in at.caption)


def test_disagreements_are_pictures_that_can_be_explained(tmp_path, monkeypatch):
    drawn = []
    small = series.small
    monkeypatch.setattr(series, "small", lambda raw: drawn.append(raw.shape) or small(raw))
    at = opened(tmp_path, monkeypatch, "compare")
    explained = [button for button in at.button if button.label == "Explain"]
    assert explained
    assert drawn == [(3, 16)] * len(explained)
