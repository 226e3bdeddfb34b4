"""Removed weights stay removed while the others are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.network.masks import Masks


class Held:
    """The masked parameters of a model that is being trained, all held to their masks at once."""

    def __init__(self, model: nn.Module, masks: Masks) -> None:
        """Take the masks of a model's parameters, by name, to where the parameters are."""
        named = dict(model.named_parameters())
        partial = {name: mask for name, mask in masks.items() if not bool(mask.all())}
        self._parameters: list[Tensor] = [named[name] for name in partial]
        self._masks = [mask.to(named[name]) for name, mask in partial.items()]

    def gradients(self) -> None:
        """Set the gradients of removed weights to 0, so that no momentum gathers for them."""
        pairs = zip(self._parameters, self._masks, strict=True)
        masked = [(p.grad, mask) for p, mask in pairs if p.grad is not None]
        if masked:
            torch._foreach_mul_([grad for grad, _ in masked], [mask for _, mask in masked])

    def weights(self) -> None:
        """Set removed weights to exactly 0, whatever the optimiser made of them."""
        if self._parameters:
            with torch.no_grad():
                torch._foreach_mul_(self._parameters, self._masks)
