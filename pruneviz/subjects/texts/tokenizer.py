"""What a language model cuts its texts with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Tokenizer(Protocol):
    """How a text becomes the tokens of a language model, and these a text again."""

    @property
    def token_bytes(self) -> Tensor:
        """How many bytes of text each token stands for, int64 (tokens,); 0 for special ones."""

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, without any that stand at its ends."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text that tokens stand for."""
