"""Links to other pages that take a plan along."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.errors import StreamlitAPIException

from pruneviz.plan import Plan
from pruneviz.ui.session import link, state
from pruneviz.ui.words import text

ARROW = ":material/arrow_forward:"


def page_link(
    name: str, label: str, *, plan: Plan | None = None, query: Mapping[str, str] | None = None
) -> None:
    """Draw a link to another page with this plan, else with the session's own and its snapshots.

    A page file that is run alone knows no other pages, so there it is plain text.
    """
    wanted = state.query() if plan is None else {"plan": link.encode(plan)}
    try:
        st.page_link(
            f"pages/{name}.py", label=label, icon=ARROW, query_params={**wanted, **(query or {})}
        )
    except (StreamlitAPIException, KeyError):
        st.markdown(text.escape(label))
