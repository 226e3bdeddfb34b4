"""Tokens as what an embedding layer makes of them: numbers, which have gradients and averages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.network.inputs import call
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining

WIDTH = 2  # the axis of an embedding's values, (1, places, width)


class OnEmbeddings(nn.Module):
    """A network of one text's tokens, (1, places), that is given their embeddings instead.

    RefusedError where no embedding layer reads the tokens, or several do.
    """

    def __init__(self, network: nn.Module, tokens: Tensor) -> None:
        super().__init__()
        self.network, self._tokens = network, tokens
        found: dict[nn.Embedding, Tensor] = {}

        def note(module: nn.Embedding, given: tuple[Any, ...], output: Tensor) -> None:
            if self._reads(given):
                found[module] = output.detach()

        with _watched(network, note), torch.no_grad():
            call(network, tokens)
        if len(found) != 1:
            several = explaining.several_embeddings(len(found))
            raise RefusedError(several if found else explaining.no_embedding())
        ((self.embedding, self.given),) = found.items()

    def forward(self, embeddings: Tensor) -> Any:
        """Return the network's answer to embeddings (B, places, width) in the tokens' place."""

        def put(module: nn.Embedding, given: tuple[Any, ...], _: Tensor) -> Tensor | None:
            return embeddings if module is self.embedding and self._reads(given) else None

        with _watched(self.network, put):
            return call(self.network, self._tokens.expand(len(embeddings), -1))

    def average(self, shares: Tensor | None) -> Tensor:
        """Return the mean embedding where each token has its share, (1, places, width).

        Shares are (tokens,) and add up to 1; without them it is 0.
        """
        if shares is None:
            return torch.zeros_like(self.given)
        used = shares[: self.embedding.num_embeddings].nonzero()[:, 0]
        with torch.no_grad():
            rows = call(self.embedding, used)  # (used, width)
        mean = shares[used].to(torch.float64) @ rows.to(torch.float64)
        start: Tensor = mean.to(self.given.dtype).expand_as(self.given).clone()
        return start

    def _reads(self, given: tuple[Any, ...]) -> bool:
        """Return whether a layer is given these tokens, of one text or of several alike."""
        return bool(given) and given[0].shape[1:] == self._tokens.shape[1:] and bool(
            (given[0] == self._tokens).all()
        )  # fmt: skip


@contextmanager
def _watched(network: nn.Module, hook: Any) -> Iterator[None]:
    embeddings = (each for each in network.modules() if isinstance(each, nn.Embedding))
    handles = [each.register_forward_hook(hook) for each in embeddings]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
