"""The one inference loop."""

import torch
from torch import Tensor, nn

from pruneviz.network.answers import logits_of
from pruneviz.network.attempts import explained
from pruneviz.network.inputs import Given, batches


def predict(model: nn.Module, x: Given, batch_size: int = 256) -> Tensor:
    """Return the logits, (N, classes), for inputs of shape (N, …); no gradient is recorded."""
    with torch.inference_mode():
        return torch.cat([_logits(model, part) for part in batches(x, batch_size)])


def _logits(model: nn.Module, x: Given) -> Tensor:
    with explained(model, x):
        logits: Tensor = logits_of(model, x)
    return logits
