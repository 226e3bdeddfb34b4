"""Recovery: how a network's metric comes back, epoch by epoch, beside what pruning cost."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from pruneviz.figures.epochs import (
    Course,
    Curves,
    Levels,
    Rows,
    best_and_last,
    interval_of,
    mean_of,
    row_name,
    thinned,
    what_to_see,
)
from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.metrics import axis_title, hovered
from pruneviz.figures.kit.style import GRID, PRUNED, SERIES, interval, lay_out
from pruneviz.figures.levels import add_levels, axis_ends
from pruneviz.metrics import Metric
from pruneviz.report import ACCURACY, EpochRow

THIN = "rgba(213, 94, 0, 0.5)"
GAP = 0.09  # of the height, between two panels
HEIGHTS = {"metric": 330, "loss": 120, "removed": 80}  # pixels of each panel
PLACES = {"best": "top center", "now": "bottom right"}  # of a mark's words, beside the curve
OPPOSITE = {"top": "bottom", "bottom": "top"}
NEARLY = 0.8  # of the epochs: the words of a mark further right would be cut off
MOST_LABELLED_ROUNDS, FEW_EPOCHS = 12, 10
MOST_MARKED, MOST_DRAWN = 60, 400  # epochs drawn with a marker each; points of a line


def recovery(curves: Curves, levels: Levels, course: Course) -> go.Figure:
    """Return the metric, loss and (where it changes) the share removed over the epochs.

    `curves` maps a seed to its rows; of several seeds each is a thin line, and their mean stands
    out. Lines across are the original, the pruned network before recovery, and the control.
    """
    figure = go.Figure()
    panels = _panels(course)
    metric, ends = levels.metric, axis_ends(curves, levels)
    add_levels(figure, levels, span=ends[1] - ends[0])
    if len(curves) == 1:
        _add_one(figure, next(iter(curves.values())), course, metric, ends)
    else:
        _add_seeds(figure, curves, course, metric)
    if "loss" in panels:
        _add_losses(figure, curves, course, metric)
    if "removed" in panels:
        _add_removed(figure, next(iter(curves.values())))
    _add_rounds(figure, next(iter(curves.values())), panels)
    _lay_out(figure, what_to_see(curves, levels, course), panels, course, metric)
    _scale(figure, curves, levels, course)
    return figure


def _panels(course: Course) -> list[str]:
    """Return what is drawn; it depends on the plan alone, so that nothing moves while it runs."""
    return ["metric", *["loss"] * (course.epochs > 0), *["removed"] * (course.rounds > 1)]


def _x(rows: Rows, course: Course) -> list[int]:
    """Return where rows are drawn: by epoch, or one after the other where there is none."""
    return list(range(len(rows))) if course.epochs == 0 else [row.epoch for row in rows]


def _add_one(
    figure: go.Figure, rows: Rows, course: Course, metric: Metric, seen: tuple[float, float]
) -> None:
    """Draw one seed's values with their 95 % intervals, and the best and last epoch.

    An interval without an end is drawn to that of the axis, `seen`.
    """
    rows = thinned(rows, MOST_DRAWN)
    x = _x(rows, course)
    ends = [interval_of(row, course.samples) for row in rows]
    low, high = (
        [metric.scale * end[side] if math.isfinite(end[side]) else seen[side] for end in ends]
        for side in (0, 1)
    )
    figure.add_trace(interval(x, low, high))
    learnt = [(at, row) for at, row in zip(x, rows, strict=True) if row.train_value is not None]
    if course.epochs:  # from the beginning, so that the legend stays as it is
        figure.add_scatter(
            x=[at for at, _ in learnt],
            y=[metric.scale * (row.train_value or 0.0) for _, row in learnt],
            name="training inputs",
            legendgroup="training",
            mode="lines",
            line={"color": SERIES[4], "dash": "dot", "width": 1.8},
            hovertemplate=f"training inputs {hovered(metric)}<extra></extra>",
        )
    _add_values(figure, rows, x, "evaluated inputs", metric)
    _mark(figure, rows, course, metric)


def _add_values(figure: go.Figure, rows: Rows, x: list[int], name: str, metric: Metric) -> None:
    figure.add_scatter(
        x=x,
        y=[metric.scale * row.value for row in rows],
        name=name,
        legendgroup="held-out",
        mode="lines+markers" if len(rows) <= MOST_MARKED else "lines",
        line={"color": PRUNED, "width": 3.0},
        marker={"size": 6},
        customdata=[row_name(row) for row in rows],
        hovertemplate=f"%{{customdata}}: {hovered(metric)}<extra></extra>",
    )


def _mark(figure: go.Figure, rows: Rows, course: Course, metric: Metric) -> None:
    """Mark the best and the last epoch, each with a symbol and in words."""
    best, last = best_and_last(rows) or (None, None)
    if best is None or last is None:
        return
    if not course.over:
        _add_mark(figure, rows, last, course, "now", metric)
    elif best.value == last.value or course.epochs == 0:
        name = "last" if course.epochs == 0 else "best and last"
        _add_mark(figure, rows, last, course, name, metric)
    else:
        _add_mark(figure, rows, best, course, "best", metric)
        _add_mark(figure, rows, last, course, "last", metric)


def _add_mark(
    figure: go.Figure, rows: Rows, row: EpochRow, course: Course, name: str, metric: Metric
) -> None:
    at = _x(rows, course)[next(i for i, other in enumerate(rows) if other is row)]
    figure.add_scatter(
        x=[at],
        y=[metric.scale * row.value],
        mode="markers+text",
        text=[f"<b>{name} {fmt.metric_value(metric, row.value)}</b>"],
        textposition=_beside(name, row, course, metric),
        textfont={"color": PRUNED},
        marker={"symbol": "star" if name == "best" else "diamond", "size": 13, "color": PRUNED},
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
        name=name,
    )


def _beside(name: str, row: EpochRow, course: Course, metric: Metric) -> str:
    """Return where a mark's words have room: left of it where the figure ends at its right.

    The best is the highest point, or the lowest where lower is better, and its words lie beyond.
    """
    if not course.epochs:
        return "top left"
    at_end = name == "now" and row.epoch > NEARLY * course.epochs
    place = "bottom left" if at_end else PLACES.get(name, "bottom left")
    height, side = place.split()
    return place if metric.better == "higher" else f"{OPPOSITE[height]} {side}"


def _add_seeds(figure: go.Figure, curves: Curves, course: Course, metric: Metric) -> None:
    """Draw each seed as a thin line, and the mean over the rows that all of them have."""
    for seed, every in curves.items():
        rows = thinned(every, MOST_DRAWN)
        figure.add_scatter(
            x=_x(rows, course),
            y=[metric.scale * row.value for row in rows],
            name=f"seed {seed}",
            mode="lines",
            line={"color": THIN, "width": 1.5},
            showlegend=False,
            hovertemplate=f"seed {seed}: {hovered(metric)}<extra></extra>",
        )
    mean = thinned(mean_of(list(curves.values())), MOST_DRAWN)
    name = f"mean of {len(curves)} seeds, evaluated inputs"
    _add_values(figure, mean, _x(mean, course), name, metric)
    if mean:
        _add_mark(figure, mean, mean[-1], course, "mean", metric)


def _add_losses(figure: go.Figure, curves: Curves, course: Course, metric: Metric) -> None:
    """Draw both losses in the panel below, the mean of several seeds as one line.

    Where training weighs the classes it is said beside them: that of evaluated inputs never does.
    """
    rows = thinned(mean_of(list(curves.values())), MOST_DRAWN)
    grey = {"color": SERIES[4], "dash": "dot", "width": 1.8}
    what, unit = ("cross-entropy", " nats") if metric.name == ACCURACY else ("loss", "")
    for field, name, group, style, told in (
        ("held_out_loss", "evaluated inputs", "held-out", {"color": PRUNED, "width": 2},
         f"{what} on evaluated inputs"),
        ("loss", "training inputs", "training", grey,
         "what training makes small" + ", classes weighted" * course.weighted),
    ):  # fmt: skip
        known = [row for row in rows if getattr(row, field) is not None]
        figure.add_scatter(
            x=[row.epoch for row in known],
            y=[getattr(row, field) for row in known],
            yaxis="y2",
            name=name,
            legendgroup=group,
            showlegend=len(curves) > 1 and field == "loss",
            mode="lines",
            line=style,
            hovertemplate=f"{told} %{{y:.3f}}{unit}<extra></extra>",
        )

    if course.weighted:
        figure.add_annotation(
            x=1, xref="paper", xanchor="right", y=1, yref="y2 domain", yanchor="bottom",
            text="training inputs: classes weighted", showarrow=False,
        )  # fmt: skip


def _add_removed(figure: go.Figure, rows: Rows) -> None:
    """Draw what share of the units is gone, in the lowest panel."""
    rows = thinned(rows, MOST_DRAWN)
    figure.add_scatter(
        x=[row.epoch for row in rows],
        y=[100 * row.sparsity for row in rows],
        yaxis="y3",
        name="removed",
        showlegend=False,
        mode="lines",
        line={"color": SERIES[5], "width": 2},
        hovertemplate="%{y:.0f} % removed<extra></extra>",
    )


def _add_rounds(figure: go.Figure, rows: Rows, panels: list[str]) -> None:
    """Mark where each round of pruning begins."""
    starts = [(row.round, row.epoch) for row in rows if row.step == "prune"]
    if "removed" not in panels:
        return
    for number, epoch in starts:
        figure.add_shape(
            type="line", x0=epoch, x1=epoch, xref="x", y0=0, y1=1, yref="paper",
            line={"color": GRID, "width": 1.5, "dash": "dash"}, layer="below",
        )  # fmt: skip
        if len(starts) <= MOST_LABELLED_ROUNDS:
            at_end = epoch == rows[-1].epoch > 0
            figure.add_annotation(
                x=epoch, xref="x", xanchor="right" if at_end else "left",
                xshift=-4 if at_end else 4, y=0, yref="y domain", yanchor="bottom",
                text=f"round {number}", showarrow=False,
            )  # fmt: skip


def _lay_out(
    figure: go.Figure, title: str, panels: list[str], course: Course, metric: Metric
) -> None:
    """Put the panels under each other over one axis of epochs."""
    total = sum(HEIGHTS[name] for name in panels) / (1 - GAP * (len(panels) - 1))
    x = "Epochs of training" if course.epochs else "Step"
    nats = " (nats)" if metric.name == ACCURACY else ""
    titles = {"metric": axis_title(metric), "loss": f"Loss{nats}", "removed": "Removed (%)"}
    lay_out(figure, title=title, x=x, y=titles["metric"], height=round(total) + 110)
    top, places = 1.0, {}
    for name in panels:
        bottom = max(0.0, top - HEIGHTS[name] / total)
        places[name], top = [bottom, top], bottom - GAP
    axis = {"metric": "yaxis", "loss": "yaxis2", "removed": "yaxis3"}
    for name in panels:
        figure.update_layout(
            {axis[name]: {"domain": places[name], "title": {"text": titles[name]},
                          "gridcolor": GRID, "automargin": True, "zeroline": False}}
        )  # fmt: skip
    figure.update_xaxes(anchor=axis[panels[-1]].replace("axis", ""))
    figure.update_layout(hovermode="x unified")


def _scale(figure: go.Figure, curves: Curves, levels: Levels, course: Course) -> None:
    """Fix the ranges, so that a growing curve does not move what is there already."""
    low, high = axis_ends(curves, levels)
    figure.layout.yaxis.range = [low, high]
    if levels.metric.unit == "fraction":
        figure.layout.yaxis.range = [max(-3, low), high]
        step = 2 if low >= 84 else 5 if low >= 60 else 20  # and no tick beyond 100 %
        figure.layout.yaxis.tickvals = list(range(max(0, round(low)), 101, step))
    figure.update_layout({"yaxis2": {"rangemode": "tozero"}} if course.epochs else {})
    if course.rounds > 1:
        figure.update_layout({"yaxis3": {"range": [0, 104], "dtick": 50}})
    if course.epochs:
        figure.update_xaxes(
            range=[-0.02 * course.epochs, 1.03 * course.epochs],
            dtick=1 if course.epochs <= FEW_EPOCHS else None,  # never half an epoch
        )
        return
    longest = max(curves.values(), key=len)
    names = [row_name(row) for row in longest]
    figure.update_xaxes(
        range=[-0.2, max(1, len(names) - 1) + 0.2], tickvals=list(range(len(names))), ticktext=names
    )
