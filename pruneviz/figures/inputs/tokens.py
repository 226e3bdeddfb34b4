"""A text's tokens, and how much less likely a pruned network holds each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.figures.kit.format import percent
from pruneviz.figures.kit.style import DIVERGING, GRID, SUBTITLE, lay_out

COLUMNS = 8
ROW = 44  # pixels: a token, and its number below it
MARKED = 1.0  # nats lost, e times less likely: such a token is underlined
SEEN = str.maketrans({" ": "·", "\n": "⏎", "\t": "⇥"})  # what is there and shows nothing
MOST_LETTERS = 14


def lost_tokens(pieces: Sequence[str], original: Tensor, pruned: Tensor) -> go.Figure:
    """Return a text's tokens in the order read, each coloured by what pruning changed for it.

    `original` and `pruned` are the log-likelihoods of the tokens (places,) in nats, NaN where none
    is judged. The change stands under each token too, and what lost a nat or more is underlined.
    """
    change = (pruned - original).double().numpy()
    shown = [_cell(piece, by) for piece, by in zip(pieces, change.tolist(), strict=True)]
    rows = -(-len(shown) // COLUMNS)
    limit = max(float(np.nanmax(np.abs(change), initial=0.0)), 1e-12)
    figure = go.Figure(
        go.Heatmap(
            z=_grid(change, rows, np.nan),
            text=_grid(np.array(shown, dtype=object), rows, ""),
            customdata=_grid(_hovers(pieces, original, pruned), rows, ""),
            texttemplate="%{text}",
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            colorscale=DIVERGING,
            zmin=-limit,
            zmax=limit,
            xgap=2,
            ygap=2,
            textfont={"color": "#22252b"},  # on the pale middle of the scale, in either theme
            colorbar={"title": {"text": "nats", "side": "right"}},
        )
    )
    lay_out(figure, title=_title(pieces, change), x="", y="", height=ROW * rows + 4 * SUBTITLE)
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False, autorange="reversed", gridcolor=GRID)


def _cell(piece: str, change: float) -> str:
    """Return a token with the change under it, underlined where it lost much."""
    text = _seen(piece)
    if np.isnan(change):
        return text
    number = f"{change:+.1f}".replace("-", "−")
    return f"{f'<u>{text}</u>' if change <= -MARKED else text}<br>{number}"


def _seen(piece: str) -> str:
    text = piece.translate(SEEN)
    short = text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
    return escape(short, quote=False)


def _hovers(pieces: Sequence[str], original: Tensor, pruned: Tensor) -> NDArray[Any]:
    said = []
    for piece, *both in zip(pieces, original.exp().tolist(), pruned.exp().tolist(), strict=True):
        first, second = (percent(likely, 2) for likely in both)
        said.append(f"“{_seen(piece)}”<br>original {first}, pruned {second}")
    return np.array(said, dtype=object)


def _grid(values: NDArray[Any], rows: int, rest: object) -> NDArray[Any]:
    """Return values (places,) in rows of a grid, the last one filled up."""
    filled = np.full(rows * COLUMNS, rest, dtype=values.dtype)
    filled[: len(values)] = values
    return filled.reshape(rows, COLUMNS)


def _title(pieces: Sequence[str], change: NDArray[Any]) -> str:
    if not np.isfinite(change).any() or np.nanmin(change) >= 0:
        return "No token of this text is less likely than before"
    worst = int(np.nanargmin(change))
    lost = -change[worst]
    return f"Most is lost on “{_seen(pieces[worst])}”: {lost:.1f} nats, {np.exp(lost):,.1f} times"
