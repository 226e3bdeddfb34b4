"""LLM-Pruner's way as a plan: parts of the middle blocks by Taylor, then low-rank adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.granularity.units import belongs
from pruneviz.network.inputs import first_input
from pruneviz.plan import ONE_SHOT, Plan, Setting
from pruneviz.proof import find_units
from pruneviz.subjects import Subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

# The paper keeps the first 4 and the last 2 of Llama's 32 blocks, and removes 25 % between them.
FIRST, LAST, SPARSITY = 4 / 32, 2 / 32, 0.25
GRANULARITIES_CUT = ("channel", "head")
RECOVERY = "lora"
TRAINED: Mapping[str, Setting] = {"epochs": 2, "batch_size": 64, "learning_rate": 1e-4}


def llm_pruner(
    subject: Subject, plan: Plan, first: int | None = None, last: int | None = None
) -> Plan:
    """Return the plan with LLM-Pruner's ranking, locks and recovery (arXiv 2305.11627).

    The `first` and `last` blocks stay whole, where none are given as large a share of all as in the
    paper, at least one each, and so does what goes together across blocks. The plan's amount, its
    channels or heads, its locks, and its settings of adapters stay. RefusedError for a network that
    has no block between the ends, and for other granularities.
    """
    if plan.granularity not in GRANULARITIES_CUT:
        raise RefusedError(choosing.not_of_this_preset(plan.granularity, GRANULARITIES_CUT))
    blocks = blocks_of(subject)
    first = max(1, round(FIRST * len(blocks))) if first is None else first
    last = max(1, round(LAST * len(blocks))) if last is None else last
    if first + last >= len(blocks):
        raise RefusedError(choosing.too_few_blocks(len(blocks), first + last))
    units, _ = find_units(subject.model, subject.example, plan.granularity)
    middle = blocks[first : len(blocks) - last]
    locks = {each.name: "all" for each in units if not any(_inside(each, b) for b in middle)}
    if len(locks) == len(units):
        raise RefusedError(choosing.nothing_between_the_ends())
    given = [step.parameters for step in plan.recovery if step.method == RECOVERY]
    return plan.changed(
        criterion="taylor_group",
        criterion_parameters={},
        granularity_parameters={},
        scope="layer",
        scope_parameters={},
        sparsity=plan.sparsity or SPARSITY,
        layers={},
        locks={**plan.locks, **locks},
        schedule=ONE_SHOT,
        schedule_parameters={},
        recovery=[
            {"method": RECOVERY, "parameters": trained(subject, TRAINED, given[0] if given else {})}
        ],
    )


def trained(
    subject: Subject, usual: Mapping[str, Setting], given: Mapping[str, Setting]
) -> dict[str, Setting]:
    """Return how a preset trains: as given, else as usual, in batches that are there to fill."""
    there_are = len(subject.data.train_y) if subject.data is not None else 0
    most = {"batch_size": min(int(usual["batch_size"]), there_are)} if there_are > 1 else {}
    return {**usual, **most, **given}


def blocks_of(subject: Subject) -> tuple[str, ...]:
    """Return the paths of a network's residual blocks, in the order of the forward pass."""
    find = GRANULARITIES.get("depth").implementation
    stages, _ = find(subject.model, first_input(subject.example))
    return tuple(block for stage in stages for block in _blocks(stage))


def _blocks(stage: Units) -> Sequence[str]:
    """Return the paths of a stage's blocks: those that contain all others of their number."""
    shortest: dict[int, str] = {}
    for path, number in stage.places.items():
        if number not in shortest or len(path) < len(shortest[number]):
            shortest[number] = path
    return [shortest[number] for number in sorted(shortest)]


def _inside(units: Units, block: str) -> bool:
    """Return whether all that units are outputs of lies in one block."""
    return all(belongs(layer, block) for layer in units.layers)
