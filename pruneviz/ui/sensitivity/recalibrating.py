"""The switch of every scan that takes BatchNorm statistics anew after each pruning."""

from __future__ import annotations

import streamlit as st

from pruneviz.jobs.scans import RECALIBRATE
from pruneviz.plan import Setting
from pruneviz.recovery.norms import batch_norms
from pruneviz.ui.frame.frame import View

HELP = (
    "Re-measures BatchNorm statistics on training inputs after each pruning. What is "
    "lost then is what training would have to win back."
)
LABEL, NO_BATCH_NORM = "Recalibrate BatchNorm after each pruning", "this model has none"


def switch(view: View) -> dict[str, Setting]:
    """Draw the switch; return it as a scan's setting, nothing where it is off."""
    possible = bool(batch_norms(view.subject.model))
    again = st.toggle(
        LABEL if possible else f"{LABEL} ({NO_BATCH_NORM})",
        key=RECALIBRATE,
        disabled=not possible,
        help=HELP,
        bind="query-params",
    )
    return {RECALIBRATE: True} if again and possible else {}
