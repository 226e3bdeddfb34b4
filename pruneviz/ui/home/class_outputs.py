"""Home's table of the classes in the user's data: which output of the model each of them is."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from pruneviz.measure.permuted import fitting_classes, permutation
from pruneviz.measure.quality import label_logits
from pruneviz.plan import Plan
from pruneviz.subjects.labelling import PROPOSED, UnknownClassesError
from pruneviz.ui.engine import cache
from pruneviz.ui.session import edits, state
from pruneviz.ui.words import text

ASKED = "home-classes-asked"  # data that was given and waits for the outputs of its classes
CLASS, INPUTS, OUTPUT = "Class in the data", "Inputs", "Output of the model"
HELP = (
    "Which output of the model each class of your data is. The model's own names and whole numbers "
    "decide by themselves; what you choose here is kept in the plan."
)


def ask(reference: str) -> None:
    """Remember data whose classes are not known to be certain outputs, to ask for them."""
    st.session_state[ASKED] = reference


def draw(plan: Plan) -> None:
    """Draw the table for the plan's data, or for data that was given and waits for it."""
    waiting = st.session_state.get(ASKED)
    asked = edits.with_data(plan, waiting) if waiting and waiting != plan.data else plan
    try:
        subject = cache.subject(asked)
    except UnknownClassesError as error:
        st.warning(text.escape(text.sentence(str(error))), icon=":material/warning:")
        _table(asked, error.counts, error.choices, {**asked.classes})
        return
    except ValueError:
        return  # the strip says it of the plan; of data that waits, the button says it again
    data = subject.data
    if data is not None and data.labelling is not None and asked is plan:
        logits = cache.original(plan).baseline.answers if subject.task.labelled else None
        found = permutation(label_logits(logits), data.y) if logits is not None else None
        doubtful = data.labelling.basis in PROPOSED or found is not None
        with st.expander("Classes and outputs", expanded=doubtful):
            choices = [f"{i} ({name})" for i, name in enumerate(data.classes)]
            _table(plan, data.labelling.counts, choices, data.labelling.outputs)
            if found is not None:
                _offer(plan, fitting_classes(found, data))


def editor_key(plan: Plan, outputs: Mapping[str, int]) -> str:
    """Return the key of the table: another one once the data or its outputs are others."""
    said = json.dumps([plan.model, plan.data, sorted(outputs.items())])
    return f"home-classes-{zlib.crc32(said.encode()):08x}"


def _table(
    plan: Plan, counts: Mapping[str, int], choices: Sequence[str], outputs: Mapping[str, int]
) -> None:
    """Draw a row for each class, and the button that takes the chosen outputs into the plan."""
    known = {name: choices[i] for name, i in outputs.items() if name in counts and i < len(choices)}
    rows = pd.DataFrame(
        {CLASS: list(counts), INPUTS: list(counts.values()), OUTPUT: [known.get(n) for n in counts]}
    )
    chosen = st.data_editor(
        rows,
        key=editor_key(plan, outputs),
        hide_index=True,
        disabled=[CLASS, INPUTS],
        column_config={
            OUTPUT: st.column_config.SelectboxColumn(
                options=list(choices), required=True, help=HELP
            )
        },
    )
    said = {
        str(name): list(choices).index(output)
        for name, output in zip(chosen[CLASS], chosen[OUTPUT], strict=True)
        if isinstance(output, str)
    }
    st.button(
        "Use these outputs",
        key="home-classes-apply",
        disabled=len(said) < len(counts),
        help="Choose an output for every class." if len(said) < len(counts) else None,
        on_click=_apply,
        args=(plan, said),
    )


def _offer(plan: Plan, classes: dict[str, int]) -> None:
    st.button(
        "Use the outputs that fit best",
        key="home-classes-fit",
        on_click=_apply,
        args=(plan, classes),
    )


def _apply(plan: Plan, classes: dict[str, int]) -> None:
    st.session_state.pop(ASKED, None)
    state.put(edits.with_data(plan, plan.data, classes))
