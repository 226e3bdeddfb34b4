"""The sliders of Tune as one component of the browser: what it is told, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from pruneviz.plan import Plan
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import hand, state
from pruneviz.ui.words import text

PLAIN = "tune-plain-fields"  # whether this session's browser gets number fields in place of sliders
# Until the sliders are there the way to number fields waits, and then it is not needed; where they
# fail, number fields come in place of the browser's own words.
FIELDS = """<style>
@keyframes pv-late { from { visibility: hidden; height: 0; overflow: hidden; } }
.st-key-tune-plain-show { animation: pv-late 0s 15s both; }
[data-testid="stMain"]:has(.pv-list) .st-key-tune-plain-show { display: none; }
:is(.st-key-tune-sliders, .st-key-tune-overall) [data-testid="stAlertContainer"] { display: none; }
</style>"""


@dataclass(frozen=True)
class Menu:
    """What a layer's button opens: each part in words, and what the plan says of it.

    `like` has what gives its amount to other layers: which, a label, and a note.
    """

    like: Sequence[tuple[str, str, str]]
    own: bool
    locked: bool
    units: str
    units_label: str
    blocks_head: Sequence[str] = ()
    blocks: Sequence[Sequence[str | int]] = ()


@dataclass(frozen=True)
class Row:
    """One slider: its value in percent, and what is said of it.

    `said` is what follows the value for those who do not see it; `off` is a slider that cannot be
    moved; `place` is the number by which a style knows the row.
    """

    name: str
    value: int
    label: str
    said: str
    share: str = ""
    help: str = ""
    off: bool = False
    place: int | None = None
    menu: Menu | None = None


def draw(
    key: str, plan: Plan, rows: Sequence[Row], answer: hand.Answer, *, scrolls: bool = False
) -> None:
    """Draw sliders, and let `answer` do what is asked of those that can be moved."""
    hand.offer(key, [row.name for row in rows if not row.off or row.menu], answer)
    if st.session_state.get(PLAIN):
        _fields(key, rows, answer)
        return
    _sliders(
        key=key,
        data={
            "of": hand.stamp(plan),
            "heard": hand.heard(),
            "address": state.address(),
            "scrolls": scrolls,
            "rows": [asdict(row) for row in rows],
        },
        on_said_change=_heard_already,
    )


def _heard_already() -> None:
    """Do nothing: what is said is heard before the page is drawn."""


def offer_fields() -> None:
    """Draw the way to number fields, for a browser that does not run the sliders, and back."""
    if st.session_state.get(PLAIN):
        st.info("The sliders do not run in this browser. Each layer has a number field instead.")
        st.button("Try the sliders again", on_click=_use_fields, args=(False,))
        return
    st.button("Use number fields", key="tune-plain-show", on_click=_use_fields, args=(True,))


def watch() -> None:
    """Draw what sees that the sliders do not run; put it where nothing is shown."""
    st.markdown(FIELDS, unsafe_allow_html=True)
    st.html(f"<script>{PLAIN_SCRIPT}</script>", unsafe_allow_javascript=True)


def _use_fields(yes: bool) -> None:
    st.session_state[PLAIN] = yes


def _fields(key: str, rows: Sequence[Row], answer: hand.Answer) -> None:
    """Draw a number field for each slider."""
    for row in rows:
        field = f"{key}-field-{row.name}"
        st.number_input(
            f"{row.label} (%)",  # read out as it stands
            min_value=0,
            max_value=100,
            value=row.value,
            key=widgets.follow(field, row.value),
            on_change=widgets.changes(field, partial(answer, row.name, hand.AMOUNT)),
            disabled=row.off,
            help=text.escape(row.help) or None,
        )


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


PLAIN_SCRIPT = _text("plain.js")
_sliders = st.components.v2.component(
    "pruneviz.sliders", js=_text("slider.js"), css=_text("slider.css"), isolate_styles=False
)
