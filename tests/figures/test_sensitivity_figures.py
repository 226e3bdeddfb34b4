"""The figures of scans say what is to be seen, hold what was measured, and can be clicked."""

from __future__ import annotations

from math import nan

import pandas as pd
import plotly.graph_objects as go
import pytest

from pruneviz.figures.kit.format import MINUS
from pruneviz.figures.kit.rows import shortened
from pruneviz.figures.kit.style import FAINT, INK, INK_ON_DARK, PRUNED, SERIES, describe, on_dark
from pruneviz.figures.sensitivity import curves, interactions, levels, panels, thresholds
from pruneviz.figures.sensitivity.reading import (
    ALONE,
    NATS,
    PERCENT,
    Reading,
    most_sensitive,
    what_to_see,
)
from pruneviz.metrics import METRICS

ACCURACY = Reading("Accuracy", PERCENT, 99.0)
LOSS = Reading("Cross-entropy", NATS, 0.1, falls=False, of="cross-entropy")
LEVELS = (0.5, 0.7)
EARLY = "conv1 already loses 9 points at 50 %; at 70 %, conv1 loses most: 69 points"


def scan(**values: tuple[float, ...]) -> pd.DataFrame:
    """Return a table of values at LEVELS by layer, each with an interval of 2 to both sides."""
    rows = [
        (name, level, value, value - 2, value + 2)
        for name, found in values.items()
        for level, value in zip(LEVELS, found, strict=False)
    ]
    return pd.DataFrame(rows, columns=["layer", "sparsity", "value", "low", "high"])


TABLE = scan(conv1=(90.0, 30.0), conv2=(95.0, 80.0))
MANY = scan(**{f"layer{i // 4}.{i % 4}.conv": (98.0 - i / 10, 97.0 - i / 2) for i in range(110)})
FOUND = pd.DataFrame(
    [("conv1", 0.4, 0.3, -0.01, -0.03, 0.01, 3), ("conv2", nan, 0.9, -0.005, -0.02, 0.01, 2)],
    columns=["layer", "sparsity", "kept", "change", "change_low", "change_high", "probes"],
)
PAIRS = pd.DataFrame(
    [
        ("a", "b", 0.5, 0.4, -0.01, 0.0, -0.06, -0.05, -0.08, -0.02),
        ("a", "c", 0.5, 0.5, -0.01, -0.02, -0.03, 0.0, -0.02, 0.02),
        ("b", "c", 0.4, 0.5, -0.04, -0.05, -0.05, 0.04, 0.01, 0.07),
    ],
    columns=["first", "second", "level_first", "level_second", "change_first", "change_second",
             "change_together", "interaction", "interaction_low", "interaction_high"],
)  # fmt: skip
EVERY = {
    "curves": curves.sensitivity(TABLE, ACCURACY),
    "no curves yet": curves.sensitivity(TABLE.iloc[:0], ACCURACY),
    "panels": panels.panels(TABLE, ACCURACY, ["conv1", "conv2"]),
    "no panels": panels.panels(TABLE.iloc[:0], ACCURACY, []),
    "heatmap": levels.heatmap(TABLE, ACCURACY),
    "no cells yet": levels.heatmap(TABLE.iloc[:0], ACCURACY, "", ["conv1"]),
    "thresholds": thresholds.thresholds(FOUND, 0.02),
    "no thresholds yet": thresholds.thresholds(FOUND.iloc[:0], 0.02, "", ["conv1"]),
    "pairs": interactions.pairs(PAIRS),
    "no pairs yet": interactions.pairs(PAIRS.iloc[:0], "", 3),
    "matrix": interactions.matrix(PAIRS, ["a", "b", "c"]),
    "no matrix yet": interactions.matrix(PAIRS.iloc[:0], ["a"]),
}
NO_TEMPLATE_OF_OURS = go.Figure().layout.template


@pytest.mark.parametrize("figure", EVERY.values(), ids=EVERY)
def test_every_figure_says_what_to_see_and_follows_the_theme(figure: go.Figure) -> None:
    title = figure.layout.title.text.replace("<br>", " ")
    assert title
    assert title in describe(figure)
    assert "The figure shows" in describe(figure)
    assert figure.layout.template == NO_TEMPLATE_OF_OURS
    assert figure.layout.paper_bgcolor.replace(" ", "") == "rgba(0,0,0,0)"


def test_the_title_names_the_layer_that_costs_most() -> None:
    worst = most_sensitive(TABLE, ACCURACY)
    assert worst is not None
    assert (worst.layer, worst.sparsity, worst.damage) == ("conv1", 0.5, 9)
    assert what_to_see(TABLE, ACCURACY) == f"{EARLY}; {ALONE}"
    unharmed = Reading("Accuracy", PERCENT, 30.0)
    assert what_to_see(TABLE, unharmed) == f"No layer loses a whole point at 70 %; {ALONE}"
    assert most_sensitive(TABLE.iloc[:0], ACCURACY) is None


def test_the_title_speaks_of_the_chosen_layer() -> None:
    title = what_to_see(TABLE, ACCURACY, "conv2")
    assert title == f"conv2 loses 4 points at 50 %; conv1 loses most, 9 points; {ALONE}"
    assert what_to_see(TABLE, ACCURACY, "conv1") == f"{EARLY}; {ALONE}"
    assert what_to_see(TABLE, ACCURACY, "elsewhere") == f"{EARLY}; {ALONE}"


@pytest.mark.parametrize("reading", [ACCURACY, Reading("AUROC", "", 0.99, of="AUROC"), LOSS])
@pytest.mark.parametrize("collapses", [0.2, 0.4, 0.7, 0.9])
def test_a_layer_that_collapses_early_is_named_with_its_level(
    reading: Reading, collapses: float
) -> None:
    """At 70 % the other layer is worse: a title of that level alone hides the collapse."""
    unit = 10.0 if reading.unit == PERCENT else 0.1
    rows = []
    for level in (0.2, 0.4, 0.7, 0.9):
        early, late = 3 * unit * (level >= collapses), 6 * unit * (level >= 0.7)
        for name, lost in (("early", early), ("late", late * (collapses < 0.7)), ("none", 0.0)):
            value = reading.original + (-lost if reading.falls else lost)
            rows.append((name, level, value, value - unit / 10, value + unit / 10))
    table = pd.DataFrame(rows, columns=["layer", "sparsity", "value", "low", "high"])
    worst = most_sensitive(table, reading)
    assert worst is not None
    assert (worst.layer, worst.sparsity) == ("early", collapses)
    title = what_to_see(table, reading)
    assert title.startswith(
        "early already" if collapses < 0.7 else f"At {collapses:.0%}".replace("%", " %")
    )
    assert f"{100 * collapses:.0f} %" in title
    assert title.endswith(ALONE)
    assert ("late" in title) == (collapses < 0.7)
    for figure in (curves.sensitivity(table, reading), levels.heatmap(table, reading)):
        assert "early" in figure.layout.title.text


def test_what_may_be_noise_is_not_called_a_loss() -> None:
    wide = TABLE.assign(low=TABLE["value"] - 80, high=TABLE["value"] + 80)
    assert what_to_see(wide, ACCURACY).startswith("At 70 %, conv1 loses most: 69 points, within")
    small = scan(conv1=(98.5, 70.0))
    assert most_sensitive(small, ACCURACY).sparsity == 0.7


def test_where_less_is_better_the_largest_value_is_worst() -> None:
    table = scan(conv1=(0.2, 0.3), conv2=(0.2, 1.6)).assign(low=float("nan"))
    title = (
        "conv1 already adds 0.10 nats of cross-entropy at 50 %; at 70 %, conv2 adds most: "
        f"1.50 nats of cross-entropy; {ALONE}"
    )
    assert what_to_see(table, LOSS) == title
    figure = curves.sensitivity(table, LOSS)
    assert figure.layout.yaxis.title.text == "Cross-entropy (nats)"
    assert figure.layout.yaxis.range[1] > 1.6
    heat = levels.heatmap(table, LOSS)
    assert [round(z, 6) for z in heat.data[0].z[1]] == [0.1, 1.5]


def test_while_layers_are_missing_the_title_says_of_how_many_it_speaks() -> None:
    half = TABLE.iloc[:2]
    assert what_to_see(half, ACCURACY, "", 2).endswith(
        f"69 points (so far, 1 of 2 layers); {ALONE}"
    )
    assert "so far" not in what_to_see(TABLE, ACCURACY, "", 2)


def test_curves_begin_at_the_original_and_say_what_a_click_means() -> None:
    figure = curves.sensitivity(TABLE, ACCURACY, "conv2")
    line = next(trace for trace in figure.data if trace.name == "conv2")
    assert line.line.color == PRUNED
    assert list(line.y) == [99, 95, 80]
    assert [list(said) for said in line.customdata] == [["conv2", 0], ["conv2", 50], ["conv2", 70]]
    band = next(trace for trace in figure.data if trace.name == "95 % interval")
    assert list(band.y) == [97, 82, 78, 93]


def test_of_many_layers_only_those_that_cost_most_have_colour_and_a_name() -> None:
    figure = curves.sensitivity(MANY, ACCURACY)
    named = [t for t in figure.data if t.showlegend and t.name != "95 % interval"]
    assert len(named) == len(SERIES)
    assert {t.name for t in named} == {f"layer{i // 4}.{i % 4}.conv" for i in range(104, 110)}
    assert len({t.line.color for t in named}) == len(SERIES), "two of them look the same"
    assert sum(t.line.color == FAINT for t in figure.data) == 110 - len(SERIES)


def test_panels_share_their_axes_and_a_page_holds_so_many() -> None:
    names = list(dict.fromkeys(MANY["layer"]))
    figure = panels.panels(MANY, ACCURACY, names, wanted=110)
    lines = [t for t in figure.data if t.name in names]
    assert len(lines) == panels.MOST_PANELS
    assert len({t.xaxis for t in lines}) == panels.MOST_PANELS
    assert {tuple(axis.range) for axis in figure.select_yaxes()} == {(0, 104)}
    assert panels.page_of(names, names[50]) == 50 // panels.MOST_PANELS
    assert panels.page_of(names, "nowhere") == 0


def test_a_heatmap_holds_the_damage_by_layer_and_level_and_empty_cells_where_none_is_known() -> (
    None
):
    figure = levels.heatmap(TABLE.iloc[:3], ACCURACY, "conv2", ["conv1", "conv2", "conv3"])
    colours, cells = figure.data
    expected = [[9, 69], [4, None], [None, None]]
    assert [[None if z != z else z for z in row] for row in colours.z] == expected
    assert list(cells.text) == ["9", "69", "4"]
    assert [list(said) for said in cells.customdata] == [["conv1", 50], ["conv1", 70],
                                                         ["conv2", 50]]  # fmt: skip
    assert figure.layout.yaxis.ticktext[1] == "<b>conv2</b>"
    assert figure.layout.yaxis.type == "category", "a layer may be called 0"


def test_the_colours_of_a_heatmap_only_grow_denser() -> None:
    alphas = [float(colour.rpartition(",")[2].rstrip(")")) for _, colour in levels.DENSER]
    hues = {colour.rpartition(",")[0] for _, colour in levels.DENSER}
    assert len(hues) == 1
    assert alphas == sorted(alphas)
    figure = levels.heatmap(TABLE, ACCURACY)
    assert figure.data[1].textfont.color == INK
    assert on_dark(figure).data[1].textfont.color == INK_ON_DARK


def test_thresholds_lead_from_what_is_kept_to_what_costs_too_much() -> None:
    assert thresholds.what_to_see(FOUND, 0.02) == "conv1 is the first to lose 2 points, at 40 %"
    never = thresholds.what_to_see(FOUND, 0.01, "conv2")
    assert never == "conv2 loses 1 point at no level; conv1 first, at 40 %"
    none = thresholds.what_to_see(FOUND.iloc[1:], 0.005)
    assert none == "No layer alone loses 0.5 points at any level"
    solid, pale, kept, lost = thresholds.thresholds(FOUND, 0.02).data
    assert list(solid.x) == [0, 30, None, 0, 90, None]
    assert [round(x) for x in pale.x[:2]] == [30, 40]
    assert len(pale.x) == 3, "a layer that never loses too much has nothing in between"
    assert [list(said) for said in kept.customdata] == [["conv1", 30], ["conv2", 90]]
    assert [list(said) for said in lost.customdata] == [["conv1", 40]]


def test_pairs_are_told_apart_by_their_intervals_the_strongest_first() -> None:
    title = interactions.what_to_see(PAIRS, 3)
    assert title == "a and b lose 5.0 points more together than the sum of both alone"
    assert interactions.what_to_see(PAIRS.iloc[1:]).startswith("No pair surely loses more")
    assert "so far, 3 of 9 pairs" in interactions.what_to_see(PAIRS, 9)
    more, less, unclear = interactions.pairs(PAIRS, "b").data
    assert [list(t.y) for t in (more, less, unclear)] == [["a + b"], ["b + c"], ["a + c"]]
    assert list(more.customdata[0]) == ["a", 50, "b", 40], "both layers with their levels"
    axis = interactions.pairs(PAIRS, "b").layout.yaxis
    assert axis.ticktext == ("<b>a + b</b>", "a + c", "<b>b + c</b>"), "the chosen layer's pairs"
    assert axis.title.text == "Pair"
    many = pd.concat([PAIRS] * 9)
    title = interactions.pairs(many).layout.yaxis.title.text
    assert title == "Pair (the 20 that lose most, of 27)"
    ends = (more.x[0], more.error_x.array[0], more.error_x.arrayminus[0])
    assert ends == pytest.approx((-5, 3, 3))
    assert interactions.matrix_title(PAIRS) == "Of 3 pairs, 1 surely lose more together, 1 less"


def test_the_matrix_is_symmetric_and_leaves_out_who_is_in_no_pair() -> None:
    squares, unknown, cells = interactions.matrix(PAIRS, ["a", "b", "z", "c"]).data
    values = pd.DataFrame(squares.z, list(squares.y), list(squares.x))
    assert list(values.index) == ["a", "b", "c"]
    assert values.equals(values.T)
    assert values.loc["b", "c"] == pytest.approx(4)
    assert pd.isna(values.loc["a", "a"])
    assert (len(unknown.x), unknown.showlegend) == (0, False), "every pair is measured"
    assert list(cells.customdata[list(cells.x).index("c")]) == ["a", 50, "c", 50]
    _, unknown, _ = interactions.matrix(PAIRS[1:], ["a", "b", "c"]).data
    assert set(zip(unknown.x, unknown.y, strict=True)) == {("a", "b"), ("b", "a")}
    assert unknown.showlegend


def test_long_names_keep_their_end() -> None:
    assert shortened("layer1.0.conv1", 20) == "layer1.0.conv1"
    assert shortened("encoder.layers.encoder_layer_11.mlp.0", 12) == "…er_11.mlp.0"
    assert len(shortened("x" * 50)) == 28


ERROR = Reading("Mean absolute error", "", 40.0, falls=False, of="mean absolute error",
                scale=40.0, metric=METRICS.get("mae"))  # fmt: skip
EXPLAINED = Reading("R²", "", 0.5, of="R²", metric=METRICS.get("r2"))


def test_a_metric_without_bounds_is_read_in_its_own_digits_and_direction() -> None:
    errors = scan(conv1=(41.0, 90.0), conv2=(55.0, 60.0))
    said = what_to_see(errors, ERROR)
    assert said.startswith("conv2 already adds 15.00 of mean absolute error at 50 %; at 70 %, ")
    assert "conv1 adds most: 50.00 of mean absolute error" in said
    assert ERROR.value(40.0) == "40.00"
    assert ERROR.axis == "Mean absolute error"
    assert what_to_see(scan(a=(40.1, 40.1)), ERROR).startswith("No layer adds 0.400 of mean")
    cells = levels.heatmap(errors, ERROR).data[1]
    assert list(cells.text) == ["1.000", "50.00", "15.00", "20.00"]
    low, high = curves.value_range(errors, ERROR)
    assert (low, high) == (0.0, pytest.approx(1.08 * 90))


def test_what_falls_below_nought_is_on_the_axis() -> None:
    low, high = curves.value_range(scan(conv1=(0.2, -0.4)), EXPLAINED)
    assert low == pytest.approx(-0.432)
    assert high > EXPLAINED.original


def test_a_threshold_of_an_error_is_what_a_layer_adds() -> None:
    title = thresholds.what_to_see(FOUND, 2.5, metric=METRICS.get("mae"))
    assert title == "conv1 is the first to add 2.5 of mean absolute error, at 40 %"
    other = thresholds.what_to_see(FOUND, 0.02, "conv2", metric=METRICS.get("average_precision"))
    assert other == "conv2 loses 0.02 of average precision at no level; conv1 first, at 40 %"
    figure = thresholds.thresholds(FOUND, 2.5, metric=METRICS.get("mae"))
    (hover, _) = figure.data[2].hovertext
    assert hover == f"conv1 at 30 %: {MINUS}0.010 (95 %: {MINUS}0.030 to +0.010)"
