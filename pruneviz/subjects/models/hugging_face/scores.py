"""Classifiers of transformers as networks that answer with their logits alone."""

from __future__ import annotations

from inspect import signature

from torch import Tensor, nn


class Scores(nn.Module):
    """A classifier that answers with its logits alone, of inputs or of tokens."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images (N, C, H, W) or of texts (N, places)."""
        logits: Tensor = self.network(x).logits
        return logits


class TextScores(Scores):
    """A classifier of texts that is told which places hold tokens and which padding."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the logits of texts (N, places); the mask is 1 at tokens and 0 at padding."""
        logits: Tensor = self.network(input_ids, attention_mask=attention_mask).logits
        return logits


class PairScores(Scores):
    """A classifier of texts that is told of padding, and which tokens are a pair's second text."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> Tensor:
        """Return the logits of texts (N, places); types are 0 and, in the second text, 1."""
        answer = self.network(
            input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        )
        logits: Tensor = answer.logits
        return logits


def scores_of(network: nn.Module, kind: str) -> Scores:
    """Return a classifier of images or texts, called with as much as its own forward takes."""
    takes = signature(network.forward).parameters
    if kind == "image" or "attention_mask" not in takes:
        return Scores(network)
    return PairScores(network) if "token_type_ids" in takes else TextScores(network)
