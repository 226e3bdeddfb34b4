"""Published ways to prune a language model as a whole, each a plan: ranking, locks, recovery."""

from __future__ import annotations

from collections.abc import Callable

from pruneviz.analyses.llm_pruner import GRANULARITIES_CUT, llm_pruner
from pruneviz.analyses.minitron import depth, width
from pruneviz.plan import Plan
from pruneviz.registry import Registry
from pruneviz.subjects import Subject
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.multiple_choice import MultipleChoice

Preset = Callable[[Subject, Plan], Plan]
PRESETS: Registry[Preset] = Registry("preset")
MINITRON = "Muralidharan et al. 2024 (Minitron), arXiv 2407.14679"

CUT = {  # what each takes, the usual first
    "llm_pruner": GRANULARITIES_CUT, "minitron_depth": ("depth",), "minitron_width": ("channel",)
}  # fmt: skip

PRESETS.register(
    name="llm_pruner",
    title="LLM-Pruner's way",
    family="width",
    sentence="Takes channels (or heads, where the plan cuts heads) out of the middle blocks by "
    "Taylor over all that goes with them, keeps the blocks at both ends whole, and then trains "
    "low-rank adapters.",
    formula="rank by |Σ g · w| of a group → cut → LoRA",
    source="Ma et al. 2023 (LLM-Pruner), arXiv 2305.11627",
)(llm_pruner)
PRESETS.register(
    name="minitron_depth",
    title="Minitron's way, 1: depth",
    family="depth",
    sentence="Takes the blocks of least influence out, and then trains what is left on the "
    "original's probabilities alone. Write the result as a folder and open it for the second step.",
    formula="rank by 1 − cos(input, output) → leave out → KL(original ‖ pruned)",
    source=MINITRON,
)(depth)
PRESETS.register(
    name="minitron_width",
    title="Minitron's way, 2: width",
    family="width",
    sentence="Takes channels of least activation out, those of feed-forward parts, heads and the "
    "stream alike, and then trains what is left on the probabilities of the network that is open.",
    formula="rank by √(mean of a²) → cut → KL(original ‖ pruned)",
    source=MINITRON,
)(width)


def is_for(subject: Subject) -> bool:
    """Return whether presets are meant for a subject: whether it is a language model."""
    return isinstance(subject.task, LanguageModelling | MultipleChoice)


def preset_plan(name: str, subject: Subject, plan: Plan) -> Plan:
    """Return the plan of a preset whatever a plan removes now.

    It takes over the amount, and where the units are its own, what is said of them. RefusedError
    says why a subject has no such plan.
    """
    entry = PRESETS.get(name)
    if plan.granularity not in CUT[name]:
        plan = plan.changed(
            granularity=CUT[name][0], granularity_parameters={}, layers={}, locks={}
        )
    return entry.implementation(subject, plan)
