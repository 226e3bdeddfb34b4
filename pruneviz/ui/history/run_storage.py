"""What the runs take on the disk, the trash, the clean-up, and taking runs in."""

from __future__ import annotations

import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.history.index import History
from pruneviz.history.row import read_row
from pruneviz.history.usage import clean_up, measure_usage
from pruneviz.ui.history import run_actions, runs
from pruneviz.ui.kit import widgets
from pruneviz.ui.words import text

MOST_UPLOAD_MB = 200
_CLEANING_KEY, _SAID_KEY = "pruneviz-cleaning", "pruneviz-imported"


def undo_line() -> None:
    """Draw that runs were deleted, and the way back, as long as there is one."""
    gone = run_actions.deleted()
    if not gone:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="runs-undo-line"):
        st.markdown(f"{fmt.plural(len(gone), 'run')} deleted.", width="content")
        if st.button("Undo", key="runs-undo", icon=":material/undo:"):
            with widgets.problems_here():
                run_actions.undo_delete()
                st.rerun()


def storage(history: History) -> None:
    """Draw disk use with its limit, the clean-up in two steps, and the trash."""
    usage = measure_usage(history)
    used = usage.runs_bytes + usage.trash_bytes
    st.progress(min(1.0, used / usage.limit_bytes), text=text.escape(text.sentence(usage.sentence)))
    with widgets.problems_here():
        _cleaning(history)
    folders = run_actions.in_trash()
    if folders:
        with st.expander(f"Trash: {fmt.plural(usage.trashed, 'run')}", key="runs-trash"):
            for folder in folders:
                row = read_row(folder.path)
                with st.container(horizontal=True, vertical_alignment="center"):
                    said = (
                        ", ".join([runs.called(row), *[runs.what(row)] * bool(row.name)])
                        if row
                        else folder.digest[:12]
                    )
                    st.markdown(text.escape(said), width="stretch")
                    if st.button("Restore", key=f"runs-untrash-{folder.digest}"):
                        with widgets.problems_here():
                            run_actions.restore(folder.digest)
                            st.rerun()


def _cleaning(history: History) -> None:
    """Say first what a clean-up removes; remove it when that is wanted."""
    if not st.session_state.get(_CLEANING_KEY):
        st.button(
            "Clean up …", key="runs-clean", icon=":material/mop:", on_click=_ask, args=(True,)
        )
        return
    would = clean_up(history, dry_run=True)
    st.markdown(text.escape(run_actions.would_remove(would)))
    with st.container(horizontal=True):
        if st.button("Delete permanently", key="runs-clean-do", disabled=not would.freed_bytes):
            done = clean_up(history)
            _ask(False)
            st.toast(f"{fmt.size(done.freed_bytes)} are free again", icon=":material/mop:")
            st.rerun()
        st.button("Cancel", key="runs-clean-leave", on_click=_ask, args=(False,))


def _ask(wanted: bool) -> None:
    st.session_state[_CLEANING_KEY] = wanted


def taking_in() -> None:
    """Draw the upload of runs that were taken along from elsewhere."""
    file = st.file_uploader(
        "Import runs",
        type=["zip"],
        key="runs-import",
        max_upload_size=MOST_UPLOAD_MB,
        help="A file that 'Download as zip' or 'pruneviz runs export' made. It is checked to the "
        "last byte first. Larger ones: pruneviz runs import FILE",
    )
    if st.button("Import", key="runs-import-do", disabled=file is None) and file is not None:
        with widgets.problems_here():
            st.session_state[_SAID_KEY] = (file.file_id, run_actions.take_in(file, file.name))
            st.rerun()
    said_of, said = st.session_state.get(_SAID_KEY, ("", ""))
    if said and file is not None and file.file_id == said_of:
        st.success(text.escape(text.sentence(said)))
