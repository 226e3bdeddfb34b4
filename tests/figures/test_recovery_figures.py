import itertools
import math
from dataclasses import replace

import pytest

from pruneviz.figures import recovery
from pruneviz.figures.epochs import Course, Levels, best_and_last, mean_of, thinned, what_to_see
from pruneviz.figures.kit.style import ORIGINAL_ON_DARK, describe, on_dark
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.recovery.rounds import weighs_classes
from pruneviz.report import EpochRow

LEVELS = Levels(0.9, 0.5, 0.88)
TEN = Course(epochs=10, rounds=1, samples=400)
DONE = Course(epochs=3, rounds=1, samples=400, over=True)


def row(epoch: int, accuracy: float, step: str = "finetune", round_: int = 1) -> EpochRow:
    trained = step == "finetune"
    return EpochRow(
        round=round_,
        step=step,
        epoch=epoch,
        loss=1.0 / (epoch + 1) if trained else None,
        train_accuracy=0.95 if trained else None,
        accuracy=accuracy,
        held_out_loss=0.8,
        sparsity=0.25 * round_,
    )


PRUNED_ONLY = [row(0, 0.5, "prune")]
SHORT = [*PRUNED_ONLY, row(1, 0.7), row(2, 0.86), row(3, 0.8)]
ROUNDS = [row(0, 0.85, "prune"), row(1, 0.89), row(1, 0.5, "prune", 2), row(2, 0.8, round_=2)]
FIGURES = {
    "not begun": recovery.recovery({0: []}, LEVELS, TEN),
    "pruned": recovery.recovery({0: PRUNED_ONLY}, LEVELS, TEN),
    "running": recovery.recovery({0: SHORT}, LEVELS, TEN),
    "done": recovery.recovery({0: SHORT}, LEVELS, DONE),
    "no levels": recovery.recovery({0: SHORT}, Levels(0.9), DONE),
    "seeds": recovery.recovery({0: SHORT, 4: SHORT[:3], 5: []}, LEVELS, TEN),
    "rounds": recovery.recovery({0: ROUNDS}, LEVELS, Course(4, 2, 400)),
    "no training": recovery.recovery(
        {0: [*PRUNED_ONLY, row(0, 0.7, "recalibrate")]}, LEVELS, Course(0, 1, 400, over=True)
    ),
}


def texts(figure):
    return [t for trace in figure.data if trace.text for t in trace.text]


def labels(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def named(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_says_what_to_see_with_units(figure):
    assert figure.layout.title.text.replace("<br>", " ") in describe(figure)
    assert figure.layout.xaxis.title.text
    assert "(%)" in figure.layout.yaxis.title.text
    assert figure.layout.paper_bgcolor.replace(" ", "") == "rgba(0,0,0,0)"
    low, high = figure.layout.yaxis.range
    for trace in figure.data:
        if trace.yaxis in (None, "y"):
            assert all(low <= value <= high for value in trace.y)


@pytest.mark.parametrize(
    ("accuracy", "levels", "says"),
    [
        (0.8, LEVELS, "3 epochs: 80.0 %, 30.0 of 40.0 lost points are back"),
        (0.9, LEVELS, "3 epochs: 90.0 %, all 40.0 lost points are back"),
        (0.93, LEVELS, "3 epochs: 93.0 %, all 40.0 lost points are back"),
        (0.45, LEVELS, "3 epochs: 45.0 %, 5.0 points less than before"),
        (0.5, LEVELS, "3 epochs: 50.0 %, the same as before"),
        (0.92, Levels(0.9, 0.91), "3 epochs: 92.0 %, 1.0 points more than before"),
    ],
)
def test_the_title_says_how_much_is_back(accuracy, levels, says):
    rows = [*PRUNED_ONLY, row(3, accuracy)]
    assert what_to_see({0: rows}, levels, DONE).replace("\u00a0", " ") == says


def test_the_title_says_how_far_it_is():
    assert what_to_see({0: SHORT}, LEVELS, TEN).startswith("3 of 10 epochs: 80.0")
    assert "Pruning cost" in what_to_see({0: PRUNED_ONLY}, LEVELS, TEN)
    assert "Pruning cost" in what_to_see({0: []}, LEVELS, TEN)
    assert FIGURES["no training"].layout.title.text.startswith("No training: 70.0")


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        (LEVELS, "Pruning cost 40.0 points: 50.0 % without any recovery"),
        (Levels(0.9, 0.91), "Pruning cost nothing: 91.0 % without any recovery"),
        (Levels(0.9), "How accuracy comes back, epoch by epoch"),
    ],
)
def test_before_the_first_number_the_title_says_what_pruning_cost(levels, says):
    course = Course(10, 1, 400)
    assert what_to_see({0: []}, levels, course).replace("\u00a0", " ") == says


def test_best_and_last_are_told_apart_by_symbol_and_in_words():
    assert texts(FIGURES["done"]) == ["<b>best 86.0 %</b>", "<b>last 80.0 %</b>"]
    assert named(FIGURES["done"], "best").x == (2,)
    assert named(FIGURES["done"], "last").x == (3,)
    symbols = {named(FIGURES["done"], name).marker.symbol for name in ("best", "last")}
    assert len(symbols) == 2
    assert texts(FIGURES["running"]) == ["<b>now 80.0 %</b>"]


def test_losses_that_weigh_the_classes_are_said_to_beside_those_that_do_not():
    weighted = recovery.recovery({0: SHORT}, LEVELS, replace(DONE, weighted=True))
    assert "training inputs: classes weighted" in labels(weighted)
    assert not [text for text in labels(FIGURES["done"]) if "weighted" in text]
    held_out, learnt = (trace for trace in weighted.data if trace.yaxis == "y2")
    assert "weighted" in learnt.hovertemplate
    assert "weighted" not in held_out.hovertemplate
    for said in ("balanced", " 3=2 ", ""):
        step = {"method": "finetune", "parameters": {"class_weights": said}}
        assert weighs_classes(Plan(recovery=[{"method": "recalibrate"}, step])) == bool(said)


def test_the_best_is_of_the_last_round_alone():
    best, last = best_and_last(ROUNDS)
    assert best.value == last.value == 0.8
    assert best_and_last(PRUNED_ONLY) is None


def test_original_raw_and_control_are_lines_with_their_names():
    names = labels(FIGURES["done"])
    assert names == ["original 90.0 %", "original, recalibrated 88.0 %", "before recovery 50.0 %"]
    assert [shape.y0 for shape in FIGURES["done"].layout.shapes] == [90, 88, 50]
    assert labels(FIGURES["no levels"]) == ["original 90.0 %"]
    dark = on_dark(recovery.recovery({0: SHORT}, LEVELS, DONE))
    assert [shape.line.color for shape in dark.layout.shapes][:2] == [ORIGINAL_ON_DARK] * 2


NEAR = [
    Levels(original, before, control)
    for original in (0.03, 0.5, 0.984, 1.0)
    for before in (None, original - 0.004, original, original - 0.03, 0.02)
    for control in (None, original - 0.002, original, original - 0.025)
]


@pytest.mark.parametrize("levels", [*NEAR, Levels(0.983, 0.984), Levels(0.9, 0.91, 0.92)])
def test_no_line_goes_through_the_words_of_another_and_words_keep_off_each_other(levels):
    figure = recovery.recovery({0: []}, levels, TEN)
    low, high = figure.layout.yaxis.range
    height = (high - low) * 18 / 330  # a line of words is 18 of the panel's 330 pixels
    places = []
    for words in figure.layout.annotations:
        bottom = words.y if words.yanchor == "bottom" else words.y - height
        inside = bottom + 0.01, bottom + height - 0.01
        assert not [s.y0 for s in figure.layout.shapes if inside[0] < s.y0 < inside[1]], words
        places.append((words.xanchor, bottom))
    for side in ("left", "right"):
        bottoms = sorted(at for each, at in places if each == side)
        assert all(b - a > 0.98 * height for a, b in itertools.pairwise(bottoms)), bottoms


def test_rounds_are_marked_and_what_is_removed_has_a_panel():
    figure = FIGURES["rounds"]
    assert {"round 1", "round 2"} <= set(labels(figure))
    removed = named(figure, "removed")
    assert removed.yaxis == "y3"
    assert removed.x == (0, 1, 1, 2)
    assert removed.y == (25, 25, 50, 50)
    assert named(figure, "evaluated inputs").x == (0, 1, 1, 2)
    assert not any(trace.name == "removed" for trace in FIGURES["done"].data)


def test_the_interval_holds_the_curve():
    band, line = named(FIGURES["done"], "95 % interval"), named(FIGURES["done"], "evaluated inputs")
    high, low = band.y[:4], band.y[:3:-1]
    assert all(a < value < b for a, value, b in zip(low, line.y, high, strict=True))
    narrow = recovery.recovery({0: SHORT}, LEVELS, Course(3, 1, 40_000, over=True))
    assert named(narrow, "95 % interval").y[0] < band.y[0]


def test_several_seeds_are_thin_lines_and_a_mean_over_what_all_have():
    curves = [[row(1, 0.7), row(2, 0.9)], [row(1, 0.8)]]
    mean = mean_of(curves)
    assert [point.value for point in mean] == [0.75]
    figure = recovery.recovery(dict(enumerate(curves)), LEVELS, TEN)
    assert named(figure, "seed 0").y == (70, 90)
    assert named(figure, "mean of 2 seeds, evaluated inputs").y == (75,)
    title = figure.layout.title.text.replace("\u00a0", " ").replace("<br>", " ")
    assert title == "Mean of 2 seeds: 85.0 % (80.0 to 90.0) after 1 of 10 epochs"


def test_the_frame_stays_while_the_curve_grows():
    before, after = FIGURES["pruned"], FIGURES["running"]
    assert before.layout.xaxis.range == after.layout.xaxis.range
    assert before.layout.yaxis.range == after.layout.yaxis.range
    assert before.layout.height == after.layout.height


def test_a_long_curve_is_thinned_but_keeps_what_is_marked():
    rows = [row(0, 0.5, "prune"), *(row(i, 0.9 if i == 777 else 0.6) for i in range(1, 5001))]
    few = thinned(rows, 100)
    assert 100 <= len(few) <= 110
    assert few[0] is rows[0]
    assert few[-1] is rows[-1]
    assert any(one is rows[777] for one in few)
    assert thinned(SHORT, 100) is SHORT
    figure = recovery.recovery({0: rows}, LEVELS, Course(5000, 1, 400, over=True))
    assert max(len(trace.x) for trace in figure.data) < 1000
    assert texts(figure) == ["<b>best 90.0 %</b>", "<b>last 60.0 %</b>"]


def error(epoch: int, value: float, step: str = "finetune") -> EpochRow:
    trained = 1.2 * value if step == "finetune" else None
    return EpochRow(
        metric="mae", round=1, step=step, epoch=epoch, loss=trained, train_value=trained,
        value=value, held_out_loss=9.0, sparsity=0.5, interval=(value - 3.0, math.inf),
    )  # fmt: skip


ERRORS = [error(0, 59.0, "prune"), error(1, 44.0), error(2, 45.0)]
MAE = METRICS.get("mae")
OF_ERRORS = Levels(40.0, 59.0, metric=MAE)


def test_of_an_error_the_lowest_is_best_and_its_axis_has_its_name():
    figure = recovery.recovery({0: ERRORS}, OF_ERRORS, Course(2, 1, 147, over=True))
    assert figure.layout.yaxis.title.text == "Mean absolute error"
    assert figure.layout.yaxis2.title.text == "Loss"
    assert texts(figure) == ["<b>best 44.00</b>", "<b>last 45.00</b>"]
    assert named(figure, "best").x == (1,)
    assert named(figure, "best").textposition.startswith("bottom")
    assert labels(figure) == ["original 40.00", "before recovery 59.00"]
    low, high = figure.layout.yaxis.range
    for trace in figure.data:
        if trace.yaxis in (None, "y"):
            assert all(low <= value <= high for value in trace.y)
    assert not any("} %" in (trace.hovertemplate or "") for trace in figure.data)


@pytest.mark.parametrize(
    ("value", "levels", "says"),
    [
        (45.0, OF_ERRORS, "error 45.00, 14.00 of the 19.00 that pruning cost is back"),
        (40.0, OF_ERRORS, "error 40.00, all 19.00 that pruning cost is back"),
        (62.0, OF_ERRORS, "mean absolute error 62.00, 3.000 more than before"),
        (59.0, OF_ERRORS, "mean absolute error 59.00, the same as before"),
        (38.0, Levels(40.0, 39.0, metric=MAE), "error 38.00, 1.000 less than before"),
        (
            0.5, Levels(0.3, 0.7, metric=METRICS.get("bits_per_byte")),
            "bits per byte 0.500 bits, 0.200 of 0.400 lost bits are back",
        ),
    ],
)  # fmt: skip
def test_what_is_back_of_another_metric_goes_by_its_own_direction(value, levels, says):
    rows = [error(0, 59.0, "prune"), error(2, value)]
    said = what_to_see({0: rows}, levels, Course(2, 1, 147, over=True)).replace("\u00a0", " ")
    assert said.startswith("2 epochs: ")
    assert said.endswith(says)


def test_what_is_no_finite_number_is_said_and_draws_no_line():
    levels = Levels(40.0, math.inf, metric=MAE)
    assert "Without any recovery: mean absolute error inf" in what_to_see(
        {0: []}, levels, TEN
    ).replace("\u00a0", " ")
    figure = recovery.recovery({0: [error(0, math.inf, "prune"), ERRORS[1]]}, levels, TEN)
    assert labels(figure) == ["original 40.00"]
    assert all(map(math.isfinite, figure.layout.yaxis.range))
    assert (
        figure.layout.title.text.replace("\u00a0", " ")
        .replace("<br>", " ")
        .endswith("44.00, and mean absolute error inf before")
    )


def test_what_pruning_cost_an_error_is_how_much_larger_it_is():
    said = what_to_see({0: []}, OF_ERRORS, TEN).replace("\u00a0", " ")
    assert said == "Pruning cost 19.00: mean absolute error 59.00 without any recovery"
    lower = Levels(40.0, 38.0, metric=MAE)
    assert "cost nothing: mean absolute error 38.00" in what_to_see({0: []}, lower, TEN).replace(
        "\u00a0", " "
    )
