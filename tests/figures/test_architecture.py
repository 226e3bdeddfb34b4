"""Laws of the architecture's figures: every layer a row, no rail on another, numbers beside it."""

from __future__ import annotations

from itertools import combinations

import plotly.graph_objects as go
import pytest

from pruneviz.figures import architecture, layer_costs
from pruneviz.figures.kit.style import ORIGINAL, PRUNED, SERIES, describe
from pruneviz.measure.by_layer import REST, LayerCost
from pruneviz.report import Amount
from tests.ui.test_contrast import LEAST, contrast

# Plotly's default at the moment the figures were made (Streamlit sets another when imported).
NO_TEMPLATE_OF_OURS = go.Figure().layout.template


def layer(
    name: str, width: tuple[int, int] | None, groups=(), inputs=(), reason: str = ""
) -> LayerCost:
    before, after = width or (5, 5)
    return LayerCost(
        name=name,
        kind="Conv2d" if width else "",
        width=Amount(original=before, pruned=after) if width else None,
        parameters=Amount(original=9 * before, pruned=9 * after),
        macs=Amount(original=900 * before, pruned=900 * after),
        groups=groups,
        inputs=inputs,
        reason=reason,
    )


ROWS = (
    layer("conv1", (64, 38), (1,)),
    layer("conv2", (64, 64), (2,), (1,)),
    layer("<b>conv3</b>", (64, 38), (1,), (2,)),
    layer("fc", (10, 10), (), (1,), "they are the model's outputs"),
    layer(REST, None),
)
PLAIN = tuple(layer(name, (8, 8)) for name in ("fc1", "fc2"))
LONG = tuple(layer(f"features.block{i}.layer{i}.branch.conv", (i + 2, 1), (i,)) for i in range(200))
FIGURES = {
    "network": architecture.network(ROWS, "conv1", 1),
    "single weights": architecture.network(PLAIN),
    "200 layers": architecture.network(LONG, "", 3),
    "no layer": architecture.network(()),
    "costs": layer_costs.costs(ROWS, "conv1"),
    "costs of 200": layer_costs.costs(LONG),
    "costs of nothing": layer_costs.costs(()),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_says_what_to_see_and_follows_the_theme(figure: go.Figure) -> None:
    assert figure.layout.title.text
    assert "(" in figure.layout.xaxis.title.text
    assert "count" in figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text or len(figure.data[0].y) > architecture.FEW
    assert figure.layout.template == NO_TEMPLATE_OF_OURS
    assert figure.layout.paper_bgcolor.replace(" ", "") == "rgba(0,0,0,0)"
    assert figure.layout.title.text.replace("<br>", " ") in describe(figure)


@pytest.mark.parametrize("rows", [ROWS, PLAIN, LONG], ids=["few", "plain", "200"])
def test_every_layer_is_a_row_in_forward_order_however_many_there_are(rows) -> None:
    figure = architecture.network(rows)
    names = [row.name for row in rows if row.width]
    for bar in figure.select_traces({"type": "bar"}):
        assert list(bar.y) == names
        assert [data[0] for data in bar.customdata] == names
    assert list(figure.layout.yaxis.range) == [len(names) - 0.5, -0.5]
    room = figure.layout.height - figure.layout.margin.t
    assert room >= architecture.ROW_HEIGHT * len(names)


def test_what_stays_and_what_goes_make_the_original_width() -> None:
    stays, goes = FIGURES["network"].select_traces({"type": "bar"})
    assert list(stays.x) == [38, 64, 38, 10]
    assert list(goes.x) == [26, 0, 26, 0]
    assert list(goes.text) == ["64 → 38", "64", "64 → 38", "10, whole"]
    assert stays.marker.pattern.shape[3]
    assert not stays.marker.pattern.shape[0]


def test_a_group_has_one_colour_one_lane_and_its_number_on_every_row() -> None:
    figure = FIGURES["network"]
    marks = next(figure.select_traces({"mode": "markers+text"}))
    by_group: dict[str, set[tuple[float, str]]] = {}
    for number, x, shade in zip(marks.text, marks.x, marks.marker.color, strict=True):
        by_group.setdefault(number, set()).add((x, shade))
    assert {number: len(found) for number, found in by_group.items()} == {"1": 1, "2": 1}
    assert sorted(marks.text) == ["1", "1", "2"]
    colours = figure.data[0].marker.color
    assert colours[0] == colours[2] == SERIES[0]
    assert colours[1] == SERIES[1]


def test_groups_in_sight_have_colours_of_their_own_and_numbers_that_read() -> None:
    shades = [architecture.colour(group) for group in range(1, 21)]
    assert len(set(shades)) == len(shades)
    assert not {ORIGINAL, PRUNED} & set(shades)
    levels = [[int(shade[at : at + 2], 16) for at in (1, 3, 5)] for shade in shades]
    nearest = min(
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
        for one, other in combinations(levels, 2)
    )
    assert nearest > 30**2
    for shade in shades:
        assert contrast(architecture.ink(shade), shade) >= LEAST


def test_the_chosen_group_stands_on_a_band_and_who_takes_it_in_has_a_triangle() -> None:
    figure = FIGURES["network"]
    assert [(shape.y0, shape.y1) for shape in figure.layout.shapes] == [(-0.5, 0.5), (1.5, 2.5)]
    takers = next(figure.select_traces({"mode": "markers"}))
    assert takers.marker.symbol == architecture.ARROW
    assert list(takers.y) == ["conv2", "fc"]
    assert figure.layout.yaxis.ticktext[0] == "<b>conv1</b>"


@pytest.mark.parametrize(
    "places",
    [{1: [0, 2, 4], 2: [1], 3: [3], 4: [5]}, {1: [0, 9], 2: [1, 8], 3: [2, 3], 4: [4]}, {}],
)
def test_no_two_groups_share_a_row_of_one_lane(places: dict[int, list[int]]) -> None:
    lanes = architecture.lanes_of(places)
    taken: set[tuple[int, int]] = set()
    for group, rows in places.items():
        here = {(lanes[group], row) for row in range(rows[0], rows[-1] + 1)}
        assert not here & taken
        taken |= here
    assert max(lanes.values(), default=0) <= 2


def test_titles_say_what_to_see() -> None:
    def title(figure: go.Figure) -> str:
        return figure.layout.title.text.replace("<br>", " ")

    assert title(FIGURES["network"]).startswith("4 layers, 2 groups: group 1 ties 2 layers")
    assert "no two layers" in title(FIGURES["200 layers"])
    assert "none of them" in title(FIGURES["single weights"])
    assert "cannot" in title(architecture.network(ROWS, possible=False))
    assert title(FIGURES["costs"]).startswith("conv1 holds most: 31 % of the parameters, 31 % of")


def test_the_costs_are_in_the_colours_of_the_app_with_each_layers_share() -> None:
    bars = list(FIGURES["costs"].select_traces({"type": "bar"}))
    assert [bar.marker.color for bar in bars] == [ORIGINAL, PRUNED] * 2
    assert [bar.name for bar in bars if bar.showlegend] == ["original", "pruned"]
    assert bars[0].x[0] == 9 * 64
    assert bars[3].x[0] == 900 * 38
    assert bars[0].text[0] == "31 %"
    assert [data[0] for data in bars[0].customdata][-2:] == ["fc", ""]


def test_names_are_shown_as_they_stand_and_long_ones_keep_their_end() -> None:
    assert architecture.short("<b>conv3</b>") == "&lt;b&gt;conv3&lt;/b&gt;"
    long = architecture.short("features.denseblock4.denselayer16.conv2")
    assert long.endswith("denselayer16.conv2")
    assert len(long) == architecture.LETTERS
    assert "<b>conv3" not in FIGURES["network"].data[0].customdata[2][1].replace("<b>&lt;", "")


def test_the_text_beside_the_widest_bar_fits_a_narrow_window() -> None:
    wide = architecture.network([layer("mlp", (3072, 2150), (1,))])
    end = wide.layout.xaxis.range[1]
    room = architecture.NARROW * (1 - 3072 / end)
    assert room >= architecture.LETTER * len("3,072 → 2,150")
    assert end < 2 * 3072
