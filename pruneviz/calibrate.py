"""The one pass over the calibration data that criteria may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call

BATCH_SIZE = 64


def gradients(model: nn.Module, x: Tensor, y: Tensor) -> Iterator[dict[str, Tensor]]:
    """Yield, batch by batch, the gradient of the mean cross-entropy for each parameter.

    `x` is (N, …), `y` int64 (N,). The model keeps its mode, its parameters and their `.grad`.
    """
    for start in range(0, len(y), BATCH_SIZE):
        leaves = {n: p.detach().requires_grad_() for n, p in model.named_parameters()}
        with torch.enable_grad():
            logits = functional_call(model, leaves, (x[start : start + BATCH_SIZE],))
            loss = nn.functional.cross_entropy(logits, y[start : start + BATCH_SIZE])
            found = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        yield dict(zip(leaves, found, strict=True))
