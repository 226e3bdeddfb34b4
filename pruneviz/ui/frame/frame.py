"""The frame of every page: the strip on top, the page's title, and errors as sentences.

A page is written like this, and is complete when it is run alone:

    from pruneviz.ui.frame import frame

    with frame.page("Weights", "What do the weights look like?") as view:
        widgets.figure(weights.distribution(layer, weight, mask), key="weights")

`view` reads the plan of the session and asks the engine only for what the page touches, cached.
A ValueError that leaves the `with` becomes its sentence on the page. Widgets that change the plan
take their value from it (`widgets.follow`) and edit it in their `on_change` (`state.edit`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from pruneviz.plan import Plan
from pruneviz.report import LayerReport
from pruneviz.run import Prepared, Pruned
from pruneviz.subjects import Subject
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.live import Live
from pruneviz.ui.frame import strip
from pruneviz.ui.session import edits, hand, state
from pruneviz.ui.words import text
from pruneviz.wording import Fact

log = logging.getLogger(__name__)
# A file of our own: Streamlit would fetch the picture of an emoji or a Material icon elsewhere.
ICON = str(Path(__file__).parent / "icon.png")
SIDEBAR_WIDTH = 220


@dataclass(frozen=True)
class View:
    """What a page may look at: the plan, and what the engine makes of it once it is asked."""

    plan: Plan

    @property
    def subject(self) -> Subject:
        """Return the model and its data; ValueError says why there is none."""
        return cache.subject(self.plan)

    @property
    def prepared(self) -> Prepared:
        """Return the layers that can be pruned and the scores of their units."""
        return cache.prepared(self.plan)

    @property
    def pruned(self) -> Pruned:
        """Return the pruned network; ValueError says why the plan cannot be carried out."""
        return cache.pruned(self.plan)

    @property
    def live(self) -> Live:
        """Return the numbers that the strip shows."""
        return cache.live(self.plan)

    @property
    def possible(self) -> bool:
        """Return whether the plan can be carried out."""
        return cache.is_possible(self.plan)

    @property
    def layers(self) -> list[LayerReport]:
        """Return one row a layer; as if nothing were removed while the plan is impossible."""
        return list(cache.layers(self.plan))

    @property
    def original_quality(self) -> float:
        """Return the unpruned network's primary metric on all held-out inputs."""
        return cache.original_quality(self.plan)

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what the user must know about this pruning."""
        return cache.notes(self.plan)


def configure(title: str) -> None:
    """Set the tab's title and icon and the layout, the same for every page."""
    st.set_page_config(
        page_title=f"{title} · PruneViz",
        page_icon=ICON,
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
    )


@contextmanager
def page(
    title: str, question: str | Callable[[View], str] = "", *, introduction: str = ""
) -> Iterator[View]:
    """Draw the strip and the title, then let the page draw its body; errors become sentences.

    What the page answers may depend on what it looks at.
    With an `introduction` in Markdown, title and introduction stand above the strip.
    """
    configure(title)
    hand.hear()
    desk = state.begin(partial(edits.opening, _brings_data))
    view = View(desk.plan)
    if introduction:
        _heading(title, question, view)
        st.markdown(introduction)
    shown = strip.draw(desk)
    if not introduction:
        _heading(title, question, view)
    try:
        yield view
    except ValueError as error:
        if str(error) not in shown:
            strip.show_error(error)
    except Exception:
        # Whatever else goes wrong, the reader of a page gets a sentence and the log the traceback.
        log.exception("the page '%s' failed", title)
        strip.show_error("this page failed; the plan is safe, and the server's log says where")


def _brings_data(plan: Plan) -> bool:
    with st.spinner(text.waiting(plan)):
        return cache.brings_data(plan)


def _heading(title: str, question: str | Callable[[View], str], view: View) -> None:
    question = question if isinstance(question, str) else question(view)
    with st.container(gap=None):
        st.title(title, anchor=False)
        if question:
            st.caption(question)
