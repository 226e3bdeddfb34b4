"""Home's form of how the user's own inputs are read: normalisation, size and colours."""

from __future__ import annotations

import streamlit as st
from pydantic import ValidationError

from pruneviz.plan import Plan, plan_faults
from pruneviz.plan.reading import Reading
from pruneviz.subjects import Data
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

MOST = 4
UNSAID = "as the file or the model says"
INTERPOLATIONS = ("", "bilinear", "bicubic", "nearest")
COLOURS = ("", "rgb", "bgr", "grey")


def draw(plan: Plan, data: Data | None) -> Plan | None:
    """Draw the form for data of the user's own; return the changed plan once it is sent.

    ValueError says what was typed and cannot be.
    """
    if data is None or data.labelling is None or not data.of_numbers:
        return None
    said = plan.reading or Reading()
    with (
        st.expander("How the inputs are read"),
        st.form(f"home-reading-{plan.digest()[:12]}", border=False),
    ):
        st.caption(f"Now: mean {_shown(data.mean)}, std {_shown(data.std)}.")
        mean = st.text_input("Mean", _typed(said.mean), placeholder=UNSAID, help=_help("mean"))
        std = st.text_input("Std", _typed(said.std), placeholder=UNSAID, help=_help("std"))
        resize, interpolation, colour = said.resize or "", "", ""
        if data.kind == "image":
            resize = st.text_input(
                "Resize image files",
                resize,
                placeholder=UNSAID,
                help="squeeze, or crop:256: the shorter side gets 256 pixels, then the centre is "
                "cut out.",
            )
            interpolation = st.selectbox(
                "Interpolation",
                INTERPOLATIONS,
                _place(INTERPOLATIONS, said.interpolation),
                format_func=_option,
            )
            colour = st.selectbox(
                "Colours",
                COLOURS,
                _place(COLOURS, said.colour),
                format_func=_option,
                help="The order in which the model saw red, green and blue; or no colours.",
            )
        if not st.form_submit_button("Read them so"):
            return None
    fields = {
        "mean": _numbers("mean", mean),
        "std": _numbers("std", std),
        "resize": resize.strip() or None,
        "interpolation": interpolation or None,
        "colour": colour or None,
    }
    try:
        return plan.changed(reading=fields, data_sha256=None)
    except ValidationError as error:
        raise RefusedError(plan_faults(error)) from error


def _option(value: str) -> str:
    return value or UNSAID


def _help(name: str) -> str:
    return f"One {name}, or one for each channel or feature, such as 0.5,0.4,0.3."


def _typed(values: tuple[float, ...] | None) -> str:
    return ",".join(map(str, values or ()))


def _shown(values: tuple[float, ...]) -> str:
    more = f" and {len(values) - MOST:,} more" if len(values) > MOST else ""
    return ", ".join(f"{value:.4g}" for value in values[:MOST]) + more


def _place(options: tuple[str, ...], value: str | None) -> int:
    return options.index(value) if value else 0


def _numbers(name: str, text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(part) for part in text.split(",")) if text.strip() else None
    except ValueError as error:
        raise RefusedError(browsing.no_numbers(name, text)) from error
