"""Home's choices of a table's columns: what is asked, what groups the rows, what is left out."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.subjects import Data, table_columns
from pruneviz.subjects.tables.columns import ALWAYS, Columns, taken_apart

KEEP = (
    "Columns that number or name the rows, or have no name, are not learned from; those named here "
    "are."
)
PREPARE = (
    "Words, dates and gaps are prepared whenever a table has some. Of a table of numbers alone, "
    "this leaves out what numbers the rows, and normalises by a training half."
)

PAIRS = "Two columns are read as a pair, the first one first."
TEXTS, LABELS = ("text", "tokens", "sentence"), ("label", "tags", "labels", "ner_tags")


def choose(columns: Sequence[str], said: Columns, key: str, *, folded: bool = False) -> Columns:
    """Draw the choices that a table's columns leave and return them.

    All but the target's are `folded` where a file was only just given: what is wrong with it is
    said below, and is to be seen.
    """
    last = said.target[0] if said.target and said.target[0] in columns else columns[-1]
    if len(said.target) > 1:
        targets = _several("Columns that are asked for", columns, said.target, f"{key}-targets")
    else:
        place = list(columns).index(last)
        targets = (
            st.selectbox("Column with the class", columns, index=place, key=f"{key}-target"),
        )
    with st.expander("More of its columns") if folded else st.container():
        groups = _several("Columns that group the rows", columns, said.groups, f"{key}-groups")
        ignore = _several("Columns to leave out", columns, said.ignore, f"{key}-ignore")
        keep = _several("Columns to keep", columns, said.keep, f"{key}-keep", KEEP)
        prepare = st.checkbox(
            "Prepare a table of numbers, too",
            bool(said.prepare),
            key=f"{key}-prepare",
            help=PREPARE,
        )
    return Columns(
        target=targets,
        groups=groups,
        ignore=ignore,
        keep=keep,
        prepare=(ALWAYS,) if prepare else (),
    )


def choose_texts(columns: Sequence[str], said: Columns, key: str) -> Columns:
    """Draw the choices of columns with texts, or with lists of their words, and return them."""
    usual = [name for name in columns if name in TEXTS][:1] or list(columns[:1])
    text = _several("Columns with the text", columns, said.text or usual, f"{key}-text", PAIRS)
    asked = [name for name in columns if name in LABELS][:1] or list(columns[-1:])
    targets = _several(
        "Columns with the label, or a label a word", columns, said.target or asked,
        f"{key}-targets",
    )  # fmt: skip
    groups = _several("Columns that group the texts", columns, said.groups, f"{key}-groups")
    return Columns(target=targets, groups=groups, text=text, length=said.length)


def draw(plan: Plan, data: Data | None) -> Plan | None:
    """Draw the choices for the table in use; return the changed plan once they are sent."""
    if data is None or plan.data is None:
        return None
    file, said = taken_apart(plan.data)
    if not said.target:
        return None
    header = table_columns(plan.data, default_home())
    if not header:
        return None
    with (
        st.expander("Which columns"),
        st.form(f"home-columns-{plan.digest()[:12]}", border=False),
    ):
        found, key = said.found_in(header, file), f"home-columns-{plan.digest()[:12]}"
        chosen = choose_texts(header, found, key) if said.text else choose(header, found, key)
        if not st.form_submit_button("Take these columns"):
            return None
    classes = plan.classes if chosen.target == said.target else {}
    return plan.changed(data=f"{file}{chosen}", data_sha256=None, classes=classes)


def _several(
    label: str, columns: Sequence[str], said: Sequence[str], key: str, more: str | None = None
) -> tuple[str, ...]:
    return tuple(st.multiselect(label, columns, list(said), key=key, help=more))
