"""The small curve behind a slider: where its points lie, and what it says in words."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.figures.sensitivity import spark
from pruneviz.metrics import METRICS
from pruneviz.sensitivity.metrics import point_metric

NS = {"svg": "http://www.w3.org/2000/svg"}


def table(*rows):
    return pd.DataFrame(rows, columns=["sparsity", "change", "change_low", "change_high"])


def paths(svg):
    """Return the numbers of each path: band, area, curve, as (x, y) pairs."""
    found = ET.fromstring(svg).findall("svg:path", NS)
    numbers = [[float(n) for n in re.findall(r"-?[\d.]+(?:e-?\d+)?", p.get("d"))] for p in found]
    return [list(zip(each[::2], each[1::2], strict=True)) for each in numbers]


ROWS = table((0.5, -0.05, -0.08, -0.02), (0.9, -0.2, -0.3, -0.1), (0.1, 0.01, -0.01, 0.03))


def test_points_lie_at_their_amount_and_as_high_as_their_loss():
    curve = paths(spark.spark(ROWS, 0.2))[2]
    assert curve == [(0, 20), (10, 20), (50, pytest.approx(15)), (90, 0)]


def test_the_area_stands_on_the_rail_and_the_band_holds_the_curve():
    band, area, curve = paths(spark.spark(ROWS, 0.4))
    assert area[: len(curve)] == curve
    assert area[len(curve) :] == [(90, 20), (0, 20)]
    upper, lower = band[: len(curve)], band[len(curve) :][::-1]
    for (x, high), (_, low), (at, y) in zip(upper, lower, curve, strict=True):
        assert x == at
        assert high <= y <= low


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(-1, 1)), min_size=1, max_size=9))
def test_no_point_leaves_the_picture(pairs):
    rows = table(*[(s, c, max(-1, c - 0.1), min(1, c + 0.1)) for s, c in pairs])
    for path in paths(spark.spark(rows, spark.scale(rows))):
        assert all(0 <= x <= 100 and 0 <= y <= spark.HEIGHT for x, y in path)


def test_one_scale_holds_for_all_layers_and_noise_stays_low():
    assert spark.scale(ROWS) == pytest.approx(0.2)
    assert spark.scale(table((0.5, -0.001, -0.01, 0.01))) == spark.LEAST_SCALE
    assert spark.scale(table()) == spark.LEAST_SCALE


def test_a_curve_of_an_error_rises_as_the_error_does():
    error = point_metric(METRICS.get("mae"))
    turned = pd.DataFrame(
        [(s, -c, -high, -low) for s, c, low, high in ROWS.itertuples(index=False)],
        columns=["sparsity", "mae_change", "mae_change_low", "mae_change_high"],
    )
    assert spark.spark(turned, 0.2, error) == spark.spark(ROWS, 0.2)
    assert spark.scale(turned, error) == spark.scale(ROWS)
    assert spark.scale(turned.iloc[:0], error, 40.0) == 4.0, "a tenth of what the original has"
    said = spark.sentence(turned, error)
    assert said == "At 50 % alone: +0.050 of mean absolute error (+0.020 to +0.080)."
    assert spark.top_in_words(4.0, error.metric) == "4.000 of mean absolute error added"
    assert spark.top_in_words(0.12, METRICS.get("accuracy")) == "12 points lost"
    endless = turned.assign(mae_change_low=float("-inf"), mae_change_high=float("inf"))
    assert spark.sentence(endless, error) == "At 50 % alone: +0.050 of mean absolute error."


def test_what_is_not_measured_is_not_drawn():
    nan = float("nan")
    assert spark.spark(table(), 0.1) == ""
    assert spark.spark(table((0.5, nan, nan, nan)), 0.1) == ""
    assert spark.sentence(table((0.5, nan, nan, nan))) == ""
    half = spark.spark(table((0.1, -0.01, -0.02, 0.0), (0.5, nan, nan, nan)), 0.1)
    assert paths(half)[2][-1][0] == 10


def test_the_sentence_says_what_half_costs_with_its_interval():
    assert spark.sentence(ROWS) == "At 50 % alone: −5.0 points (−8.0 to −2.0)."
    assert spark.sentence(ROWS.iloc[2:]).startswith("At 10 % alone: +1.0 points (−1.0 to +3.0)")


def test_an_address_holds_the_picture_and_nothing_that_a_style_could_read():
    svg = spark.spark(ROWS, 0.2)
    head, _, code = spark.data_uri(svg).partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(code).decode() == svg
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", code)
