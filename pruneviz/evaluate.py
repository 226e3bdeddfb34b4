"""The one inference loop."""

import torch
from torch import Tensor, nn

from pruneviz.answers import logits_of


def predict(model: nn.Module, x: Tensor, batch_size: int = 256) -> Tensor:
    """Return the logits, (N, classes), for inputs of shape (N, …); no gradient is recorded."""
    with torch.inference_mode():
        return torch.cat([logits_of(model, part) for part in x.split(batch_size)])
