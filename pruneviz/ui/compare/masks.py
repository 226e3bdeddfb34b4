"""Images whose masks became worse: the image, the truth and both networks' masks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from torch import Tensor

from pruneviz.compare.masks import NO_CLASS, largest_class, worsened_masks
from pruneviz.figures.inputs.masks import PANELS, class_name, four_pictures
from pruneviz.figures.kit import format as fmt
from pruneviz.network.inputs import only_tensor
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.ui.engine.results import Judged
from pruneviz.ui.kit import widgets

FIRST = 3  # images that are shown unasked
MOST_ROWS = 50
Masks = Mapping[str, Tensor]


def of(judged: Judged) -> tuple[Masks, Masks] | None:
    """Return both networks' masks of images; None for answers that are none."""
    before, after = judged.original, judged.pruned
    if not isinstance(judged.task, Segmentation) or judged.data.kind != "image":
        return None
    assert isinstance(before, Mapping)
    assert isinstance(after, Mapping)  # of the same task
    return before, after


def draw_worst(judged: Judged, both: tuple[Masks, Masks]) -> None:
    """Draw the images that lost most right pixels, any other that is chosen, and all as rows."""
    table = worsened_masks(*both, judged.data.y)
    lost = int((table["change"] < 0).sum())
    st.subheader(
        f"{fmt.plural(lost, 'mask')} became worse, {int((table['change'] > 0).sum()):,} better",
        anchor=False,
    )
    st.caption(
        "What lost most right pixels first. Dark lines are the true outlines: a colour that "
        "crosses one is a mistake. Pixels that are not judged count for neither network."
    )
    table.insert(1, "name", [judged.data.name(i) for i in table["index"]])
    table["most_lost"] = [
        "" if label == NO_CLASS else class_name(label, judged.data.classes)
        for label in table["most_lost"]
    ]
    rows = table.to_dict("records")
    shown = rows[: max(1, min(lost, FIRST))]
    for place, row in enumerate(shown):
        _draw(judged, both, row, f"compare-masks-{place}")
    others = {int(row["index"]): row for row in rows[len(shown) :]}
    chosen = st.selectbox(
        "Show another image",
        list(others),
        index=None,
        format_func=judged.data.name,
        placeholder="by its name, what lost more first",
        key="compare-mask",
    )
    if chosen in others:
        _draw(judged, both, others[chosen], "compare-masks-chosen")
    _in_numbers(table)


def _draw(judged: Judged, both: tuple[Masks, Masks], row: Mapping[Any, Any], key: str) -> None:
    index, data = int(row["index"]), judged.data
    raw = data.raw(only_tensor(data.x)[index : index + 1])[0]
    before, after = (each["map"][index].long() for each in both)
    said = (_said(row, "original"), _said(row, "pruned"))
    clear, masks = largest_class(both[0]), (data.y[index], before, after)
    chart = four_pictures(raw, masks, data.classes, clear, said, _title(row))
    widgets.pictures(chart, key, len(PANELS))


def _said(row: Mapping[Any, Any], which: str) -> str:
    if math.isnan(row[which]):
        return "not judged"
    return f"{fmt.percent(row[which])} right<br>mean IoU {fmt.percent(row[f'{which}_iou'])}"


def _title(row: Mapping[Any, Any]) -> str:
    """Return what the pictures show, in words."""
    name, most_lost = (escape(row[part], quote=False) for part in ("name", "most_lost"))
    if not row["change"] < 0:
        return f"{name}: no right pixels are lost"
    right, before = (fmt.unbroken(fmt.percent(row[which])) for which in ("pruned", "original"))
    where = f"; most are lost on {most_lost}" if most_lost else ""
    return f"{name}: {right} of the pixels are right, {before} before{where}"


def _in_numbers(table: pd.DataFrame) -> None:
    column = st.column_config
    shares = {
        "original": "original is right in",
        "pruned": "pruned is right in",
        "original_iou": "original's mean IoU",
        "pruned_iou": "pruned's mean IoU",
    }
    st.dataframe(
        table.head(MOST_ROWS),
        hide_index=True,
        column_config={
            "index": "input", "name": "called", "most_lost": "most lost of",
            "change": column.NumberColumn("change, of judged pixels", format="percent"),
            **{n: column.NumberColumn(title, format="percent") for n, title in shares.items()},
        },
    )  # fmt: skip
    st.download_button(
        "Download all as CSV",
        table.to_csv(index=False),
        "masks.csv",
        "text/csv",
        icon=":material/download:",
    )
