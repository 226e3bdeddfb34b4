"""Tokens stand in the order read, with what each lost as colour, as number and as a line."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pruneviz.figures.inputs.tokens import (
    COLUMNS,
    LETTERS,
    attributed_tokens,
    lost_tokens,
    strongest_tokens,
)
from pruneviz.figures.kit.format import percent
from pruneviz.figures.kit.style import INK_ON_PALE, describe, on_dark

PIECES = ["def", " ", "a<b>", "(", "\n", "x" * 40, "return", " yes", ":", "end"]
BEFORE = -torch.arange(1.0, 11.0)
AFTER = BEFORE - torch.tensor([0, 2.0, -0.5, 0.25, 0, 0, 3.5, 0, 0.5, 0])


def cells(figure) -> tuple[np.ndarray, list[str]]:
    (heatmap,) = figure.data
    assert np.asarray(heatmap.z).shape == (2, COLUMNS)
    return np.asarray(heatmap.z, dtype=float).ravel(), [*np.asarray(heatmap.text).ravel()]


def test_each_token_has_its_change_as_colour_and_as_number():
    figure = lost_tokens(PIECES, BEFORE, AFTER)
    change, text = cells(figure)
    assert change[:10] == pytest.approx((AFTER - BEFORE).tolist())
    assert np.isnan(change[10:]).all()
    assert [each.rpartition("<br>")[2] for each in text[:4]] == ["+0.0", "−2.0", "+0.5", "−0.2"]
    (heatmap,) = figure.data
    assert (heatmap.zmin, heatmap.zmax) == (-3.5, 3.5), "0 is the middle of the scale"
    assert percent(math.exp(-1), 2) in heatmap.customdata[0][0]


def test_what_lost_a_nat_is_underlined_and_blanks_are_seen():
    _, text = cells(lost_tokens(PIECES, BEFORE, AFTER))
    assert [at for at, each in enumerate(text) if "<u>" in each] == [1, 6]
    assert text[1].startswith("<u>·</u>")
    assert text[4].startswith("⏎")
    assert text[2].startswith("a&lt;b&gt;"), "a token is text, no markup"
    assert text[5].startswith("x" * 8 + "…")


def test_words_on_pale_cells_stay_dark_on_a_dark_page():
    (heatmap,) = on_dark(lost_tokens(PIECES, BEFORE, AFTER)).data
    assert heatmap.textfont.color == INK_ON_PALE
    assert heatmap.textfont.size == LETTERS


def test_the_title_names_the_token_that_lost_most():
    figure = lost_tokens(PIECES, BEFORE, AFTER)
    assert "“return”: 3.5 nats, 33.1 times" in figure.layout.title.text.replace("<br>", " ")
    assert "return" in describe(figure)
    better = lost_tokens(PIECES, AFTER, AFTER + 1)
    assert "No token" in better.layout.title.text


def test_what_is_not_judged_has_no_colour_and_no_number():
    nothing = torch.full((10,), math.nan)
    change, text = cells(lost_tokens(PIECES, nothing, nothing))
    assert np.isnan(change).all()
    assert text[0] == "def"


def test_a_dash_in_a_token_stays_one_and_a_number_has_a_minus():
    values = torch.tensor([-1.5, 2.0])
    figure = attributed_tokens(["a-b", "-"], values, 2.0, "What counts", "logit")
    hovers = np.asarray(figure.data[0].customdata).ravel().tolist()
    assert hovers[:2] == [
        "token 0, “a-b”<br>attribution −1.5000",
        "token 1, “-”<br>attribution 2.0000",
    ]
    assert strongest_tokens(["a-b", "-"], values) == "“-” (+2.00), “a-b” (−1.50)"
