"""What Runs shows of the chosen runs: one in detail, two side by side, more of them together."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import store
from pruneviz.figures import recovery as figures
from pruneviz.figures.epochs import Course, Levels
from pruneviz.figures.kit import format as fmt
from pruneviz.history.folder import ENVIRONMENT_FILE, LOG_FILE, RunFolder
from pruneviz.history.index import History
from pruneviz.history.lineage import Lineage
from pruneviz.history.row import Row
from pruneviz.jobs.job import Job, job_of
from pruneviz.recovery.rounds import weighs_classes
from pruneviz.report import MetricPair, RecoveryReport, Report
from pruneviz.ui.history import report_tables, run_actions, runs
from pruneviz.ui.kit import keeping, theme, widgets
from pruneviz.ui.recover import outcome
from pruneviz.ui.session import selection
from pruneviz.ui.words import navigate, text

MOST_FAMILY = 30
MOST_DEPTH = 8
INDENT = 22  # pixels a generation
MOST_LOG = 4_000  # characters of a log's end
MOST_NAMED = 5
HEADINGS = ("", ":blue[Original]", ":orange[This run]", "Change")
NAME_HELP = "What you call this run"


def one(history: History, row: Row) -> None:
    """Draw a run: what it is, its numbers, what can be done with it, its label and its family."""
    folder = history.folder(row.digest)
    job = job_of(folder)
    st.subheader(text.escape(runs.called(row)), anchor=False)
    st.caption(f"Digest {row.digest[: runs.SHORT]}")
    st.markdown(f"{text.escape(runs.what(row))} · **{text.escape(row.state)}**")
    _trouble(row, job)
    _doing(row, job)
    if row.kind == "run" and row.state == "finished":
        with widgets.problems_here():
            _numbers(folder)
    with st.grid(2, min_column_width=380, gap="medium") as grid:
        with grid.cell():
            _label(history, row)
        with grid.cell():
            _family(history, row)
    with st.expander("The plan, and how it was computed", key="runs-how"):
        if job:
            st.code(job.plan.to_yaml(), language=None, wrap_lines=True)
        for name in (ENVIRONMENT_FILE, LOG_FILE):
            if content := _end(folder, name):
                st.caption(text.escape(name))
                st.code(content, language=None, wrap_lines=True)


def two(history: History, rows: Sequence[Row]) -> None:
    """Draw two runs side by side: their numbers, and where their plans differ."""
    folders = [history.folder(row.digest) for row in rows]
    names = [text.escape(name) for name in runs.told_apart(rows)]
    st.subheader("Two runs side by side", anchor=False)
    with widgets.problems_here():
        if all(row.kind == "run" and row.state == "finished" for row in rows):
            first, second = (store.read_report(folder.path) for folder in folders)
            st.markdown(
                report_tables.markdown_table(
                    ["", *names], report_tables.side_by_side(first, second)
                )
            )
            st.caption(_same_ground(first.machine.processor, second.machine.processor))
            if apart := report_tables.judged_apart(first, second):
                st.caption(text.escape(apart))
        else:
            st.caption("Numbers are set side by side once both are finished and were measured.")
    specs = [folder.spec() for folder in folders]
    if all(spec is not None for spec in specs):
        found = report_tables.plan_differences(*(spec.plan for spec in specs if spec))
        st.markdown("**Where their plans differ**")
        st.markdown(
            report_tables.markdown_table(["Field", *names], found)
            if found
            else "Nowhere: they are different kinds of work on the same plan."
        )
    _doing_together(rows)


def several(rows: Sequence[Row]) -> None:
    """Say how many are chosen, and offer what can be done with all of them."""
    named = ", ".join(runs.told_apart(rows)[:MOST_NAMED])
    more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    st.subheader(fmt.plural(len(rows), "run"), anchor=False)
    st.markdown(text.escape(f"{named}{more}. Mark two of them to compare."))
    _doing_together(rows)


def _trouble(row: Row, job: Job[None] | None) -> None:
    """Say why a run is not finished, and offer to go on with it."""
    trouble = (job.status.trouble if job else None) or row.error
    if row.damage:
        st.error(text.escape(text.sentence(row.damage)))
    elif trouble:
        st.error(text.escape(text.sentence(text.problem(trouble))))
    if row.state in run_actions.RESUMABLE:
        label = "Try again" if row.state == "failed" else "Resume"
        if st.button(label, key="runs-resume", icon=":material/play_arrow:"):
            with widgets.problems_here():
                run_actions.resume(row)
                st.rerun()


def _numbers(folder: RunFolder) -> None:
    report = store.read_report(folder.path)
    st.markdown(report_tables.markdown_table(HEADINGS, report_tables.numbers(report)))
    st.caption(text.escape(report_tables.measured(report)))
    if report.recovery and report.primary:
        _recovery(report, report.recovery, report.primary)


def _recovery(report: Report, found: RecoveryReport, quality: MetricPair) -> None:
    """Draw how a network's metric came back, beside what it is compared with."""
    levels = Levels.of(quality, found)
    course = Course.of(quality, found, weighted=weighs_classes(report.plan))
    chart = figures.recovery({report.plan.seed: found.curve}, levels, course)
    with st.grid(2, min_column_width=380, gap="medium") as grid:
        with grid.cell():
            widgets.figure(theme.fit(chart), "runs-recovery")
        with grid.cell():
            st.markdown(outcome.table(report))
            st.caption(text.escape(outcome.circumstances(report)))


def _doing(row: Row, job: Job[None] | None) -> None:
    """Draw what can be done with one run."""
    with st.container(horizontal=True, vertical_alignment="center", key="runs-doing"):
        if job is not None:
            st.button(
                "Restore to the sliders",
                key="runs-restore",
                type="primary",
                icon=":material/tune:",
                help="Make this run's plan the one that every page shows; Undo brings yours back",
                on_click=keeping.restore,
                args=(job.plan, row.digest),
            )
        _take_along([row])
        _delete([row])
        if job is not None:
            link = runs.link_of(row, job)
            navigate.page_link(link.page, link.label, plan=link.plan, query=link.query)


def _doing_together(rows: Sequence[Row]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="runs-doing"):
        _take_along(rows)
        _delete(rows)


def _take_along(rows: Sequence[Row]) -> None:
    """Draw the download of runs as one zip, made when it is asked for."""
    whole = all(row.state in ("finished", "failed", "stopped") for row in rows)
    digests = [row.digest for row in rows]
    st.download_button(
        f"Download as zip ({fmt.size(sum(row.bytes_used for row in rows))})",
        lambda: run_actions.packed(digests),
        "pruneviz-runs.zip",
        "application/zip",
        key="runs-zip",
        icon=":material/folder_zip:",
        disabled=not whole,
        help=None if whole else "A run that has not ended, or is damaged, cannot be taken along",
        on_click="ignore",
    )


def _delete(rows: Sequence[Row]) -> None:
    if st.button("Delete", key="runs-delete", icon=":material/delete:"):
        with widgets.problems_here():
            run_actions.delete([row.digest for row in rows])
            st.rerun()


def _label(history: History, row: Row) -> None:
    """Draw name, tags and note, to be changed together."""
    with st.form(f"runs-label-{row.digest}", enter_to_submit=True):
        name = st.text_input("Name", row.name, key=f"runs-name-{row.digest}", help=NAME_HELP)
        known = sorted({*history.choices("tags"), *row.tags})
        tags = st.multiselect(
            "Tags", known, list(row.tags), key=f"runs-tags-{row.digest}", accept_new_options=True
        )
        note = st.text_area("Note", row.note, key=f"runs-note-{row.digest}", height=100)
        if st.form_submit_button("Save", icon=":material/check:"):
            with widgets.problems_here():
                history.label(row.digest, name=name, tags=tags, note=note)
                st.rerun()


def _family(history: History, row: Row) -> None:
    """Draw where a run began and what began from it; a click chooses another run."""
    lines = list(history.lineage(row.digest).lines())
    st.markdown("**Where this run came from**")
    if len(lines) == 1:
        st.caption("It was started from no other run, and none from it. Restore it, change it, "
                   "keep it: then that run stands below this one.")  # fmt: skip
        return
    with st.container(gap=None, key="runs-family"):
        for depth, part in lines[:MOST_FAMILY]:
            _relative(depth, part, here=part.digest == row.digest)
    if len(lines) > MOST_FAMILY:
        st.caption(f"and {len(lines) - MOST_FAMILY} more")


def _relative(depth: int, part: Lineage, *, here: bool) -> None:
    with st.container(horizontal=True, wrap=False, gap=None, vertical_alignment="center"):
        if depth:
            st.container(width=INDENT * min(depth, MOST_DEPTH), height=10, border=False)
        icon = ":material/subdirectory_arrow_right:" if depth else ""
        label = text.escape(runs.family_line(part))
        mark = " (this run)" if here else ""
        if here or part.row is None:
            st.markdown(f"{icon} :small[**{label}**{mark}]", width="stretch")
            return
        st.button(
            label,
            key=f"runs-family-{part.digest}",
            type="tertiary",
            icon=icon or None,
            wrap=True,
            on_click=selection.show_runs,
            args=([part.digest],),
        )


def _same_ground(first: str, second: str) -> str:
    """Return what to keep in mind when two runs' numbers are compared."""
    if first == second:
        return "± are 95 % intervals. Each was timed in turns with its own original."
    machines = f"{text.escape(first)} and {text.escape(second)}"
    return f"± are 95 % intervals. Each was timed in turns with its own original, on {machines}."


def _end(folder: RunFolder, name: str) -> str:
    try:
        content = folder.file(name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return content[-MOST_LOG:]
