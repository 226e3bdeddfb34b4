"""Which input values a network's answer rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.answers import answering_logits
from pruneviz.duplicate import duplicate
from pruneviz.explain.method import METHODS, Question
from pruneviz.registry import Value

MISSING_SHARE = 0.05  # of f(x) − f(x₀): beyond it, an attribution is not to be trusted


@dataclass(frozen=True)
class Attribution:
    """What each input value adds to the logit of class `target`; `values` has the input's shape.

    `delta` is the sum of the values minus f(x) − f(x₀), which is 0 in theory (None where a method
    promises no sum), `valid` whether the numbers may be trusted, `note` a sentence on both.
    """

    method: str
    target: int
    values: Tensor
    delta: float | None
    valid: bool
    note: str

    @property
    def places(self) -> Tensor:
        """Return one value a pixel, (H, W), summed over channels; or one a feature, (F,)."""
        values = self.values[0]
        return values.sum(0) if values.dim() == 3 else values


def attribute(
    model: nn.Module,
    x: Tensor,
    target: int,
    method: str,
    settings: Mapping[str, Value] | None = None,
    average: Tensor | None = None,
) -> Attribution:
    """Explain the logit of class `target` on one input, (1, …); works on a copy of the model.

    `average` is the average input x₀ as the model gets it, broadcast to the input; None is 0, that
    of standardised inputs. ValueError when the method does not fit the model or the input.
    """
    entry = METHODS.get(method)
    if len(x) != 1:
        raise ValueError(f"attributions are for one input at a time, got a batch of {len(x)}")
    own = answering_logits(working_copy(model))
    start = torch.zeros_like(x) if average is None else average.to(x).expand_as(x).clone()
    with torch.no_grad():
        logits = own(torch.cat([x, start]))  # (2, classes)
    if not 0 <= target < logits.shape[1]:
        raise ValueError(f"class {target} is not one of the network's {logits.shape[1]} outputs")
    question = Question(
        model=own,
        x=x.detach().clone().requires_grad_("gradients" in entry.needs),
        average=start,
        target=target,
        settings=entry.settings(settings or {}),
    )
    try:
        answer = entry.implementation(question)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it failed"
        raise ValueError(f"{entry.title} cannot explain this network: {reason}") from error
    values = answer.values.detach()
    rise = float(logits[0, target] - logits[1, target])
    valid, note = _verdict(values, answer.delta, rise)
    return Attribution(method, target, values, answer.delta, valid, note)


def working_copy(model: nn.Module) -> nn.Module:
    """Return a copy whose modules change no tensor in place, so that hooks see what they should."""
    own = duplicate(model).eval()
    for module in own.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return own


def _verdict(values: Tensor, delta: float | None, rise: float) -> tuple[bool, str]:
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
    numbers = f"the values add up to {rise + delta:.2f}, the logit changes by {rise:.2f}"
    numbers = numbers.replace("-", "−")
    if share > MISSING_SHARE:
        return False, f"Do not trust this: {numbers} (off by {100 * share:.0f} %). Take more steps."
    return True, f"Checked: {numbers} (off by {100 * share:.1f} %)."
