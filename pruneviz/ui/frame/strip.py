"""The strip on every page: which model, the plan in one line, four numbers, undo, jobs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pruneviz import run
from pruneviz.figures.kit.format import unbroken
from pruneviz.history.folder import UNDER_WAY
from pruneviz.plan import Plan
from pruneviz.report import Sparsity
from pruneviz.subjects import Subject
from pruneviz.ui import settings
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.live import REFRESH_SECONDS, Live
from pruneviz.ui.frame import speeds, style
from pruneviz.ui.jobs import panel
from pruneviz.ui.session import hand, state
from pruneviz.ui.session.link import OPENING
from pruneviz.ui.session.state import Desk
from pruneviz.ui.words import apart, cells, text

RECOVERING_SECONDS, WAITING_SECONDS = 1.0, 5.0  # between two looks for the end of a recovery


def draw(desk: Desk) -> list[str]:
    """Draw the strip and what is wrong under it; return the sentences that were shown."""
    problems: list[ValueError | str] = [desk.problem] if desk.problem else []
    subject, live = None, None
    # A corner of its own for the wait, so that nothing moves and what is still true stays.
    with st.container(key="busy"):
        # As Markdown, which is there at once; st.html is fetched only when it is used.
        st.markdown(style.sheet(), unsafe_allow_html=True)
        with st.spinner(text.waiting(desk.plan)):
            try:
                subject = cache.subject(desk.plan)
                live = cache.follow(desk.plan)
            except ValueError as error:
                problems.append(error)
    with st.container(key="keys"):
        st.html(_script(), unsafe_allow_javascript=True)
    with st.container(
        key="strip", border=True, horizontal=True, vertical_alignment="center", gap="small"
    ):
        with st.container(key="strip-plan"):
            _plan(desk.plan, subject, live)
        if live is None:
            for cell in _original(desk.plan, subject):
                _draw(cell)
        else:
            _numbers(desk.plan, live)
        with st.container(key="strip-history", gap="xxsmall"):
            _history(desk)
        if subject is not None:
            # Under the strip and over the page, which therefore stays where it is.
            with st.container(key="strip-problems", gap="xxsmall"):
                _show_errors(problems)
    if subject is None:
        _show_errors(problems)
        st.button("Start again from the default plan", on_click=state.put, args=(OPENING,))
    for note in cache.warnings(desk.plan) if subject else ():
        st.info(text.escape(str(note)), icon=":material/info:")
    return [str(problem) for problem in problems]


@functools.cache
def _script() -> str:
    script = Path(__file__).with_name("keys.js").read_text(encoding="utf-8")
    return f"<script>{script}</script>"


def _show_errors(problems: list[ValueError | str]) -> None:
    for problem in problems:
        show_error(problem)


def show_error(problem: ValueError | str) -> None:
    """Show what is wrong as one sentence, nothing of it read as Markdown."""
    st.error(text.escape(text.sentence(text.problem(problem))), icon=":material/error:")


def _draw(cell: cells.Cell) -> None:
    # Inside another container, as a fragment is: one gives way to the other without a gap.
    with st.container(key=f"strip-{cell.key}"), st.container():
        st.markdown(cells.cell_markdown(cell))


def _numbers(plan: Plan, live: Live) -> None:
    """Draw both networks' numbers; the one that is not final looks for itself until it is."""
    _number(plan, live, _quality, waits=not live.exact)
    _draw(cells.size_cell(live.report.bytes))
    _draw(cells.macs_cell(live.report.macs, live.report.uncounted))
    _number(plan, live, lambda _, now: speeds.cell(now), waits=live.exact and not live.done)


def _number(
    plan: Plan, live: Live, cell: Callable[[Plan, Live], cells.Cell], *, waits: bool
) -> None:
    if not waits:
        _draw(cell(plan, live))
        return
    with st.container(key=f"strip-{cell(plan, live).key}"):
        _on_its_way(plan, [live], cell)


@st.fragment(run_every=REFRESH_SECONDS)
def _on_its_way(plan: Plan, now: list[Live], cell: Callable[[Plan, Live], cells.Cell]) -> None:
    """Draw a number that is not final, better at each look, until no number is to come.

    `now` holds what the page itself was drawn with: a run of the whole page is never cut short
    here, or the widgets below would not be drawn with their values.
    """
    whole, ended = bool(now), False
    if whole:
        live = now.pop()
    else:
        try:
            live = cache.live(plan)
        except ValueError:
            st.rerun()  # the strip says why
        ended = live.done
    st.markdown(cells.cell_markdown(cell(plan, live)))
    if ended:
        st.rerun()


def _plan(plan: Plan, subject: Subject | None, live: Live | None) -> None:
    """Draw the plan; while its recovery is not carried out, look whether it is by now."""
    sparsity = live.report.sparsity if live else None
    if live is None or not run.asks_for_rounds(plan) or cache.is_recovered(plan):
        st.markdown(_plan_markdown(plan, subject, sparsity))
        return
    under_way = cache.run_folder(plan).state() in UNDER_WAY

    @st.fragment(run_every=RECOVERING_SECONDS if under_way else WAITING_SECONDS)
    def waiting() -> None:
        begun = cache.run_folder(plan).state() in UNDER_WAY
        note = "under way" if begun else "not yet"
        st.markdown(_plan_markdown(plan, subject, sparsity, note))
        if cache.is_recovered(plan) or begun != under_way:
            st.rerun()

    waiting()


def _plan_markdown(
    plan: Plan, subject: Subject | None, sparsity: Sparsity | None, note: str = ""
) -> str:
    """Return model, data and plan as three lines; `note` says how far its recovery is."""
    line = text.escape(text.plan_line(plan, sparsity.achieved if sparsity else None))
    line = line.replace(" \\%", "\u00a0\\%") + (f" **({unbroken(note)})**" if note else "")
    name = settings.name_of(plan)
    if subject is None:
        name = text.escape(name or plan.model)
        return f"**{name}**  \n:small[:gray[cannot be opened]]  \n:small[{line}]"
    label = f" :small[:gray[{text.escape(text.subject_line(subject))}]]"
    return f"**{text.escape(name or subject.title)}**  \n{label}  \n:small[{line}]"


def _original(plan: Plan, subject: Subject | None) -> list[cells.Cell]:
    """Return four cells of a plan that cannot be carried out: the original's numbers, or none."""
    if subject is None:
        names = ("Accuracy", "Size", "MACs", "Latency")
        return [cells.Cell(name.lower(), name) for name in names]
    quality = cache.original_quality(plan) if subject.data is not None else None
    baseline = cache.original(plan).baseline
    metric = subject.metrics[0]
    return cells.original_cells(metric, quality, baseline, cache.original_latency(plan))


def _quality(plan: Plan, live: Live) -> cells.Cell:
    known, exact = live.report.primary, live.exact
    original = cache.original_quality(plan) if known and not exact else None
    metric = cache.subject(plan).metrics[0]
    return cells.quality_cell(known, metric, exact=exact, total=live.total, original=original)


def _history(desk: Desk) -> None:
    """Draw undo, redo, the list of snapshots, and below them the jobs."""
    with st.container(horizontal=True, gap="xxsmall"):
        st.button(
            "Undo",
            icon=":material/undo:",
            key="strip-undo",
            help="Undo the last change of the plan",
            disabled=not desk.past,
            on_click=hand.undo,
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            key="strip-redo",
            help="Redo what was undone",
            disabled=not desk.future,
            on_click=hand.redo,
        )
        with st.popover(
            "Snapshots",
            icon=":material/bookmark:",
            key="strip-snapshots",
            help="Snapshots of the plan",
        ):
            _snapshots(desk)
    panel.panel()


def _snapshots(desk: Desk) -> None:
    st.button(
        "Keep the plan as it is now",
        icon=":material/bookmark_add:",
        key="strip-snapshot",
        on_click=state.take_snapshot,
    )
    if not desk.snapshots:
        st.caption("A snapshot keeps a plan under a letter, to come back to or to compare with.")
    # Told apart from each other and from the plan as it is; a single one needs no comparison.
    told = apart.tell_apart([desk.plan, *desk.snapshots.values()])[1:]
    for (name, plan), words in zip(desk.snapshots.items(), told, strict=True):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            shown = words or f"the plan as it is now: {text.plan_line(plan, None)}"
            st.markdown(f"**{name}** {text.escape(shown)}", width=260)
            st.button(
                f"Go back to {name}",
                key=f"strip-restore-{name}",
                on_click=state.restore_snapshot,
                args=(name,),
            )
            st.button(
                f"Forget snapshot {name}",
                icon=":material/delete:",
                key=f"strip-drop-{name}",
                help=f"Forget snapshot {name}",
                on_click=state.drop_snapshot,
                args=(name,),
            )
