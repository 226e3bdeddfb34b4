"""A text's tokens, and how much less likely a pruned network holds each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.figures.kit.format import percent, units_of
from pruneviz.figures.kit.style import DIVERGING, GRID, INK_ON_PALE, SUBTITLE, lay_out

COLUMNS, ACROSS = 8, 6  # tokens in a row, and of two figures beside each other
# The middle of the diverging colours: words are read on all of it.
PALE = [[0, DIVERGING[1][1]], [0.5, DIVERGING[2][1]], [1, DIVERGING[3][1]]]
ROW = 44  # pixels: a token, and its number below it
MARKED = 1.0  # nats lost, e times less likely: such a token is underlined
SEEN = str.maketrans({" ": "·", "\n": "⏎", "\t": "⇥"})  # what is there and shows nothing
MOST_LETTERS = 14
LETTERS, MOST_IN_A_CELL = 11, 9  # pixels; letters that fit into the cells of a narrow page


def lost_tokens(pieces: Sequence[str], original: Tensor, pruned: Tensor) -> go.Figure:
    """Return a text's tokens in the order read, each coloured by what pruning changed for it.

    `original` and `pruned` are the log-likelihoods of the tokens (places,) in nats, NaN where none
    is judged. The change stands under each token too, and what lost a nat or more is underlined.
    """
    change = (pruned - original).double().numpy()
    shown = [_cell(piece, by) for piece, by in zip(pieces, change.tolist(), strict=True)]
    rows = -(-len(shown) // COLUMNS)
    limit = max(float(np.nanmax(np.abs(change), initial=0.0)), 1e-12)
    texts, hovers = np.array(shown, dtype=object), _hovers(pieces, original, pruned)
    figure = _coloured(change, texts, hovers, limit, "nats", COLUMNS)
    lay_out(figure, title=_title(pieces, change), x="", y="", height=ROW * rows + 4 * SUBTITLE)
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False, autorange="reversed", gridcolor=GRID)


def attributed_tokens(
    pieces: Sequence[str], values: Tensor, limit: float, title: str, of: str
) -> go.Figure:
    """Return a text's tokens in the order read, each coloured by its attribution (places,).

    The number stands under each token too. `limit` is the end of the colours, so that two networks'
    figures have one scale, `of` the noun for what is explained.
    """
    numbers = values.double().numpy()
    shown = [
        f"{_in_a_cell(piece)}<br>{_short(by)}" for piece, by in zip(pieces, numbers, strict=True)
    ]
    hovers = [
        f"token {at}, “{_seen(piece)}”<br>attribution {_minus(f'{by:.4f}')}"
        for at, (piece, by) in enumerate(zip(pieces, numbers, strict=True))
    ]
    texts, hovered = np.array(shown, dtype=object), np.array(hovers, dtype=object)
    figure = _coloured(numbers, texts, hovered, max(limit, 1e-12), units_of(of), ACROSS)
    rows = -(-len(shown) // ACROSS)
    lay_out(figure, title=title, x="", y="", height=ROW * rows + 4 * SUBTITLE)
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False, autorange="reversed")


def strongest_tokens(pieces: Sequence[str], values: Tensor, most: int = 3) -> str:
    """Return in words which tokens have the most attribution (places,), for who sees no colours."""
    order = values.abs().argsort(descending=True, stable=True)[:most].tolist()
    named = [f"“{seen(pieces[at])}” ({_short(float(values[at]))})" for at in order if values[at]]
    return ", ".join(named) if named else "0 everywhere"


def _short(value: float) -> str:
    return _minus(f"{value:+.2f}")


def _minus(number: str) -> str:
    return number.replace("-", "−")


def _coloured(
    values: NDArray[np.float64],
    texts: NDArray[Any],
    hovers: NDArray[Any],
    limit: float,
    unit: str,
    columns: int,
) -> go.Figure:
    """Return cells in the order read, so many a row, coloured by their values (cells,)."""
    rows = -(-len(values) // columns)
    return go.Figure(
        go.Heatmap(
            z=_grid(values, rows, np.nan, columns),
            text=_grid(texts, rows, "", columns),
            customdata=_grid(hovers, rows, "", columns),
            texttemplate="%{text}",
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            colorscale=PALE,
            zmin=-limit,
            zmax=limit,
            xgap=2,
            ygap=2,
            # Plotly's own size counts the letters of markup, too, and is too small on narrow pages
            textfont={"color": INK_ON_PALE, "size": LETTERS},
            colorbar={"title": {"text": unit, "side": "right"}},
        )
    )


def _cell(piece: str, change: float) -> str:
    """Return a token with the change under it, underlined where it lost much."""
    text = _in_a_cell(piece)
    if np.isnan(change):
        return text
    number = _minus(f"{change:+.1f}")
    return f"{f'<u>{text}</u>' if change <= -MARKED else text}<br>{number}"


def seen(piece: str, most: int = MOST_LETTERS) -> str:
    """Return a token with its blanks as signs, and its beginning where it is long."""
    text = piece.translate(SEEN)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _in_a_cell(piece: str) -> str:
    return escape(seen(piece, MOST_IN_A_CELL), quote=False)


def _seen(piece: str) -> str:
    return escape(seen(piece), quote=False)


def _hovers(pieces: Sequence[str], original: Tensor, pruned: Tensor) -> NDArray[Any]:
    said = []
    for piece, *both in zip(pieces, original.exp().tolist(), pruned.exp().tolist(), strict=True):
        first, second = (percent(likely, 2) for likely in both)
        said.append(f"“{_seen(piece)}”<br>original {first}, pruned {second}")
    return np.array(said, dtype=object)


def _grid(values: NDArray[Any], rows: int, rest: object, columns: int) -> NDArray[Any]:
    """Return values (places,) in rows of a grid, the last one filled up."""
    filled = np.full(rows * columns, rest, dtype=values.dtype)
    filled[: len(values)] = values
    return filled.reshape(rows, columns)


def _title(pieces: Sequence[str], change: NDArray[Any]) -> str:
    if not np.isfinite(change).any() or np.nanmin(change) >= 0:
        return "No token of this text is less likely than before"
    worst = int(np.nanargmin(change))
    lost = -change[worst]
    return f"Most is lost on “{_seen(pieces[worst])}”: {lost:.1f} nats, {np.exp(lost):,.1f} times"
