"""Pictures of series hold every channel's values, and the attributions under them."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import torch

from pruneviz.figures.inputs import detectors, series
from pruneviz.figures.kit.style import REMOVED, describe

RAW = torch.stack([torch.linspace(0, 1, 40), 300 + torch.zeros(40), torch.arange(40) % 7 * 1.0])


def test_attributions_lie_under_the_line_of_their_channel():
    original, pruned = torch.randn(3, 40), torch.randn(3, 40)
    figure = series.attribution_lines(RAW, original, pruned, "Alike", ("pulse",))
    bands = [trace for trace in figure.data if trace.type == "heatmap"]
    lines = [trace for trace in figure.data if trace.type == "scatter"]
    assert len(bands) == len(lines) == 6
    for place, (band, line) in enumerate(zip(bands, lines, strict=True)):
        channel, values = place // 2, (original, pruned)[place % 2]
        assert np.allclose(band.z[0], values[channel].numpy())
        assert np.allclose(line.y, RAW[channel].numpy())
        assert band.y0 - band.dy / 2 < line.y.min() <= line.y.max() < band.y0 + band.dy / 2
    scale = figure.layout.coloraxis
    largest = float(torch.stack([original, pruned]).abs().max())
    assert (scale.cmin, scale.cmax) == (-largest, largest)
    assert figure.layout.yaxis.title.text == "pulse"
    assert "step" in describe(figure)


def test_of_many_channels_those_with_most_attribution_are_shown_and_the_rest_is_said():
    original = torch.zeros(20, 30)
    original[7, 25] = 3
    original[2, 1] = -1
    assert {2, 7} <= set(series.strongest_channels(original, original))
    words = series.where(original, -original)
    assert "channel 7, the last third: 75 % of it, mostly for the class" in words
    assert "mostly against the class" in words
    assert "6 channels of 20" in words
    assert "0 everywhere" in series.where(torch.zeros(20, 30), original)


def test_a_long_series_keeps_its_peaks():
    raw = torch.zeros(1, 100_000)
    raw[0, 54_321], raw[0, 12_345] = 5, -4
    figure = series.attribution_lines(raw, raw, raw, "Alike")
    for trace in figure.data:
        values = np.asarray(trace.y if trace.type == "scatter" else trace.z)
        assert values.size <= 1000
        assert (values.min(), values.max()) == (-4, 5)


def test_a_small_picture_has_a_line_for_each_channel():
    lines = re.findall(r'points="([^"]*)"', series.small(RAW))
    points = [np.array([[float(n) for n in p.split(",")] for p in line.split()]) for line in lines]
    assert len(points) == 3
    heights = [p[:, 1] for p in points]
    assert np.allclose(np.corrcoef(-heights[0], RAW[0])[0, 1], 1)
    assert np.ptp(heights[1]) == 0
    for above, below in pairwise(heights):
        assert above.max() < below.min()


def test_outputs_along_steps_are_rows_and_removed_ones_are_pale():
    maps, keep = torch.randn(5, 9), torch.tensor([1, 0, 1, 1, 0]).bool()
    shares = (torch.ones(5), keep * 1.0)
    figure = detectors.tracks(detectors.Channels("c1", maps, maps * keep[:, None], keep, shares))
    before, after, pale = figure.data
    assert np.allclose(np.asarray(before.z)[::2], maps.numpy())
    assert np.isnan(np.asarray(after.z)[[2, 8]]).all()
    assert (np.asarray(pale.z)[[2, 8]] == 1).all()
    assert pale.colorscale[0][1] == REMOVED
    assert "3 of 5 channels stay" in figure.layout.title.text
