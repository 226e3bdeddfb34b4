"""A plan, its layers and its subject in words, and text that Markdown shows as it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from torch import Tensor

from pruneviz.allocate import SCOPES
from pruneviz.allocate import decides_amount as scope_decides_amount
from pruneviz.criteria import CRITERIA
from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import GRANULARITIES, Units, noun
from pruneviz.granularity.depth import BlockUnits
from pruneviz.metrics import METRICS
from pruneviz.metrics.metric import sentence_case as sentence_case  # part of this interface
from pruneviz.plan import Plan
from pruneviz.registry import COSTS
from pruneviz.report import ACCURACY, LayerReport, LeftOut
from pruneviz.subjects import ModelCard, Subject
from pruneviz.subjects.models.python_factory import python_title
from pruneviz.subjects.models.samples import SAMPLES
from pruneviz.ui.engine import cache
from pruneviz.ui.session import edits, recipes
from pruneviz.wording import Fact, RefusedError, words

if TYPE_CHECKING:
    pass

NO_BREAK = "\u00a0"
WAITING = "Loading and measuring …"
TILES = "block"  # the granularity whose units are rectangles of weights
MOST_NAMED = 6  # layers in one sentence
GROUP = re.compile(r"~\d+$")  # what the second group of a layer has behind the layer's name
PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def escape(text: str) -> str:
    """Return text that Markdown shows as it stands, whatever a link put into it."""
    return PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning and a stop at its end."""
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith((".", "!", "?")) else f"{whole}."


def told(fact: Fact) -> str:
    """Return a fact as a sentence that Markdown shows as it stands."""
    return escape(sentence(str(fact)))


def problem(found: ValueError | Fact | str) -> str:
    """Return what is wrong, with sparsities in the percent of the sliders."""
    known = found.fact if isinstance(found, RefusedError) else found
    return words(known, _slider) if isinstance(known, Fact) else str(known)


def _slider(share: float) -> str:
    """Return a fraction of units as a slider says it, rounded down so that it can be reached."""
    return f"{int(100 * share + 1e-9)}{NO_BREAK}%"


def ranking_line(plan: Plan) -> str:
    """Return what is removed and how it is ranked: `channels, Magnitude L1`.

    Where another criterion gave way to that, it says so.
    """
    ranked, instead = _criterion(plan.criterion), _gave_way(plan)
    return f"{units_removed(plan)}, {ranked}" + (f" ({instead})" if instead else "")


def _gave_way(plan: Plan) -> Fact | None:
    """Return that another criterion gave way, unless the model is open and has data of its own."""
    found = edits.gave_way(plan)
    with suppress(ValueError):  # of a plan that cannot be opened nothing more is known
        subject = cache.subject.kept(plan) if found else None
        return None if subject is not None and subject.data is not None else found
    return found


def units_removed(plan: Plan) -> str:
    """Return what is removed: `channels`, `tiles of 4×4 weights`."""
    name = plan.granularity
    units = f"{noun(name)}s"
    if name not in GRANULARITIES.names():
        return units
    entry = GRANULARITIES.get(name)
    settings = {
        p.name: plan.granularity_parameters.get(p.name, p.default) for p in entry.parameters
    }
    if name == TILES:
        return f"{units} of {settings['rows']}×{settings['columns']} weights"
    values = ", ".join(f"{parameter} {value}" for parameter, value in settings.items())
    shared = sum(other.unit == entry.unit for other in GRANULARITIES) > 1  # the noun is not enough
    title = entry.title if shared and entry.unit else ""
    detail = ": ".join(part for part in (title, values) if part)
    return f"{units} ({detail})" if detail else units


def decides_amount(plan: Plan) -> bool:
    """Return whether the plan's scope decides how much goes, so the overall slider does not."""
    return plan.scope in SCOPES.names() and scope_decides_amount(plan.scope)


def plan_line(plan: Plan, removed: float | None) -> str:
    """Return the plan in one line: `channels, Magnitude L1, 48 % removed, then recalibrated`."""
    parts = [ranking_line(plan), _scope(plan)]
    if removed is not None:
        parts.append(f"{fmt.share(removed)} removed")
    if plan.locks:
        parts.append(fmt.plural(len(plan.locks), "lock"))
    recovery = recipes.words(plan)
    return ", ".join([*parts, f"then {recovery}"] if recovery else parts)


def waiting(plan: Plan) -> str:
    """Return what a reader waits for: the criterion and what it takes, where that can be long."""
    entry = next((each for each in CRITERIA if each.name == plan.criterion), None)
    if entry is None or not entry.is_slow:
        return WAITING
    return f"Measuring {entry.title}: {COSTS[entry.cost]} …"


def subject_line(subject: Subject) -> str:
    """Return which weights and which data, in one line."""
    if subject.data is None:
        return f"{subject.weights_label}, no data"
    return f"{subject.weights_label}, {fmt.inputs(len(subject.data.x), subject.data.held_out)}"


def data_line(subject: Subject) -> str:
    """Return which data the network is judged on, in one sentence."""
    if subject.data is None:
        return "No data yet: without data there is no accuracy, only size and speed."
    return f"In use: {subject.data.note}"


def card_line(card: ModelCard) -> str:
    """Return a sample's baseline numbers: its quality with its interval, inputs, parameters."""
    metric = METRICS.get(card.metric)
    number = f"{fmt.metric_value(metric, card.quality)} "
    number += f"({fmt.metric_spread(metric, *card.interval)})"
    said = " right" if card.metric == ACCURACY else f" {sentence_case(metric.title)}"
    parts = [
        number.replace(" ", NO_BREAK) + f"{said} on {card.samples:,}{NO_BREAK}held-out inputs",
        f"{fmt.count(card.parameters)} parameters".replace(" ", NO_BREAK),
    ]
    if card.classes:
        parts.append(f"{len(card.classes)}{NO_BREAK}classes")
    return "  \n".join((parts[0], " · ".join(parts[1:])))


def comparison_sentence(plan: Plan) -> str:
    """Return what is held fixed while methods are compared."""
    return (
        f"Each method removes {noun(plan.granularity)}s, divided among layers as on Tune "
        f"({SCOPES.get(plan.scope).title}), at nine amounts. Each is measured on all evaluated "
        "inputs, without any recovery; locks hold. A method is a job: it goes on while you do "
        "something else, and is never measured twice."
    )


def scope_sentence(plan: Plan) -> str:
    """Return what the overall slider does under the plan's scope."""
    by_hand = fmt.plural(len(plan.layers), "layer")
    own = f"{by_hand} set by hand" if plan.layers else "no layer is set by hand"
    if plan.scope == "layer":
        return f"Moves every layer that has no value of its own; {own}."
    if decides_amount(plan):
        title = SCOPES.get(plan.scope).title
        return f"Not used: '{escape(title)}' decides how much goes; {own}."
    stays = f"what is set by hand stays ({by_hand})" if plan.layers else own
    return f"The whole network loses this; {stays}."


def layer_label(plan: Plan, units: Units, row: LayerReport | None, word: str = "") -> str:
    """Return a slider's label: the layer, how many of its units go, and who decided.

    `word` is what a unit of this layer is called. Without a row it is not known how many go. The
    label is read out as it stands, so there is no Markdown in it.
    """
    label = f"{units.name} · {units_gone(units, row, word or noun(plan.granularity))}"
    if units.name in plan.locks:
        kept = plan.locks[units.name]
        label += " · locked" if kept == "all" else f" · {len(kept)} locked"
    elif row and row.locked:
        label += f" · {row.locked} locked"
    locked = plan.locks.get(units.name) == "all"
    return f"{label} · by hand" if units.name in plan.layers and not locked else label


def units_gone(units: Units, row: LayerReport | None, word: str) -> str:
    """Return how many units of a layer go: `19 of 64 channels go`; all there are without a row."""
    there_are = fmt.plural(units.count, word)
    return f"{row.removed:,} of {there_are} go" if row else there_are


def coupled_sentence(units: Units) -> str:
    """Return which other layers lose the same units; "" when none does."""
    others = [n for n in units.layers if n != units.name and n not in units.places]
    return f"Goes together with {some(others)}." if others else ""


def some(names: Sequence[str]) -> str:
    """Return names as a list; of many the first, and how many more there are."""
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def blocks_table(units: BlockUnits, keep: Tensor | None) -> pd.DataFrame:
    """Return one row a block: its number, its path, its parameters, whether it stays if known."""
    table = pd.DataFrame(
        {
            "Block": range(units.count),
            "Path": units.blocks,
            "Parameters": units.sizes().tolist(),
        }
    )
    if keep is not None:
        table["In this plan"] = ["stays" if stays else "goes" for stays in keep.tolist()]
    return table


def by_name(skipped: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Return what stays whole once a layer, with all its reasons.

    A layer may be in several groups, of which the second is called `layer~2`.
    """
    whys: dict[str, dict[Fact, None]] = {}
    for each in skipped:
        whys.setdefault(GROUP.sub("", each.name), {}).update(dict.fromkeys(each.why))
    return tuple(LeftOut(name, tuple(found)) for name, found in whys.items())


def skipped_title(skipped: Sequence[LeftOut]) -> str:
    """Return how many layers are not pruned."""
    return f"Cannot be pruned: {fmt.plural(len(by_name(skipped)), 'layer')}, with the reasons"


def skipped_table(skipped: Sequence[LeftOut]) -> pd.DataFrame:
    """Return one row a layer that is not pruned."""
    return pd.DataFrame(
        [{"Layer": s.name, "Why it cannot be pruned": s.reason} for s in by_name(skipped)]
    )


def reference_title(reference: str) -> str:
    """Return a model reference as a person would say it: `resnet18 (torchvision)`."""
    kind, _, name = reference.partition(":")
    return f"{name} ({kind})"


def model_title(reference: str) -> str:
    """Return a plan's model as the strip names it, without opening it."""
    kind, _, name = reference.partition(":")
    if kind == "sample" and name in SAMPLES:
        return SAMPLES[name].title
    if kind == "python":
        return python_title(name)
    if kind == "hf":
        return f"{Path(name).name} (Hugging Face)"
    return reference_title(reference)


def picture_sentence(card: ModelCard) -> str:
    """Return what a sample's picture shows, for those who do not see it."""
    if len(card.thumbnail) != len(card.classes):
        images = card.kind == "image"
        return "A few of the images" if images else "The measurements of a few real inputs"
    what = "One real image" if card.kind == "image" else "The measurements of one real input"
    return f"{what} of each class: {', '.join(card.classes)}"


def _criterion(name: str) -> str:
    if name not in CRITERIA.names():
        return name
    return CRITERIA.get(name).title.replace(",", "")


def _scope(plan: Plan) -> str:
    if plan.scope not in SCOPES.names():
        return plan.scope
    title = SCOPES.get(plan.scope).title
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
