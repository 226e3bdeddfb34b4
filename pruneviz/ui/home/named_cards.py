"""The models that were named at start, as cards on Home."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.measure.cost import parameters_by_name
from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.keys import subject_key
from pruneviz.ui.frame import strip
from pruneviz.ui.session import edits, state
from pruneviz.ui.words import text


@dataclass(frozen=True)
class Facts:
    """What a card says of a model that can be opened."""

    title: str
    sentence: str
    weights_label: str
    parameters: int
    brings_data: bool


def draw(plan: Plan) -> None:
    """Draw one card for each model that was named at start, in their order."""
    for number, named in enumerate(settings.named_models()):
        with st.container(border=True, key=f"card-named-{number}"):
            _card(number, named, plan)


def titles() -> dict[str, str]:
    """Return each model that was named at start, by its reference, with what users call it."""
    found: dict[str, str] = {}
    for named in settings.named_models():
        found.setdefault(named.reference, named.name or text.model_title(named.reference))
    said = Counter(found.values())  # files in two folders may have the same name
    return {key: key if said[title] > 1 else title for key, title in found.items()}


def _card(number: int, named: settings.NamedModel, plan: Plan) -> None:
    try:
        with st.spinner("Loading the model …"):
            facts = _facts(edits.with_named(plan, named))
    except ValueError as error:
        st.markdown(f"**{text.escape(named.name or text.model_title(named.reference))}**")
        strip.show_error(error)
        return
    st.markdown(f"**{text.escape(named.name or facts.title)}**  \n{text.escape(facts.sentence)}")
    file = f" ({PurePath(named.weights).name})" if named.weights else ""
    count = f"{fmt.count(facts.parameters)} parameters".replace(" ", text.NO_BREAK)
    line = f"{text.escape(f'{facts.weights_label}{file}')} · {count}"
    st.markdown(f":small[:gray[{line}]]")
    candidate = edits.with_named(plan, named, brings_data=facts.brings_data)
    in_use = (plan.model, plan.weights) == (named.reference, named.weights)
    st.button(
        "In use" if in_use else "Use this model",
        key=f"use-named-{number}",
        icon=":material/check:" if in_use else None,
        disabled=in_use,
        on_click=state.put,
        args=(candidate,),
    )


@cached(subject_key, most=64, stays=True)
def _facts(plan: Plan) -> Facts:
    subject = cache.subject(plan)
    count = sum(parameters_by_name(subject.model).values())
    has_data = subject.data is not None
    return Facts(subject.title, subject.sentence, subject.weights_label, count, has_data)
