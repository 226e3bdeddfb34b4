"""Which input values a network's answer rests on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.explain.embedded import WIDTH, OnEmbeddings
from pruneviz.explain.method import BATCH, METHODS, Question
from pruneviz.network.answers import answering_logits
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import call, tensors
from pruneviz.registry import Value
from pruneviz.tasks import CLASSIFICATION, Explained
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining

STEPS = "steps"
MORE_SECONDS = 10.0
MOST_VALUES = 2**24  # of the answers to all inputs that are asked about at once
MISSING_SHARE = 0.05  # of f(x) − f(x₀): beyond it, an attribution is not to be trusted
# From so many steps on, a sum that is missed as before, to a tenth, is not missed for want of them.
ENOUGH_STEPS, SAME_SHARE = 1_600, 0.1


@dataclass(frozen=True)
class Attribution:
    """What each input value adds to what is explained, by its name: such as a class's logit.

    `values` has the input's shape: of a text it is one number a token. `steps` is how many were
    taken, None of a method without. `delta` is the sum of the values minus f(x) − f(x₀), which is 0
    in theory (None where a method promises no sum), `valid` whether the numbers may be trusted,
    `note` a sentence on both. `more` is how many steps the check asks for, 0 where it holds or more
    do not help, and `seconds` what these took. `of` is the noun for what is explained.
    """

    method: str
    name: str
    values: Tensor
    delta: float | None
    valid: bool
    note: str
    steps: int | None = None
    more: int = 0
    seconds: float = field(default=0.0, compare=False)
    of: str = "logit"

    @property
    def places(self) -> Tensor:
        """Return one value a pixel, (H, W), summed over channels; of others, one of each value."""
        values = self.values[0]
        return values.sum(0) if values.dim() == 3 else values


def attribute(
    model: nn.Module,
    x: Tensor,
    of: int | Explained,
    method: str,
    settings: Mapping[str, Value] | None = None,
    average: Tensor | None = None,
    axis: int = 1,
    seconds: float = MORE_SECONDS,
    progress: Callable[[int], None] = lambda steps: None,
) -> Attribution:
    """Explain something of an answer, as a task says it, on one input; a number is that class.

    The input is (1, …); this works on a copy of the model.
    `average` is the average input x₀ as the model gets it, broadcast to the input; None is 0, that
    of standardised inputs. Tokens (1, places) are explained by their embeddings: there it is the
    share of each token in the texts, (tokens,), whose mean embedding is x₀. On `axis` lie the
    input's channels. Of a method with steps, unless `settings` name their number, they are doubled
    until its check holds, for about `seconds`; `progress` is told each number. ValueError when the
    method does not fit the model or the input.
    """
    entry = METHODS.get(method)
    if len(x) != 1:
        raise RefusedError(explaining.several_inputs(len(x)))
    own, x, start, axis = as_numbers(answering_logits(working_copy(model)), x, average, axis)
    with torch.no_grad():
        answer = call(own, torch.cat([x, start]))  # of 2 inputs
    explained = the_explained(of, answer)
    question = Question(
        model=own,
        x=x.detach().clone().requires_grad_("gradients" in entry.needs),
        average=start,
        explained=explained,
        axis=axis,
        settings=entry.settings(settings or {}),
        tokens=isinstance(own, OnEmbeddings),
        batch=_at_once(answer),
    )
    here, there = explained.of(answer)
    found = _trusted(question, method, settings or {}, float(here - there), seconds, progress)
    return replace(found, values=found.values.sum(WIDTH)) if question.tokens else found


def as_numbers(
    network: nn.Module, x: Tensor, average: Tensor | None, axis: int
) -> tuple[nn.Module, Tensor, Tensor, int]:
    """Return a network, an input (1, …), the average one and the axis of channels, all of numbers.

    Whole numbers are tokens: the network is then one on their embeddings, which are the input.
    """
    if not x.is_floating_point():
        network = OnEmbeddings(network, x)
        return network, network.given, network.average(average), WIDTH
    start = torch.zeros_like(x) if average is None else average.to(x).expand_as(x).clone()
    return network, x, start, axis


def the_explained(of: int | Explained, answer: Any) -> Explained:
    """Return what is to be explained of an answer; a number is that class of a classification."""
    if isinstance(of, Explained):
        return of
    classes = CLASSIFICATION.explained(answer[:1])
    if not 0 <= of < len(classes):
        raise RefusedError(explaining.no_such_class(of, len(classes)))
    return classes[of]


def _at_once(answer: Any) -> int:
    """Return how many inputs' answers have not more values than are held; of these there are 2."""
    values = sum(leaf.numel() for leaf in tensors(answer)) / 2
    return max(1, min(BATCH, int(MOST_VALUES / max(1, values))))


def _trusted(
    question: Question,
    method: str,
    settings: Mapping[str, Value],
    rise: float,
    seconds: float,
    progress: Callable[[int], None],
) -> Attribution:
    """Return a method's answer with what its check says, after more steps where these help."""
    found = _answered(question, method, rise)
    if found.steps is None or found.valid:
        return found
    if STEPS not in settings:
        return _until_it_holds(question, found, rise, seconds, progress)
    if found.steps < ENOUGH_STEPS:
        return found
    half = replace(question, settings={**question.settings, STEPS: found.steps // 2})
    return _judged(found, rise, _answered(half, method, rise))


def _answered(question: Question, method: str, rise: float) -> Attribution:
    """Return a method's answer to a question with what its own check says of it."""
    entry, started = METHODS.get(method), time.perf_counter()
    try:
        answer = entry.implementation(question)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it failed"
        raise RefusedError(explaining.method_fails(entry.title, reason)) from error
    values = answer.values.detach()
    steps = int(question.settings[STEPS]) if STEPS in question.settings else None
    found = Attribution(
        method=method,
        name=question.explained.name,
        values=values,
        delta=answer.delta,
        valid=False,
        note="",
        steps=steps,
        seconds=time.perf_counter() - started,
        of=question.explained.noun,
    )
    return _judged(found, rise)


def _judged(found: Attribution, rise: float, before: Attribution | None = None) -> Attribution:
    """Return an attribution with what its own check says; `before` is one of fewer steps."""
    valid, note = _verdict(found.values, found.delta, rise, found.of)
    if found.steps is None or found.delta is None:
        return replace(found, valid=valid, note=note)
    more, remedy = (0, ".") if valid else _remedy(found, rise, before)
    return replace(found, valid=valid, note=f"{note} Steps: {found.steps:,}{remedy}", more=more)


def _until_it_holds(
    question: Question,
    found: Attribution,
    rise: float,
    seconds: float,
    progress: Callable[[int], None],
) -> Attribution:
    """Take twice as many steps until the check holds, while the next ones fit into the time."""
    begun = time.perf_counter()
    while found.more and found.steps:
        taken = min(2 * found.steps, found.more)
        if time.perf_counter() - begun + found.seconds * taken / found.steps > seconds:
            break
        progress(taken)
        more = replace(question, settings={**question.settings, STEPS: taken})
        answered = _answered(more, found.method, rise)
        found = _judged(answered, rise, found)
    return found


def most_steps(method: str) -> int:
    """Return how many steps a method takes at most; 0 where it takes none."""
    limits = [each.maximum for each in METHODS.get(method).parameters if each.name == STEPS]
    return int(limits[0] or 0) if limits else 0


def working_copy(model: nn.Module) -> nn.Module:
    """Return a copy whose modules change no tensor in place, so that hooks see what they should."""
    own = duplicate(model).eval()
    for module in own.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return own


def _verdict(values: Tensor, delta: float | None, rise: float, noun: str) -> tuple[bool, str]:
    if not bool(torch.isfinite(values).all()):
        return False, "Not valid: the attributions are not finite numbers."
    if not bool(values.any()):
        return (
            False,
            "Nothing to see: every attribution is 0.",
        )
    if delta is None:
        return True, "This method promises no sum, so there is no error to check."
    share = abs(delta) / max(abs(rise), 1e-6)
    summed, change = (f"{number:.2f}".replace("-", "−") for number in (rise + delta, rise))
    numbers = f"the values add up to {summed}, the {noun} changes by {change}"
    if share > MISSING_SHARE:
        return False, f"Do not trust this: {numbers} (off by {100 * share:.0f} %)."
    return True, f"Checked: {numbers} (off by {100 * share:.1f} %)."


def _remedy(found: Attribution, rise: float, before: Attribution | None) -> tuple[int, str]:
    """Return how many steps may do where these were too few, 0 for none, and the end of the note.

    What is missed shrinks at least as fast as the steps grow, where the gradient follows the answer
    at all.
    """
    taken, most, share = found.steps or 0, most_steps(found.method), _missed(found, rise)
    if not math.isfinite(share):
        return 0, ": choose another method."
    if share <= MISSING_SHARE:
        return 0, ": more would show nothing either, as the answer does not change."
    if taken >= most:
        return 0, ", the most there are: choose another method."
    same = before is not None and abs(_missed(before, rise) - share) <= SAME_SHARE * share
    if same and taken >= ENOUGH_STEPS:
        return 0, (
            ", and more do not come closer: on the way from the average input, the network's "
            "answer seems to change where its gradient does not. Choose another method."
        )
    more = min(most, taken * 2 ** max(1, math.ceil(math.log2(share / MISSING_SHARE))))
    return more, f": too few, {more:,} may do."


def _missed(found: Attribution, rise: float) -> float:
    """Return which share of the logit's rise the values miss."""
    return math.nan if found.delta is None else abs(found.delta) / max(abs(rise), 1e-6)
