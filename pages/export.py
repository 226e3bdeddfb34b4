"""Export: take the plan, the pruned network and the report home."""

import streamlit as st

from pruneviz.figures.kit.format import size
from pruneviz.network.answers import gives_probabilities
from pruneviz.plan import Part, Plan
from pruneviz.run import asks_for_rounds
from pruneviz.store import goes_home
from pruneviz.subjects import Subject
from pruneviz.ui.engine import cache, results
from pruneviz.ui.frame import frame, speeds
from pruneviz.ui.home import uploads
from pruneviz.ui.kit import keeping, widgets
from pruneviz.ui.words import text

AT_ONCE_MS = 5.0  # a forward pass of the original; faster than this, the files are made unasked
WHAT = {
    "plan.yaml": "what to prune and how; repeats this result",
    "weights.safetensors": "the pruned network's weights",
    "recipe.json": "the pruned network's graph, as data",
    "masks.safetensors": "which weights of the original stay",
    "surgery.json": "which indices were cut out of which tensor; repeats the cut on other weights",
    "report.json": "every number, with its interval and machine",
}
REBUILD = """from pathlib import Path

import torch
from pruneviz.export import rebuild

network = rebuild(Path("recipe.json"), Path("weights.safetensors"))
x = torch.zeros(1, {shape}{kind}){about}
{answers}"""
NORMALISED = "  # normalised: (raw - mean) / std, see network.about"


def use(subject: Subject) -> str:
    """Return the code that rebuilds the network and asks it, as its task has it."""
    answers = "answers = network(x)"
    if subject.task.labelled:
        softmax = "" if gives_probabilities(subject.model) else ".softmax(1)"
        answers = f"probabilities = network(x){softmax}"
    return REBUILD.format(
        shape=", ".join(str(size) for size in subject.shape),
        kind="" if subject.dtype.is_floating_point else f", dtype={subject.dtype}",
        about=NORMALISED if subject.dtype.is_floating_point else "",
        answers=answers,
    )


def download_all(files: results.Files) -> None:
    """Draw the download of everything, then of each file, with its size and what it is for."""
    st.download_button(
        f"Download everything as one zip ({size(len(files.archive))})",
        files.archive,
        "pruneviz-run.zip",
        "application/zip",
        type="primary",
        icon=":material/folder_zip:",
        on_click="ignore",
    )
    for name in sorted(files.parts, key=list(WHAT).index):
        content = files.parts[name]
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.download_button(
                name,
                content,
                name,
                icon=":material/download:",
                key=f"export-{name}",
                width=220,
                on_click="ignore",
            )
            what = text.escape(WHAT.get(name, ""))
            st.markdown(f"{what} :small[:gray[{size(len(content))}]]", width="stretch")


def offer_home(plan: Plan) -> None:
    """Offer a network of transformers as a folder that its own classes open."""
    st.subheader("Hugging Face folder", anchor=False)
    st.markdown(
        "`from_pretrained` opens it without PruneViz: `config.json` with the new sizes, weights "
        "and tokenizer. It is opened again here, and must answer as the pruned network does."
    )
    made = results.home.kept(plan)
    if made is None:
        if st.button("Write the Hugging Face folder"):
            results.home(plan)
            st.rerun()
        return
    if made.why is not None:
        st.info(text.escape(text.sentence(str(made.why))), icon=":material/info:")
        return
    st.download_button(
        f"Download the Hugging Face folder as zip ({size(len(made.archive))})",
        made.archive,
        "pruned.zip",
        "application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
    )


def prepare(view: frame.View) -> None:
    """Offer the files: made here for a quick network, else by a job, which leaves time to go on."""
    plan = view.plan
    if asks_for_rounds(plan) and not cache.is_recovered(plan):
        plan = plan.without(Part.RECOVERY)
        widgets.page_link("recover", "Recover: carry the recovery out first")
        st.caption("Until then, these are the files of the network before its recovery.")
    latency = cache.live(plan).report.latency_ms
    quick = latency is not None and latency.original.median < AT_ONCE_MS
    if not quick and not cache.is_carried_out(plan):
        keeping.button(plan, "Measure and write the files", primary=True)
        st.caption(
            "A job times both networks, writes the files and keeps them in Runs. "
            "It goes on while you do something else."
        )
        return
    files = results.files(plan, speeds.pair_at_length)
    download_all(files)
    keeping.button(plan)
    whose = "The strip and the report have the same times"
    if cache.is_carried_out(plan):
        whose = "A job timed the networks of the report, at another moment than the strip did"
    times = f"{whose}: {speeds.conditions(files.report)}. Speed: {speeds.in_words(files.report)}"
    st.caption(text.escape(text.sentence(times)))
    for note in files.notes:
        st.caption(text.escape(note))
    if goes_home(plan.model):
        offer_home(plan)


with frame.page("Export", "Download the pruned network.") as view:
    plan = view.pruned.plan
    if not view.live.report.sparsity.removed:
        widgets.empty("Nothing is removed yet: this exports the original. Tune decides what goes.")
    prepare(view)
    st.subheader("Repeat it", anchor=False)
    st.markdown("The same plan on the command line gives the same network and the same numbers:")
    sent = uploads.sent(plan)
    given = "".join(f" {file.option}" for file in sent)
    st.code(
        f"pruneviz replay .{given}\npruneviz run plan.yaml{given} --out my-run",
        language="bash",
        wrap_lines=True,
    )
    if sent:
        files = " and ".join(text.escape(file.title) for file in sent)
        st.caption(f"On another machine, have the files at hand that you sent: {files}.")
    st.subheader("Use it", anchor=False)
    st.markdown("Weights and recipe are enough; the code that defined the model is not needed:")
    st.code(use(view.subject), language="python", wrap_lines=True)
    st.subheader("The plan", anchor=False)
    st.code(plan.to_yaml(), language=None, wrap_lines=True)
