"""A network as rows in forward order: widths, which of them are tied together."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.style import REMOVED, SERIES, TRANSPARENT, lay_out
from pruneviz.measure.by_layer import NOTHING, LayerCost
from pruneviz.report import Amount

ROW_HEIGHT = 26
FEW = 25  # rows that a page shows without scrolling
TITLE_LINE, AXIS_HEIGHT, LEGEND_HEIGHT = 21, 58, 28  # pixels above the rows
LETTERS = 28  # of a layer's name, from its end: what tells it from its neighbours
NARROW, LETTER, GAP = 240, 5.6, 8  # pixels: bars in a narrow window, a letter beside one
LANE = 0.075  # of the figure's width, for each rail
MOST_LANES = 0.45  # of the figure's width, for all rails
WHOLE = "#8a929c"
# As many colours as groups are in sight at once, none the original's or the pruned network's.
GROUPS = (
    *SERIES,
    "#A6D96A", "#8E1B5A", "#F5E08A", "#2F6B4A", "#CDB8EA", "#7A4A1E", "#5CC8B4", "#6B4FA0",
    "#F2C6DE", "#1F6F6C", "#B3A200", "#A33A5A", "#9DB38A", "#C48A54", "#B05FC0", "#5F7A1E",
)  # fmt: skip
DARK_INK, LIGHT_INK = "#101418", "#ffffff"
BRIGHT = 0.19  # of a colour's luminance: above it, dark ink reads better
BAND = "rgba(128, 134, 142, 0.20)"
ARROW = "triangle-right"
IMPOSSIBLE = "Nothing is removed: the plan cannot be carried out"


def network(
    rows: Sequence[LayerCost], chosen: str = "", group: int = 0, *, possible: bool = True
) -> go.Figure:
    """Return one row a layer in forward order: its outputs, what goes, and its group's number.

    Layers of one group have one number, one colour and one rail. The rows of the group with the
    number `group` stand on a band, those that take its channels in have a triangle; the name
    `chosen` is bold. Each row's first `customdata` is the layer's name, so that a click can
    choose it.
    """
    layers = [row for row in rows if row.width is not None]
    figure = go.Figure()
    _widths(figure, layers)
    lanes = _rails(figure, layers)
    _inputs(figure, layers, group, max(lanes.values(), default=0) + 1)
    lay_out(
        figure,
        title=ties(layers) if possible else IMPOSSIBLE,
        x="Outputs (channels or neurons, count)",
        y="Layer, in forward order",
    )
    rails = min(MOST_LANES, LANE * (max(lanes.values(), default=0) + 2)) if lanes else 0.0
    figure.update_layout(barmode="stack", bargap=0.3, showlegend=False, xaxis_domain=[rails, 1])
    figure.update_xaxes(range=[0, _end(layers)])
    if lanes:
        lane_range = [-0.6, max(lanes.values()) + 1.6]
        figure.update_layout(
            xaxis2={"domain": [0, rails], "range": lane_range, "visible": False, "fixedrange": True}
        )
    name_rows(figure, layers, chosen)
    for place, row in enumerate(layers):
        if group in row.groups:
            figure.add_hrect(
                y0=place - 0.5, y1=place + 0.5, fillcolor=BAND, line_width=0, layer="below"
            )
    return figure


def ties(layers: Sequence[LayerCost]) -> str:
    """Return the network's title: how many layers there are, and which must go together."""
    total = fmt.plural(len(layers), "layer")
    members = Counter(group for row in layers for group in row.groups)
    if not members:
        return f"{total}; none of them is tied to another"
    group, most = max(members.items(), key=lambda item: item[1])
    count = fmt.plural(len(members), "group")
    if most == 1:
        return f"{total}, {count}: no two layers must lose the same units"
    first = next(row.name for row in layers if group in row.groups)
    return (
        f"{total}, {count}: group {group} ties {most} layers together "
        f"({html.escape(first)} and {most - 1} more)"
    )


def colour(group: int) -> str:
    """Return the colour of a group; neighbours differ, and the number tells the rest apart."""
    return GROUPS[(group - 1) % len(GROUPS)]


def short(name: str) -> str:
    """Return a layer's name as a row shows it: a long one loses its beginning."""
    kept = name if len(name) <= LETTERS else f"…{name[1 - LETTERS :]}"
    return html.escape(kept)


def ink(background: str) -> str:
    """Return the ink that reads on a colour `#rrggbb`: dark on a bright one, else white."""
    red, green, blue = (int(background[at : at + 2], 16) / 255 for at in (1, 3, 5))
    bright = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return DARK_INK if bright > BRIGHT else LIGHT_INK


def _widths(figure: go.Figure, layers: Sequence[LayerCost]) -> None:
    """Add the outputs that stay, in the group's colour, and those that go, pale and striped."""
    names = [row.name for row in layers]
    widths = [row.width or NOTHING for row in layers]
    about = [[row.name, _about(row)] for row in layers]
    common = {
        "y": names,
        "orientation": "h",
        "customdata": about,
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "unselected": {"marker": {"opacity": 1}},
    }
    figure.add_bar(
        x=[width.pruned for width in widths],
        marker={
            "color": [colour(row.groups[0]) if row.groups else WHOLE for row in layers],
            "pattern": {"shape": ["." if _is_whole(row) else "" for row in layers], "size": 5},
        },
        **common,
    )
    figure.add_bar(
        x=[width.original - width.pruned for width in widths],
        marker={"color": REMOVED, "pattern": {"shape": "/", "fgcolor": WHOLE, "size": 6}},
        text=[_width_text(row, width) for row, width in zip(layers, widths, strict=True)],
        textposition="outside",
        cliponaxis=False,
        **common,
    )


def _width_text(row: LayerCost, width: Amount) -> str:
    if width.original != width.pruned:
        return f"{width.original:,} → {width.pruned:,}"
    return f"{width.original:,}, whole" if _is_whole(row) else f"{width.original:,}"


def _is_whole(row: LayerCost) -> bool:
    return bool(row.reason) and not row.groups


def _end(layers: Sequence[LayerCost]) -> float:
    """Return where the axis of widths ends, so that every bar's text fits beside it."""
    ends = [
        row.width.original / (1 - (GAP + LETTER * len(_width_text(row, row.width))) / NARROW)
        for row in layers
        if row.width
    ]
    return max(ends, default=1.0)


def _about(row: LayerCost) -> str:
    """Return a row in words, for those who point at it."""
    width = row.width or NOTHING
    lines = [f"<b>{html.escape(row.name)}</b> ({html.escape(row.kind)})"]
    lines.append(f"{width.pruned:,} of {fmt.plural(width.original, 'output')} stay")
    if row.groups:
        lines.append(f"outputs: group {', '.join(map(str, row.groups))}")
    if row.inputs:
        lines.append(f"inputs: group {', '.join(map(str, row.inputs))}")
    if row.reason:
        lines.append(f"cannot be pruned: {html.escape(row.reason)}")
    return "<br>".join(lines)


def _rails(figure: go.Figure, layers: Sequence[LayerCost]) -> dict[int, int]:
    """Add a numbered mark for each layer of a group, a line along each group; return its lane."""
    places: dict[int, list[int]] = {}
    for place, row in enumerate(layers):
        for group in row.groups:
            places.setdefault(group, []).append(place)
    lanes = lanes_of(places)
    for group, rows in places.items():
        if len(rows) > 1:
            figure.add_scatter(
                x=[lanes[group]] * len(rows),
                y=[layers[place].name for place in rows],
                xaxis="x2",
                mode="lines",
                line={"color": colour(group), "width": 3},
                hoverinfo="skip",
            )
    marks = [(group, layers[place]) for group, rows in places.items() for place in rows]
    if marks:
        figure.add_scatter(
            x=[lanes[group] for group, _ in marks],
            y=[row.name for _, row in marks],
            xaxis="x2",
            mode="markers+text",
            marker={"size": 19, "color": [colour(group) for group, _ in marks], "opacity": 1},
            text=[str(group) for group, _ in marks],
            textfont={"color": [ink(colour(group)) for group, _ in marks], "size": 11},
            customdata=[[row.name, _about(row)] for _, row in marks],
            hovertemplate="%{customdata[1]}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
        )
    return lanes


def lanes_of(places: dict[int, list[int]]) -> dict[int, int]:
    """Return a lane for each group, so that no two groups share a row of one lane."""
    lanes: dict[int, int] = {}
    ends: list[int] = []
    for group, rows in sorted(places.items(), key=lambda item: (item[1][0], -item[1][-1])):
        free = next((lane for lane, end in enumerate(ends) if end < rows[0]), len(ends))
        ends[free : free + 1] = [rows[-1]]
        lanes[group] = free
    return lanes


def _inputs(figure: go.Figure, layers: Sequence[LayerCost], group: int, lane: int) -> None:
    """Add a triangle to each layer that takes the chosen group's channels in."""
    takers = [row for row in layers if group in row.inputs]
    if takers:
        figure.add_scatter(
            x=[lane] * len(takers),
            y=[row.name for row in takers],
            xaxis="x2",
            mode="markers",
            marker={"symbol": ARROW, "size": 13, "color": colour(group), "opacity": 1},
            customdata=[[row.name, f"takes the channels of group {group} in"] for row in takers],
            hovertemplate="%{customdata[1]}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
        )


def name_rows(figure: go.Figure, rows: Sequence[LayerCost], chosen: str, legend: int = 0) -> None:
    """Give each row its name and the figure its height; title and axes stand above the rows."""
    labels = [f"<b>{short(r.name)}</b>" if r.name == chosen else short(r.name) for r in rows]
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=[row.name for row in rows],
        range=[len(rows) - 0.5, -0.5],
        tickvals=[row.name for row in rows],
        ticktext=labels,
        showgrid=False,
        anchor="free",
        position=0,
        ticks="outside",
        ticklen=8,
        tickcolor=TRANSPARENT,
    )
    if len(rows) > FEW:  # in the middle of rows that are scrolled, a title is cut or out of sight
        figure.update_yaxes(title_text="")
    figure.update_xaxes(side="top", tickangle=0)
    lines = 1 + figure.layout.title.text.count("<br>")
    top = 12 + TITLE_LINE * lines + legend + AXIS_HEIGHT
    figure.update_layout(
        title={
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 8 + TITLE_LINE * (lines - 1)},
        },
        margin={"t": top},
        height=top + 12 + ROW_HEIGHT * max(len(rows), 3),
    )
