"""Figures hold what was given, stay small, set no template, and say what to see."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from pruneviz.figures import compare, weights
from pruneviz.figures.inputs import detectors, images
from pruneviz.figures.kit.pool import mean, strongest
from pruneviz.figures.kit.style import ORIGINAL, ORIGINAL_ON_DARK, PRUNED, REMOVED, on_dark
from pruneviz.granularity.matrix import axes
from pruneviz.measure.quality import by_class
from pruneviz.report import Amount

MATRICES = arrays(
    float, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.floats(-9, 9)
)


@given(MATRICES, st.integers(1, 50))
def test_pooling_keeps_the_strongest_and_the_limit(matrix, limit):
    pooled = strongest(matrix, limit)
    assert max(pooled.shape) <= limit
    assert np.abs(pooled).max() == np.abs(matrix).max()
    assert np.isin(pooled, matrix).all()
    assert mean(matrix, limit).max() <= matrix.max() + 1e-9
    if max(matrix.shape) <= limit:
        assert np.array_equal(pooled, matrix)
        assert np.array_equal(mean(matrix, limit), matrix)


def test_pooling_passes_over_what_is_not_there():
    gone = np.array([[np.nan, -2.0], [1.0, np.nan]])
    assert strongest(gone, 1).tolist() == [[-2.0]]
    assert mean(gone, 1).tolist() == [[-0.5]]
    assert np.isnan(strongest(np.full((2, 2), np.nan), 1)).all()


def _title(figure: go.Figure) -> str:
    return figure.layout.title.text.replace("<br>", " ")


def _logits(seed, n=120, classes=4):
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(seed))


VIEW = axes(nn.Conv2d(4, 8, 3)).view(36, (1, 1), lines=2, inputs_last=True)


def test_a_view_puts_groups_side_by_side_and_parts_them():
    weight = torch.arange(8.0 * 4 * 9).reshape(8, 4, 3, 3) + 1
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask[:, 2:] = False  # the last two inputs of every kernel place
    figure = weights.heatmap("conv1", weight, mask, VIEW)
    pale, cells, lines = figure.data
    groups = np.asarray(pale.z).reshape(8, 18, 2)
    assert (groups[:, 1::2] == 1).all()
    assert np.isnan(groups[:, ::2]).all()
    assert cells.z[0, 4] == weight[0, 0, 0, 1]
    assert sorted({x for x in lines.x if x is not None}) == [k - 0.5 for k in range(2, 36, 2)]
    assert "kernel position × input" in figure.layout.xaxis.title.text
    linear = weights.heatmap("head", torch.ones(2, 3), None)
    assert linear.layout.xaxis.title.text == "input (index)"
    block = axes(nn.Conv2d(4, 8, 3)).view(36, (4, 6), lines=6)
    drawn = weights.heatmap("conv1", weight, mask, block).data[2]
    assert 3.5 in drawn.y
    assert len(weights.heatmap("conv1", weight, mask).data) == 2


def test_groups_of_a_large_layer_are_seen_close_up():
    view = axes(nn.Conv2d(64, 64, 3)).view(576, (1, 1), lines=4, inputs_last=True)
    torch.manual_seed(0)
    weight = torch.randn(64, 64, 3, 3)
    mask = torch.rand(64, 64, 3, 3) > 0.5
    assert not weights.is_parted(weights.heatmap("conv3", weight, mask, view))
    near = weights.closeup("conv3", weight, mask, view)
    assert weights.is_parted(near)
    pale, cells, lines = near.data
    stays = view.picture(mask).numpy()[:24, :96]
    assert np.array_equal(np.asarray(pale.z) == 1, ~stays)
    assert np.array_equal(np.isnan(np.asarray(cells.z)), ~stays)
    assert sorted({x for x in lines.x if x is not None}) == [k - 0.5 for k in range(4, 96, 4)]
    assert near.layout.title.text.startswith("conv3, close up: 1.2 k of 2.3 k weights stay")


def _figures():
    torch.manual_seed(0)
    weight, mask = torch.randn(8, 4, 3, 3), torch.rand(8, 4, 3, 3) > 0.5
    maps, keep = torch.randn(8, 6, 6), torch.tensor([1, 0, 1, 1, 0, 1, 1, 1]).bool()
    shares = (torch.randn(8), torch.randn(8) * keep)
    channels = detectors.Channels("conv1", maps, maps * keep[:, None, None], keep, shares)
    labels = torch.randint(4, (120,))
    table = by_class(_logits(0), _logits(1), labels, ["a", "b", "c", "d"])
    ms = np.random.default_rng(0).gamma(9, 0.1, (2, 80))
    amounts = {"Parameters": (Amount(original=100, pruned=40), "40 of 100")}
    return {
        "heatmap": weights.heatmap("conv1", weight, mask),
        "heatmap, whole": weights.heatmap("conv1", weight, None),
        "heatmap, all gone": weights.heatmap("conv1", weight, torch.zeros_like(mask)),
        "heatmap, in groups": weights.heatmap("conv1", weight, mask, VIEW),
        "heatmap, close up": weights.closeup("conv1", weight, mask, VIEW),
        "distribution": weights.distribution("conv1", weight, mask),
        "images": images.attribution_pair(torch.rand(1, 8, 8), maps[0], maps[1], "Alike"),
        "bars": images.attribution_bars(("age", "size"), torch.randn(2), torch.randn(2), "Alike"),
        "grid": detectors.grid(channels),
        "channels": detectors.bars(channels, "cat"),
        "by class": compare.by_class(table),
        "latency": compare.latency(*ms),
        "sizes": compare.sizes(amounts),
    }


@pytest.mark.parametrize("name", list(_figures()))
def test_every_figure_says_what_to_see_and_leaves_the_theme_alone(name):
    figure = _figures()[name]
    assert figure.layout.title.text
    assert figure.layout.template == go.Figure().layout.template  # Plotly's own, never one set
    assert figure.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"
    json.loads(figure.to_json())


def test_removed_weights_are_pale_and_kept_ones_are_exact():
    weight, mask = torch.randn(6, 5), torch.rand(6, 5) > 0.5
    pale, shown = weights.heatmap("fc", weight, mask).data
    assert pale.colorscale[0][1] == REMOVED
    assert np.array_equal(pale.z == 1, ~mask.numpy())
    assert np.array_equal(np.isnan(shown.z), ~mask.numpy())
    assert np.allclose(shown.z[mask.numpy()], weight[mask].numpy())
    bars = weights.distribution("fc", weight, mask).data
    assert [int(b.y.sum()) for b in bars] == [int(mask.sum()), int((~mask).sum())]


def test_a_large_layer_is_pooled_before_it_travels():
    figure = weights.heatmap("fc", torch.randn(2000, 2000), torch.rand(2000, 2000) > 0.9)
    assert figure.data[1].z.shape == (500, 500)
    assert figure.layout.xaxis.title.text.endswith(", 4×4 weights a cell")
    assert figure.data[1].x[1] - figure.data[1].x[0] == 4


def test_both_attributions_share_one_symmetric_scale():
    a, b = torch.randn(8, 8), 5 * torch.randn(8, 8)
    figure = images.attribution_pair(torch.rand(3, 8, 8), a, b, "x")
    axis = figure.layout.coloraxis
    assert -axis.cmin == axis.cmax == pytest.approx(float(torch.stack([a, b]).abs().max()))
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert [trace.coloraxis for trace in maps] == ["coloraxis", "coloraxis"]


@pytest.mark.parametrize("size", [(8, 8), (1200, 900), (28, 700)])
def test_an_attribution_lies_over_the_very_pixels_of_its_input(size):
    figure = images.attribution_pair(
        torch.rand(3, *size), torch.randn(size), torch.randn(size), "x"
    )
    assert [trace.type for trace in figure.data] == ["image", "heatmap"] * 2
    for trace in figure.data:
        cells = np.asarray(trace.z).shape[:2]
        for start, step, count, along in (
            (trace.x0, trace.dx, cells[1], size[1]),
            (trace.y0, trace.dy, cells[0], size[0]),
        ):
            assert start - step / 2 == pytest.approx(-0.5)
            assert start + (count - 0.5) * step == pytest.approx(along - 0.5)


def test_nothing_hides_the_input_where_the_attribution_is_zero():
    middle = dict(images.OVERLAY)[0.5]
    assert middle.endswith(", 0)")
    clear = [float(colour.rpartition(",")[2].strip(" )")) for _, colour in images.OVERLAY]
    assert clear == clear[::-1] == sorted(clear[:3], reverse=True) + sorted(clear[3:])


def test_words_say_where_an_attribution_is_strongest():
    values = torch.zeros(9, 12)
    values[7, 1] = -2.0
    values[4, 5] = 1.0
    said = images.where(values, -values)
    assert said.startswith(
        "The original's attribution is strongest in the bottom left: 67 % of it, mostly against"
    )
    assert "pruned network's is strongest in the bottom left: 67 % of it, mostly for" in said
    assert images.where(values, 0 * values).endswith("The pruned network's is 0 everywhere.")


def test_pictures_are_bytes_and_small_ones_are_enlarged_sharply():
    raw = torch.rand(1, 8, 8)
    shown = images.picture(raw, least=96)
    assert shown.shape == (96, 96, 3)
    assert shown.dtype == np.uint8
    assert np.array_equal(shown[::12, ::12], images.picture(raw))
    assert images.picture(torch.rand(3, 1200, 900)).shape == (400, 300, 3)


def test_surviving_channels_keep_their_numbers():
    figure = _figures()["grid"]
    texts = {t for trace in figure.data for t in np.asarray(trace.text).flatten() if t}
    assert "channel 1: removed" in texts
    assert "channel 4: removed" in texts
    assert not any(t.startswith("channel 0: removed") for t in texts)
    assert "6 of 8 channels stay" in _title(figure)


def test_titles_say_no_more_than_the_numbers():
    same = by_class(_logits(0), _logits(0), torch.randint(4, (120,)), ["a", "b", "c", "d"])
    assert "No class loses" in _title(compare.by_class(same))
    whole = compare.sizes({"MACs": (Amount(original=10, pruned=10), "")})
    assert _title(whole) == "Nothing is smaller yet"


def test_passes_that_the_axis_leaves_out_are_counted():
    ms = np.ones(20)
    slow = np.r_[np.ones(18), 9.0, 50.0]
    assert compare.beyond(ms, ms) == 0
    assert compare.beyond(ms, slow) == compare.beyond(slow, ms) == 2
    figure = compare.latency(ms, slow)
    assert figure.layout.xaxis.range[1] < 9


@pytest.mark.parametrize("name", ["channels", "by class", "latency", "sizes", "bars"])
def test_on_a_dark_page_the_original_is_lighter_and_nothing_else_changes(name):
    figure = _figures()[name]
    dark = on_dark(go.Figure(figure)).to_json()
    assert ORIGINAL not in json.dumps(json.loads(dark)["data"])
    assert (
        json.loads(dark)["data"]
        == json.loads(figure.to_json().replace(ORIGINAL, ORIGINAL_ON_DARK))["data"]
    )
    assert PRUNED in dark


def test_of_many_classes_those_that_change_most_are_shown():
    classes = [str(i) for i in range(100)]
    y = torch.arange(100).repeat(5)
    table = by_class(_logits(0, 500, 100), _logits(1, 500, 100), y, classes)
    figure = compare.by_class(table)
    assert len(figure.data[0].x) == 25
    assert "25 of 100" in _title(figure)
