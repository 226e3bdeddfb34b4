"""Home: which model, which data?"""

import streamlit as st

from pruneviz.figures.inputs import pictures
from pruneviz.plan import Plan
from pruneviz.subjects import ModelCard, list_models, list_torchvision
from pruneviz.subjects.labelling import UnknownClassesError
from pruneviz.subjects.tables.columns import Columns
from pruneviz.ui import settings
from pruneviz.ui.engine import cache
from pruneviz.ui.frame import frame
from pruneviz.ui.home import (
    class_outputs,
    columns_form,
    judging,
    named_cards,
    reading_form,
    uploads,
)
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import edits, state
from pruneviz.ui.words import text


def sample_card(card: ModelCard, plan: Plan) -> None:
    """Draw a sample model: real inputs, what it decides, its numbers, and the way in."""
    with st.container(border=True, key=f"card-{card.name}"):
        if card.kind == "text":
            st.code(card.thumbnail[0], language=None, height=120)
        else:
            draw = pictures.montage if card.kind == "image" else pictures.profiles
            st.image(draw(card.thumbnail), width="stretch", alt=text.picture_sentence(card))
        st.markdown(f"**{card.title}**  \n{card.sentence}")
        st.markdown(f":small[:gray[{text.card_line(card)}]]")
        in_use = plan.model == card.reference and plan.weights is None
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "In use" if in_use else "Use this model",
                key=f"use-{card.name}",
                icon=":material/check:" if in_use else None,
                disabled=in_use,
                on_click=state.put,
                args=(edits.with_model(plan, card.reference),),
            )
            with st.popover("Model card", type="tertiary"):
                st.markdown(card.card.read_text(encoding="utf-8"))


def torchvision_model(plan: Plan) -> None:
    """Offer torchvision's models, and say where their weights come from."""
    name = st.selectbox("torchvision model", list_torchvision(), index=None, key="home-torchvision")
    st.caption(
        "Pretrained weights are used where this machine has them or can download them; "
        "otherwise the weights are random, and every page says so."
    )
    if st.button("Use this model", key="home-use-torchvision", disabled=name is None):
        try_plan(edits.with_model(plan, f"torchvision:{name}"), "Loading the model …")


def own_weights(plan: Plan) -> None:
    """Take a safetensors file for a chosen architecture, checked before the plan changes."""
    known = {card.reference: text.reference_title(card.reference) for card in list_models()}
    torchvision = (f"torchvision:{name}" for name in list_torchvision())
    known |= {reference: text.reference_title(reference) for reference in torchvision}
    named = named_cards.titles()
    known = named | known | named  # first, and by the names given at start
    architecture = st.selectbox(
        "Architecture", list(known), format_func=known.__getitem__, key="home-architecture"
    )
    file = st.file_uploader("Weights (safetensors)", type=["safetensors"], key="home-weights")
    if st.button("Use these weights", key="home-use-weights", disabled=file is None) and file:
        with st.spinner("Checking the weights …"), widgets.problems_here():
            adopt(uploads.plan_with_weights(plan, architecture, file.getvalue(), file.name))


def own_data(plan: Plan) -> None:
    """Take a data file that fits the model, checked before the plan changes."""
    file = st.file_uploader(
        "Data with labels (npz, csv, parquet, jsonl, txt, or a zip of image folders)",
        type=list(uploads.DATA_ENDINGS),
        key="home-data",
        help="npz: arrays x and y, several inputs by their names. csv and parquet: one row an "
        "input, one column its class. zip: one folder of images for each class; folders images and "
        "masks; or images with boxes as COCO lists them. jsonl: a text with its label a line, or "
        "for a language model a question with its choices a line. "
        "txt: a text for a language model, or a word with its class a line.",
    )
    chosen, choose = Columns(), False
    with widgets.problems_here():
        choose = file is not None and uploads.has_columns(file.name, plan)
        if choose and file is not None:
            header = uploads.columns(file.getvalue(), file.name)
            if uploads.is_of_texts(file.name, plan):
                chosen = columns_form.choose_texts(header, chosen, "home-data")
            else:
                chosen = columns_form.choose(header, chosen, "home-data", folded=True)
    incomplete = file is None or (choose and not chosen.target)
    if st.button("Use this data", key="home-use-data", disabled=incomplete) and file:
        sent = (file.getvalue(), file.name, chosen)
        with st.spinner("Checking the data …"), widgets.problems_here():
            try:
                adopt(uploads.plan_with_data(plan, *sent))
            except UnknownClassesError:
                class_outputs.ask(uploads.data_reference(plan, *sent))


def own_reading(view: frame.View) -> None:
    """Draw how the user's own inputs are read, and take what is changed there."""
    for form in (columns_form, reading_form):
        with widgets.problems_here():
            changed = form.draw(view.plan, view.subject.data)
            if changed is not None:
                try_plan(changed, "Reading the data …")


def own_judging(view: frame.View) -> None:
    """Draw what the model is for and what judges it, and take what is changed there."""
    with widgets.problems_here():
        changed = judging.draw(view.plan, view.subject)
        if changed is not None:
            try_plan(changed, "Judging anew …")


def named_data(plan: Plan) -> None:
    """Offer the data that the operator named, and the way back to the sample's own."""
    if settings.data():
        st.caption("Named when this server was started:")
    for reference in settings.data():
        if st.button(text.escape(reference), key=f"home-data-{reference}"):
            try_plan(edits.with_data(plan, reference), "Reading the data …")
    if plan.data is not None:
        st.button(
            "Back to the model's own data, or none",
            key="home-own-data",
            on_click=state.put,
            args=(edits.with_data(plan, None),),
        )


def try_plan(plan: Plan, waiting: str) -> None:
    """Load the model and data of a plan and adopt it; what is wrong is said right here."""
    with st.spinner(waiting), widgets.problems_here():
        try:
            cache.subject(plan)
        except UnknownClassesError:
            class_outputs.ask(plan.data or "")
        else:
            adopt(plan)


def adopt(plan: Plan) -> None:
    """Make a plan that works the session's plan."""
    state.put(plan)
    st.rerun()


INTRODUCTION = """PruneViz removes parts of a trained neural network and shows what that costs in
accuracy and what it saves in size and time.

**First, choose a network** below, or stay with the one in use; then open **Tune** and move a
slider. The box compares the pruned network with the original; it stays on top of every page."""

with frame.page("Home", "Which model, which data?", introduction=INTRODUCTION) as view:
    with st.grid(3, min_column_width=230):
        named_cards.draw(view.plan)
        for card in list_models():
            sample_card(card, view.plan)
    st.header("Or bring your own", anchor=False)
    with st.grid(3, min_column_width=230, gap="medium") as grid:
        with grid.cell():
            st.subheader("A torchvision model", anchor=False)
            torchvision_model(view.plan)
        with grid.cell():
            st.subheader("Your weights", anchor=False)
            own_weights(view.plan)
        with grid.cell():
            st.subheader("Your data", anchor=False)
            in_use = st.container()  # drawn last: a file that was just given may wait for classes
            own_data(view.plan)
            named_data(view.plan)
            with in_use:
                class_outputs.draw(view.plan)
                st.caption(text.escape(text.data_line(view.subject)))
                own_judging(view)
                own_reading(view)
    st.header("What to do next", anchor=False)
    with st.container(horizontal=True):
        widgets.page_link("tune", "Tune: remove something and watch the accuracy")
        widgets.page_link("sensitivity", "Sensitivity: see what each layer can lose")
